import { LRUCache } from 'lru-cache';
import type { LimitedBy } from './attempt.ts';
import { Breaker, isAccountFailure } from './breaker.ts';
import { Permits } from './permits.ts';
import { RateBudget, type RequestLimits } from './rate-budget.ts';

/**
 * How many requests of one integrated account may be in flight, and how many more may wait. A slow account must not take all
 * connections or all of the queue. A whole list of deletes fits.
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

/** How many callers' streams are counted. A caller that is dropped while it has streams starts at 0. */
const maxStreamingCallers = 5_000;

/** The same for background requests, which must not take the permits of interactive ones. */
const maxBackground = 100;

/** The most lanes. A dropped lane starts again, even while it is in use. */
const maxLanes = 5_000;

/** Truto's limits are per 10 seconds. Requests may arrive closer together than they were sent, so this is a little longer. */
const windowMs = 10_250;
const perAccount = 50;
const perToken = 500;

/** Truto's documented limits (vendor's public agent documentation, July 2026), for all requests together. */
export const documentedLimits: RequestLimits = { windowMs, perAccount, perToken };

/** One replica's part of the limits, for replicas that cannot communicate. */
export function shareOf({ windowMs, perAccount, perToken }: RequestLimits, replicas: number): RequestLimits {
  const part = (limit: number) => Math.max(1, Math.floor(limit / replicas));
  return { windowMs, perAccount: part(perAccount), perToken: part(perToken) };
}

/** The limits for the requests of one integrated account with one token. */
export interface Lane {
  readonly requests: Permits;
  readonly streams: Permits;
  readonly background: Permits;
  readonly breaker: Breaker;
  /** The account's budget, and the token's, which all of its accounts share. */
  readonly budgets: readonly [account: RateBudget, token: RateBudget];
  /** True while the replicas share budgets in Redis: then these only count. */
  isShared: boolean;
}

/** Isolates the callers and accounts of this process from each other. */
export interface Lanes {
  /**
   * The lane of a token and an account. An invalid token must not affect requests to the same account with other tokens.
   */
  find(limitedBy: LimitedBy): Lane;
  /** The permits for streams to one caller. */
  streamsOf(callerId: string): Permits;
}

/** @param limits the rate limits of this process. Undefined for none. */
export function createLanes(limits: RequestLimits | undefined): Lanes {
  const lanes = new LRUCache<string, Lane>({ max: maxLanes });
  const tokenBudgets = new LRUCache<string, RateBudget>({ max: maxLanes });
  const streams = new LRUCache<string, Permits>({ max: maxStreamingCallers });
  const budgetOf = (requests = 0) => new RateBudget(requests, windowMs);

  function known<Value extends object>(cache: LRUCache<string, Value>, key: string, make: () => Value): Value {
    const found = cache.get(key);
    if (found) return found;
    const made = make();
    cache.set(key, made);
    return made;
  }

  function makeLane(tokenId: string): Lane {
    return {
      requests: new Permits(maxRunning, maxWaiting),
      streams: new Permits(maxStreams, maxWaitingStreams),
      background: new Permits(maxBackground, maxWaiting),
      breaker: new Breaker(isAccountFailure),
      budgets: [budgetOf(limits?.perAccount), known(tokenBudgets, tokenId, () => budgetOf(limits?.perToken))],
      isShared: false,
    };
  }

  return {
    find({ tokenId, integratedAccountId }) {
      const key = `${tokenId.length} ${tokenId}${integratedAccountId}`;
      return known(lanes, key, () => makeLane(tokenId));
    },
    streamsOf: (callerId) => known(streams, callerId, () => new Permits(maxStreamsPerCaller, maxWaitingStreams)),
  };
}
