import { type BulkheadPolicy, bulkhead } from 'cockatiel';
import { LRUCache } from 'lru-cache';

/** How many related records of one integrated account are read at once; Truto allows 50 requests in 10 seconds. */
const maxConcurrentReads = 8;

/** How many accounts' limits are kept; one that is dropped while reads are on their way begins anew. */
const maxAccounts = 10_000;

/** Runs a read when fewer than 8 are on their way for the integrated account. Waiting is bounded by the read's deadline. */
export type LimitReads = <Result>(integratedAccountId: string, read: () => Promise<Result>) => Promise<Result>;

/** Makes the limit that all operations of this process share. */
export function createReadLimit(): LimitReads {
  const limits = new LRUCache<string, BulkheadPolicy>({ max: maxAccounts });
  return (integratedAccountId, read) => {
    const limit = limits.get(integratedAccountId) ?? bulkhead(maxConcurrentReads, Number.POSITIVE_INFINITY);
    limits.set(integratedAccountId, limit);
    return limit.execute(read);
  };
}
