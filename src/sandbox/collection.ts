/** A record at its place in the provider's own order. */
export interface Placed<Item> {
  /** Counts from 0 and is never given twice, so that a cursor survives the deletion of what it points at. */
  readonly place: number;
  readonly record: Item;
}

/** The records of one resource in one account. */
export class Collection<Item extends { readonly id: string }> {
  readonly #records: Map<string, Placed<Item>>;
  readonly #deletedIds = new Set<string>();

  constructor(records: readonly Item[]) {
    this.#records = new Map(records.map((record, place) => [record.id, { place, record }]));
  }

  get(id: string): Item | undefined {
    return this.#records.get(id)?.record;
  }

  /** Removes the record; false when there is none. */
  delete(id: string): boolean {
    const existed = this.#records.delete(id);
    if (existed) {
      this.#deletedIds.add(id);
    }
    return existed;
  }

  /** True when the record existed and was deleted. */
  wasDeleted(id: string): boolean {
    return this.#deletedIds.has(id);
  }

  /** What is there now, in order. */
  list(): readonly Placed<Item>[] {
    return [...this.#records.values()];
  }
}
