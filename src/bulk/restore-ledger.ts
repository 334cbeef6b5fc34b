import * as scripts from './job-scripts.ts';
import { askRedis, type BulkMemory, ledgerKeptMs, type Question, redisKey } from './job-scripts.ts';
import type { PageLease } from './job-store.ts';
import type { LedgerLine } from './undo-files.ts';

/** An item of a restore: its job, its page and its index there. */
export interface RestoreItemPosition {
  readonly jobId: string;
  readonly page: number;
  readonly index: number;
}

/** How many entries of the terminal's ledger are looked up at once. */
const entriesPerRead = 100;

/** Writes an item as `by` of the ledger has it. */
export function itemName({ jobId, page, index }: RestoreItemPosition): string {
  return `${jobId} ${page} ${index}`;
}

/** The key of a new record: that of the engagement that it restores, with its id. */
export function keyWithId(key: string, id: string): string {
  const [integratedAccountId, type] = JSON.parse(key);
  return JSON.stringify([integratedAccountId, type, id]);
}

/**
 * Which engagements of an integrated account are restored, under which new ids, and which creates have no known end. It outlives the jobs by a
 * year. Keys are from `engagementKey`. Each method rejects with `BulkUnavailable` while Redis cannot be reached.
 */
export class RestoreLedger {
  readonly #memory: BulkMemory;

  constructor(memory: BulkMemory) {
    this.#memory = memory;
  }

  readonly #ask = <Answer>(question: Question<Answer>) => askRedis(this.#memory, question);
  readonly #restored = (integratedAccountId: string) => redisKey(this.#memory, 'restored', { integratedAccountId });
  readonly #restoring = (integratedAccountId: string) => redisKey(this.#memory, 'restoring', { integratedAccountId });

  /**
   * Reads what is known of engagements, in their order: the new record of each, and the item that created it; when a create began that has no
   * known end (in milliseconds since 1970), and its item; and how many creates were refused. The terminal's creates have no item.
   */
  async find(integratedAccountId: string, keys: readonly string[]) {
    if (keys.length === 0) return [];
    const read = (name: string, fields: readonly string[]) => this.#ask((redis) => redis.hmget(name, ...fields));
    // In this order: a create that ends in between moves from the first to the second.
    const begun = await read(this.#restoring(integratedAccountId), keys);
    const counts = keys.map((key) => `refused ${key}`);
    const ended = await read(this.#restored(integratedAccountId), [...keys, ...counts]);
    return keys.map((_, i) => {
      const [start, value, refusals] = [begun[i], ended[i], ended[keys.length + i]];
      const [newId = '', by = ''] = JSON.parse(value ?? '[]') as string[];
      return {
        ...(value != null && { restored: { newId, by } }),
        ...(start != null && { begunAtMs: Number.parseInt(start, 10), begunBy: start.replace(/^\d+ /, '') }),
        refusalCount: Number(refusals ?? 0),
      };
    });
  }

  /** Notes that a create is about to be sent; see {@link scripts.claimRestore}. @param by the item and the attempt. */
  async claim(integratedAccountId: string, lease: PageLease, key: string, by: string): Promise<boolean> {
    return (await scripts.claimRestore(this.#memory, { ...lease, integratedAccountId, key, by })) === 1;
  }

  /** Notes the end of a create; see {@link scripts.endRestore}. @param newId undefined when nothing was created. */
  async end(integratedAccountId: string, key: string, by: string, newId: string | undefined): Promise<boolean> {
    const newKey = newId === undefined ? '' : keyWithId(key, newId);
    const values = { integratedAccountId, key, by, newKey, newId: newId ?? '' };
    return (await scripts.endRestore(this.#memory, values)) === 1;
  }

  /** True when the new record with that id restores another engagement. */
  async isTaken(integratedAccountId: string, key: string, newId: string): Promise<boolean> {
    const field = `new ${keyWithId(key, newId)}`;
    const other = await this.#ask((redis) => redis.hget(this.#restored(integratedAccountId), field));
    return (other ?? key) !== key;
  }

  /** The creates of other engagements that have no known end: the item of each; null when it was the terminal's. */
  async readBegun(integratedAccountId: string, besidesKey: string): Promise<readonly (RestoreItemPosition | null)[]> {
    const all = await this.#ask((redis) => redis.hgetall(this.#restoring(integratedAccountId)));
    return Object.entries(all).flatMap(([key, value]) => {
      if (key === besidesKey) return [];
      const [, jobId = '', page, index] = value.split(' ');
      return [jobId === '' ? null : { jobId, page: Number(page), index: Number(index) }];
    });
  }

  /** Adds the last events of the terminal's ledger, by keys. An engagement that is known here keeps its entry. */
  async add(integratedAccountId: string, entries: ReadonlyMap<string, LedgerLine>): Promise<void> {
    const [restored, restoring] = [this.#restored(integratedAccountId), this.#restoring(integratedAccountId)];
    const all = [...entries];
    for (let from = 0; from < all.length; from += entriesPerRead) {
      const some = all.slice(from, from + entriesPerRead);
      const keys = some.map(([key]) => key);
      const known = await this.find(integratedAccountId, keys);
      const add = async ([key, { event, at, newId }]: (typeof some)[number], index: number) => {
        if (known[index]?.restored) return;
        if (event === 'begun') await this.#ask((redis) => redis.hsetnx(restoring, key, `${Date.parse(at)} `));
        // Of `refused`, an earlier look into the folder may have seen the create in flight.
        else await this.end(integratedAccountId, key, '', newId);
      };
      await Promise.all(some.map(add));
    }
    for (const name of [restored, restoring]) await this.#ask((redis) => redis.pexpire(name, ledgerKeptMs));
  }
}
