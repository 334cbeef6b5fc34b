import type { SandboxAccount } from './accounts.ts';
import { createRandom } from './random.ts';
import type { RecordKind, RelatedKind } from './record-kind.ts';

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

/** The ids of an account's records of one kind: the same in every sandbox, in the provider's id form, without duplicates. */
export function relatedIds(account: SandboxAccount, kind: RelatedKind): readonly string[] {
  return createIds(account, kind, relatedCounts[kind]);
}

/** Creates `count` different ids that depend on account and kind alone, or on the account where kinds are numbered alike. */
export function createIds(account: SandboxAccount, kind: RecordKind, count: number): readonly string[] {
  const { provider } = account;
  const random = createRandom(`${provider.label} ${provider.numbersKindsAlike ? 'engagements' : kind}`);
  const ids = new Set<string>();
  while (ids.size < count) {
    ids.add(provider.createId(random, kind));
  }
  return [...ids];
}
