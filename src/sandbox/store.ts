import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import type { EngagementRecord } from './records.ts';
import { seedEngagements } from './seed.ts';

/** A record and its number in the provider's own order. */
export interface Numbered<Item> {
  /** Counts from 0 and is never given twice, so that a cursor survives the deletion of what it points at. */
  readonly number: number;
  readonly record: Item;
}

/** The engagements of one account. */
export class Collection {
  readonly #records: Map<string, Numbered<EngagementRecord>>;
  readonly #deletedIds = new Set<string>();

  constructor(records: readonly EngagementRecord[]) {
    this.#records = new Map(records.map((record, number) => [record.id, { number, record }]));
  }

  get(id: string): EngagementRecord | undefined {
    return this.#records.get(id)?.record;
  }

  delete(id: string): void {
    if (this.#records.delete(id)) {
      this.#deletedIds.add(id);
    }
  }

  wasDeleted(id: string): boolean {
    return this.#deletedIds.has(id);
  }

  /** What is there now, in order. */
  list(): readonly Numbered<EngagementRecord>[] {
    return [...this.#records.values()];
  }
}

/**
 * The engagements of one running sandbox, by the id of the account. What they refer to is the same in every sandbox: see
 * `resources.ts`.
 */
export type Store = ReadonlyMap<string, Collection>;

/**
 * Creates a store with the seed in it, independent of every other.
 * @throws {RangeError} for a number of engagements that cannot be seeded.
 */
export function createStore(engagementsPerAccount?: number): Store {
  return new Map(
    sandboxAccounts.map((account) => [account.id, new Collection(seedEngagements(account, engagementsPerAccount))]),
  );
}

/** The engagements of one of the sandbox's accounts. */
export function findCollection(store: Store, { id }: SandboxAccount): Collection {
  const collection = store.get(id);
  if (collection === undefined) {
    throw new RangeError(`The sandbox has no engagements for the account ${id}`);
  }
  return collection;
}
