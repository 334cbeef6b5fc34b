import type { SandboxAccount } from './accounts.ts';
import { createRandom } from './random.ts';
import type { RecordKind, RelatedKind } from './records.ts';

/** How many of each an account has: few, so that engagements share them and a lookup of many ids has duplicates. */
const relatedCounts: Readonly<Record<RelatedKind, number>> = {
  users: 4,
  contacts: 8,
  accounts: 4,
  opportunities: 5,
  leads: 4,
  projects: 3,
  notes: 10,
};

const known = new Map<string, readonly string[]>();

/** The ids of an account's records of one kind, in the provider's form, without duplicates; the same in every sandbox. */
export function relatedIds({ provider }: SandboxAccount, kind: RelatedKind): readonly string[] {
  const name = `${provider.label} ${kind}`;
  const ids = known.get(name) ?? createIds({ provider }, kind, relatedCounts[kind]);
  known.set(name, ids);
  return ids;
}

/** Creates `count` different ids that depend on the account and, unless all kinds are numbered alike, on the kind. */
export function createIds(
  { provider }: Pick<SandboxAccount, 'provider'>,
  kind: RecordKind,
  count: number,
): readonly string[] {
  const random = createRandom(`${provider.label} ${provider.numbersKindsAlike ? 'engagements' : kind}`);
  const ids = new Set<string>();
  while (ids.size < count) {
    ids.add(provider.createId(random, kind));
  }
  return [...ids];
}
