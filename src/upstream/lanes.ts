import { LRUCache } from 'lru-cache';
import type { LimitedBy } from './attempt.ts';
import { Breaker, isAccountFailure } from './breaker.ts';
import { Permits } from './permits.ts';
import { RateBudget, type RequestLimits } from './rate-budget.ts';

/**
 * How many interactive requests of one integrated account may be in flight, and how many more may wait; and again as many in the
 * background, with permits of their own. A slow account must not take all connections or all of the queue. A whole list of deletes fits.
 */
const maxRunning = 100;
const maxWaiting = 400;

/**
 * The same for streamed bodies, whose readers decide how long they take. More than one caller may have, and fewer than the connections
 * for streams.
 */
const maxStreams = 16;
const maxWaitingStreams = 64;

/** How many streamed bodies one caller may have open. */
export const maxStreamsPerCaller = 8;

/** The most lanes, and callers whose streams are counted. A dropped one starts again, even while it is in use. */
const maxLanes = 5_000;
/** Sized, because with `max` a cache allocates room for all of them when it is made. */
const laneBounds = { maxSize: maxLanes, sizeCalculation: () => 1 };

/** Requests may arrive closer together than they were sent, so this is a little longer than Truto's 10 seconds. */
const windowMs = 10_250;

/** Truto's documented limits (vendor's public agent documentation, July 2026), for all requests together. */
export const documentedLimits: RequestLimits = { windowMs, perAccount: 50, perToken: 500 };

/** One replica's part of the limits, for replicas that cannot communicate. */
export function shareOf(limits: RequestLimits, replicas: number): RequestLimits {
  const part = (limit: number) => Math.max(1, Math.floor(limit / replicas));
  return { ...limits, perAccount: part(limits.perAccount), perToken: part(limits.perToken) };
}

/** The limits for the requests of one integrated account with one token. */
export interface Lane {
  readonly requests: Permits;
  readonly streams: Permits;
  /** Of requests that must not take the permits of interactive ones. */
  readonly background: Permits;
  readonly breaker: Breaker;
  /** The account's budget, and the token's, which all of its accounts share. */
  readonly budgets: readonly [account: RateBudget, token: RateBudget];
  /** True while the replicas share budgets in Redis: then these only count. */
  isShared: boolean;
}

function known<Value extends object>(cache: LRUCache<string, Value>, key: string, make: () => Value): Value {
  const found = cache.get(key);
  if (found) return found;
  const made = make();
  cache.set(key, made);
  return made;
}

/** Isolates the callers and accounts of this process from each other. */
export class Lanes {
  readonly #limits: RequestLimits | undefined;
  readonly #lanes = new LRUCache<string, Lane>(laneBounds);
  readonly #tokenBudgets = new LRUCache<string, RateBudget>(laneBounds);
  readonly #streams = new LRUCache<string, Permits>(laneBounds);

  /** @param limits the rate limits of this process. Undefined for none. */
  constructor(limits: RequestLimits | undefined) {
    this.#limits = limits;
  }

  /** The lane of a token and an account. An invalid token must not affect requests to the same account with other tokens. */
  find({ tokenId, integratedAccountId }: LimitedBy): Lane {
    const { perAccount = 0, perToken = 0 } = this.#limits ?? {};
    return known(this.#lanes, `${tokenId.length} ${tokenId}${integratedAccountId}`, () => ({
      requests: new Permits(maxRunning, maxWaiting),
      streams: new Permits(maxStreams, maxWaitingStreams),
      background: new Permits(maxRunning, maxWaiting),
      breaker: new Breaker(isAccountFailure),
      budgets: [
        new RateBudget(perAccount, windowMs),
        known(this.#tokenBudgets, tokenId, () => new RateBudget(perToken, windowMs)),
      ],
      isShared: false,
    }));
  }

  /** The permits for streams to one caller. */
  streamsOf(callerId: string): Permits {
    return known(this.#streams, callerId, () => new Permits(maxStreamsPerCaller, maxWaitingStreams));
  }
}
