import { LRUCache } from 'lru-cache';
import type { LimitedBy } from '../../upstream/attempt.ts';
import { Permits } from '../../upstream/permits.ts';

/** How many related records of one integrated account are read at once; Truto allows 50 requests in 10 seconds. */
const maxConcurrentReads = 8;

/** How many more may wait. */
const maxWaiting = 10_000;

/** How many accounts' limits are kept; one that is dropped while reads are on their way begins anew. */
const maxAccounts = 5_000;

/**
 * Runs a read when fewer than 8 are on their way for the integrated account; undefined when its turn does not come before
 * the deadline, a moment by `performance.now()`.
 */
export type LimitReads = <Result>(
  limitedBy: LimitedBy,
  deadlineAt: number,
  read: () => Promise<Result>,
) => Promise<Result | undefined>;

/** Makes the limit that all operations of this process share. */
export function createReadLimit(): LimitReads {
  const accounts = new LRUCache<string, Permits>({ max: maxAccounts });
  return async ({ tokenId, integratedAccountId }, deadlineAt, read) => {
    const key = JSON.stringify([tokenId, integratedAccountId]);
    const permits = accounts.get(key) ?? new Permits(maxConcurrentReads, maxWaiting);
    accounts.set(key, permits);
    const release = await permits.acquire(deadlineAt);
    if (!release) return undefined;
    try {
      return await read();
    } finally {
      release();
    }
  };
}
