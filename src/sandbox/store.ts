import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import { Collection } from './collection.ts';
import type { RecordKind, RecordsByKind } from './record-kind.ts';
import { accounts } from './resources/accounts.ts';
import { contacts } from './resources/contacts.ts';
import { leads } from './resources/leads.ts';
import { notes } from './resources/notes.ts';
import { opportunities } from './resources/opportunities.ts';
import { projects } from './resources/projects.ts';
import { users } from './resources/users.ts';
import { seedEngagements } from './seed.ts';

/** The data of one running sandbox. Another resource is another map here and another row in `routes.ts`. */
export type Store = {
  readonly [Kind in RecordKind]: ReadonlyMap<SandboxAccount, Collection<RecordsByKind[Kind]>>;
};

function collect<Item extends { readonly id: string }>(
  seed: (account: SandboxAccount) => readonly Item[],
): ReadonlyMap<SandboxAccount, Collection<Item>> {
  return new Map(sandboxAccounts.map((account) => [account, new Collection(seed(account))]));
}

/**
 * Creates a store with the seed in it, independent of every other.
 * @throws {RangeError} for a number of engagements that cannot be seeded.
 */
export function createStore(engagementsPerAccount?: number): Store {
  return {
    engagements: collect((account) => seedEngagements(account, engagementsPerAccount)),
    users: collect(users.seed),
    contacts: collect(contacts.seed),
    accounts: collect(accounts.seed),
    opportunities: collect(opportunities.seed),
    leads: collect(leads.seed),
    projects: collect(projects.seed),
    notes: collect(notes.seed),
  };
}

/** The records of one kind in one of the sandbox's accounts. */
export function findCollection<Kind extends RecordKind>(
  store: Store,
  kind: Kind,
  account: SandboxAccount,
): Collection<RecordsByKind[Kind]> {
  const collection = store[kind].get(account);
  if (collection === undefined) {
    throw new RangeError(`The sandbox has no records for the account ${account.id}`);
  }
  return collection;
}
