import { LRUCache } from 'lru-cache';
import type { LimitedBy } from './attempt.ts';
import { Breaker, isAccountTrouble } from './breaker.ts';
import { Gate } from './gate.ts';
import { RateBudget } from './rate-budget.ts';

/**
 * How many requests of one integrated account may be on their way, and how many more may wait: a slow account must not
 * take every connection, nor every place that the process has for requests.
 */
const maxRunning = 64;
const maxWaiting = 436;

/** The same for bodies that are streamed, whose clients decide how long they take. */
const maxStreams = 8;
const maxWaitingStreams = 64;

/** How many lanes are kept; one that is dropped while it is in use begins anew. */
const maxLanes = 5_000;

/** Truto's documented limits are per 10 seconds; what is sent evenly may arrive in a bunch, so ours are a little longer. */
const windowMs = 10_250;
const requestsPerAccount = 50;
const requestsPerToken = 500;

/** What the requests of one integrated account, made with one token, go through. */
export interface Lane {
  readonly requests: Gate;
  readonly streams: Gate;
  readonly breaker: Breaker;
  /** The account's budget, and that of the token, which all its accounts share. */
  readonly budgets: readonly [account: RateBudget, token: RateBudget];
}

/**
 * Makes the lanes of this process. A lane belongs to a token and an account: what somebody does with a token that may be
 * worthless costs nobody else's requests to the same account.
 * @param keepsRateLimits keep under Truto's documented limits (vendor's public agent documentation, July 2026).
 */
export function createLanes(keepsRateLimits: boolean): (limitedBy: LimitedBy) => Lane {
  const lanes = new LRUCache<string, Lane>({ max: maxLanes });
  const tokenBudgets = new LRUCache<string, RateBudget>({ max: maxLanes });
  const budgetOf = (requests: number) => new RateBudget(keepsRateLimits ? requests : 0, windowMs);

  function tokenBudgetOf(tokenId: string): RateBudget {
    const budget = tokenBudgets.get(tokenId) ?? budgetOf(requestsPerToken);
    tokenBudgets.set(tokenId, budget);
    return budget;
  }

  return ({ tokenId, integratedAccountId }) => {
    const key = JSON.stringify([tokenId, integratedAccountId]);
    const known = lanes.get(key);
    if (known) return known;
    const lane: Lane = {
      requests: new Gate(maxRunning, maxWaiting),
      streams: new Gate(maxStreams, maxWaitingStreams),
      breaker: new Breaker(isAccountTrouble),
      budgets: [budgetOf(requestsPerAccount), tokenBudgetOf(tokenId)],
    };
    lanes.set(key, lane);
    return lane;
  };
}
