import { LRUCache } from 'lru-cache';
import type { LimitedBy } from './attempt.ts';
import { Breaker, isAccountFailure } from './breaker.ts';
import { Permits } from './permits.ts';
import { RateBudget, type RequestLimits } from './rate-budget.ts';

/**
 * How many requests of one integrated account may be on their way, and how many more may wait: a slow account must not
 * take every connection, nor every place that the process has for requests. A whole list of deletes goes at once.
 */
const maxRunning = 100;
const maxWaiting = 400;

/**
 * The same for bodies that are streamed, whose clients decide how long they take: more than one caller may have, and only a part of
 * those that upstream's client has connections for.
 */
const maxStreams = 16;
const maxWaitingStreams = 64;

/** How many bodies may be streamed to one caller at once. */
export const maxStreamsPerCaller = 8;

/** How many callers' streams are counted; one that is dropped while it has some begins anew. */
const maxStreamingCallers = 5_000;

/** The same for what nobody waits for, besides: it must not take the places of those who do. */
const maxBackground = 100;

/** How many lanes are kept; one that is dropped while it is in use begins anew. */
const maxLanes = 5_000;

/** Truto's documented limits are per 10 seconds; what is sent evenly may arrive in a bunch, so ours are a little longer. */
const windowMs = 10_250;
const perAccount = 50;
const perToken = 500;

/** Truto's documented limits (vendor's public agent documentation, July 2026), which all requests keep together. */
export const documentedLimits: RequestLimits = { windowMs, perAccount, perToken };

/** One replica's part of the limits: together the replicas then keep them, without a word to each other. */
export function shareOf({ windowMs, perAccount, perToken }: RequestLimits, replicas: number): RequestLimits {
  const part = (limit: number) => Math.max(1, Math.floor(limit / replicas));
  return { windowMs, perAccount: part(perAccount), perToken: part(perToken) };
}

/** What the requests of one integrated account, made with one token, go through. */
export interface Lane {
  readonly requests: Permits;
  readonly streams: Permits;
  readonly background: Permits;
  readonly breaker: Breaker;
  /** The account's budget, and that of the token, which all its accounts share. */
  readonly budgets: readonly [account: RateBudget, token: RateBudget];
  /** True while the budgets are those that all replicas share: then the ones here only count. */
  isShared: boolean;
}

/** Everything that keeps callers and accounts of this process apart. */
export interface Lanes {
  /**
   * A lane belongs to a token and an account: what somebody does with a token that may be worthless costs nobody else's requests
   * to the same account.
   */
  find(limitedBy: LimitedBy): Lane;
  /** The permits for bodies that are streamed to one caller. */
  streamsOf(callerId: string): Permits;
}

/** @param limits what this process keeps by itself; undefined for none. */
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
