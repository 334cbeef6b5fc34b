import { openToken } from '../config/settings.ts';
import type { EngagementType } from '../engagement/input.ts';
import { type Integration, integrations } from '../engagement/integrations.ts';
import { type Provider, providers } from './providers.ts';

/** The bearer token that a sandbox accepts by default. */
export const sandboxToken: string = openToken;

/** An integrated account of the sandbox: one customer's connection to one CRM. */
export interface SandboxAccount {
  /** A version 4 UUID, the same in every sandbox: `…0001` is Affinity, `…0015` HubSpot. */
  readonly id: string;
  /** The slug that `GET /integrated-account/{id}` shows, and the name as Truto's documentation prints it, e.g. `Zoho CRM`. */
  readonly integration: { readonly name: string; readonly label: string };
  /** The integration's rules for a delete. Absent when it cannot delete engagements. */
  readonly rule?: Integration;
  readonly provider: Provider;
  /** The types of its engagements at the start. */
  readonly seededTypes: readonly EngagementType[];
}

/** All accounts of a sandbox: one for each imitated CRM. */
export const sandboxAccounts: readonly SandboxAccount[] = Object.entries(providers).map(([label, provider]) => {
  const { accountNumber, seededTypes = ['call', 'email', 'meeting', 'note'] } = provider;
  const rule = integrations.find(({ name }) => name === label);
  return {
    id: `00000000-0000-4000-8000-${String(accountNumber).padStart(12, '0')}`,
    // The slugs published so far (affinity, capsule, close, onepagecrm, zohocrm) follow this; the rest is [inferred].
    integration: { name: label.toLowerCase().replace(/[^a-z0-9]/g, ''), label },
    ...(rule && { rule }),
    provider,
    seededTypes: rule?.engagementTypes.length ? rule.engagementTypes : seededTypes,
  };
});

/** The account of an integration by its label, e.g. `sandboxAccount('Zoho CRM')`. Throws for an unknown label. */
export function sandboxAccount(label: string): SandboxAccount {
  const account = sandboxAccounts.find(({ integration }) => integration.label === label);
  if (account === undefined) throw new RangeError(`The sandbox has no integrated account for ${JSON.stringify(label)}`);
  return account;
}
