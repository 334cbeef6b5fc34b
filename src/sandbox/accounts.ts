import type { EngagementType } from '../engagement/input.ts';
import { type Integration, integrations } from '../engagement/integrations.ts';
import type { Provider } from './provider.ts';
import { providers } from './providers.ts';
import { createRandom } from './random.ts';
import type { RecordKind, RelatedKind } from './records.ts';

/** The bearer token that a sandbox accepts unless it was started with another. No secret: it guards invented data. */
export const sandboxToken = 'sandbox-token';

/** An integrated account of the sandbox: one customer's connection to one CRM. */
export interface SandboxAccount {
  /** A version 4 UUID, the same in every sandbox: `…0001` is Affinity, `…0015` HubSpot. */
  readonly id: string;
  /** The slug that `GET /integrated-account/{id}` shows, and the name as Truto's documentation prints it, e.g. `Zoho CRM`. */
  readonly integration: { readonly name: string; readonly label: string };
  /** What the integration needs on delete. Absent when it cannot delete engagements. */
  readonly rule?: Integration;
  readonly provider: Provider;
  /** The types of the engagements that it starts with. */
  readonly seededTypes: readonly EngagementType[];
}

function connect([label, provider]: readonly [label: string, provider: Provider]): SandboxAccount {
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
}

/** All accounts of a sandbox: one for each imitated CRM. */
export const sandboxAccounts: readonly SandboxAccount[] = Object.entries(providers).map(connect);

/** The account of an integration by its label, e.g. `sandboxAccount('Zoho CRM')`. Throws for an unknown label. */
export function sandboxAccount(label: string): SandboxAccount {
  const account = sandboxAccounts.find(({ integration }) => integration.label === label);
  if (account === undefined) throw new RangeError(`The sandbox has no integrated account for ${JSON.stringify(label)}`);
  return account;
}

/** How many records of each kind an account has: few, so that engagements share them and a lookup of many ids has duplicates. */
const relatedCounts = { users: 4, contacts: 8, accounts: 4, opportunities: 5, leads: 4, projects: 3, notes: 10 };

const known = new Map<string, readonly string[]>();

/** The ids of an account's records of one kind, in the provider's form, without duplicates; the same in every sandbox. */
export function relatedIds(account: SandboxAccount, kind: RelatedKind): readonly string[] {
  const name = `${account.id} ${kind}`;
  const ids = known.get(name) ?? createIds(account, kind, relatedCounts[kind]);
  known.set(name, ids);
  return ids;
}

/** Creates `count` different ids that depend on the account and, unless all kinds are numbered alike, on the kind. */
export function createIds(
  { integration, provider }: SandboxAccount,
  kind: RecordKind,
  count: number,
): readonly string[] {
  const random = createRandom(`${integration.label} ${provider.numbersKindsAlike ? 'engagements' : kind}`);
  const ids = new Set<string>();
  while (ids.size < count) {
    ids.add(provider.createId(random, kind));
  }
  return [...ids];
}
