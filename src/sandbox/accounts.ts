import { type Integration, integrations } from '../engagement/integrations.ts';

/** The bearer token a sandbox accepts unless it was started with another. No secret: it guards invented data. */
export const sandboxToken = 'sandbox-token';

/** An integrated account of the sandbox: one customer's connection to one CRM. */
export interface SandboxAccount {
  /** The integrated account id, a version 4 UUID; the same in every sandbox. */
  readonly id: string;
  readonly integration: {
    /** The slug that `GET /integrated-account/{id}` shows. */
    readonly name: string;
    /** The integration's name as Truto's documentation prints it, e.g. `Zoho CRM`. */
    readonly label: string;
  };
  /** What the integration needs on delete; absent when it cannot delete engagements at all. */
  readonly rule?: Integration;
}

/** The slugs published so far (affinity, capsule, close, onepagecrm, zohocrm) all follow this; the rest is [inferred]. */
function slug(label: string): string {
  return label.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** One account per integration that can delete, in the table's order, and a HubSpot account that cannot. */
const connections: readonly { readonly label: string; readonly rule?: Integration }[] = [
  ...integrations.map((rule) => ({ label: rule.name, rule })),
  { label: 'HubSpot' },
];

/** All accounts of a sandbox. The last digits of an id are its place in this list: `…0001` is Affinity, `…0015` HubSpot. */
export const sandboxAccounts: readonly SandboxAccount[] = connections.map(({ label, rule }, index) => ({
  id: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
  integration: { name: slug(label), label },
  ...(rule && { rule }),
}));

/** The account of an integration by its label, e.g. `sandboxAccount('Zoho CRM')`. Throws for a label it does not know. */
export function sandboxAccount(label: string): SandboxAccount {
  const account = sandboxAccounts.find((candidate) => candidate.integration.label === label);
  if (account === undefined) {
    throw new RangeError(`The sandbox has no integrated account for ${JSON.stringify(label)}`);
  }
  return account;
}
