import { type SharedMemory, script } from '../redis/shared-memory.ts';
import type { LimitedBy } from './attempt.ts';
import { digest } from './digest.ts';

/** The longest pause: a wrong header of upstream must not lock an account out for weeks. */
export const maxPauseMs = 60_000;

/** How many requests may be sent in any window: for one integrated account, and for one token with all of its accounts. */
export interface RequestLimits {
  readonly windowMs: number;
  readonly perAccount: number;
  readonly perToken: number;
}

/**
 * A rate limit over an exact sliding window, so upstream never counts more, wherever its own windows begin. A request is counted when
 * it is sent, never before, so none is counted that was not sent. Moments are by a monotonic clock, in milliseconds.
 */
export class RateBudget {
  readonly #windowMs: number;
  /** When the last requests were sent, as many as the limit. The oldest is at `#oldest`. */
  readonly #wentAt: Float64Array;
  #oldest = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** How many requests wait. */
  waiting = 0;

  /** @param limit 0 for no limit: only pauses count. */
  constructor(limit: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#wentAt = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /** How long a new request must wait, behind those that wait already; 0 for not at all. */
  delayMs(nowMs: number): number {
    const limit = this.#wentAt.length;
    const paused = this.#pausedUntil - nowMs;
    if (limit === 0) return Math.max(0, paused);
    const rounds = Math.floor(this.waiting / limit);
    const went = this.#wentAt[(this.#oldest + this.waiting) % limit] ?? 0;
    const free = Math.max(went + this.#windowMs, rounds > 0 ? nowMs : Number.NEGATIVE_INFINITY) - nowMs;
    return Math.max(0, paused, free + rounds * this.#windowMs);
  }

  /** True when a request may be sent now. */
  canTake(nowMs: number): boolean {
    const limit = this.#wentAt.length;
    const isFree = limit === 0 || (this.#wentAt[this.#oldest] ?? 0) + this.#windowMs <= nowMs;
    return isFree && nowMs >= this.#pausedUntil;
  }

  /** Counts a request that is sent now. {@link RateBudget.canTake} must have been true. */
  take(nowMs: number): void {
    const limit = this.#wentAt.length;
    if (limit === 0) return;
    this.#wentAt[this.#oldest] = nowMs;
    this.#oldest = (this.#oldest + 1) % limit;
  }

  /** Counts a request as waiting while the promise is pending. Later requests wait behind it. */
  async whileWaiting<Result>(wait: Promise<Result>): Promise<Result> {
    this.waiting += 1;
    try {
      return await wait;
    } finally {
      this.waiting -= 1;
    }
  }

  /** Allows no request for this time. A pause is never shortened. */
  pause(nowMs: number, forMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, nowMs + Math.min(forMs, maxPauseMs));
  }
}

/** The part of each budget that background requests may not use. */
const reservedShare = 0.2;

/** Redis counts a request before it is sent. The window is longer by the most time that may lie between, in milliseconds. */
const maxAnswerMs = 400;

/** The part of a request's remaining time that it may wait for Redis: a slow Redis must not fail the request. */
const maxWaitShare = 0.25;

/**
 * KEYS: the account's and the token's lists of when the last requests were sent, newest first, and the account's pause. ARGV: the
 * window, and for each budget its limit and the part of it for this request. By Redis' clock, since replicas' clocks differ.
 */
const takeRequest = script<number>(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local delay = math.max(0, redis.call('PTTL', KEYS[3]))
for i = 1, 2 do
  local limit = tonumber(ARGV[2 * i + 1])
  local went = limit > 0 and redis.call('LINDEX', KEYS[i], limit - 1)
  if went then delay = math.max(delay, math.min(tonumber(went), now) + window - now) end
end
if delay > 0 then return delay end
for i = 1, 2 do
  if tonumber(ARGV[2 * i]) > 0 then
    redis.call('LPUSH', KEYS[i], now)
    redis.call('LTRIM', KEYS[i], 0, tonumber(ARGV[2 * i]) - 1)
    redis.call('PEXPIRE', KEYS[i], window)
  end
end
return 0`);

const pauseAccount = script<number>(`
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
return 0`);

/** The part of a limit for background requests; 0 for no limit. */
function unreserved(limit: number): number {
  return limit === 0 ? 0 : Math.max(1, Math.floor(limit * (1 - reservedShare)));
}

/**
 * Creates the shared limits in Redis, over sliding windows like {@link RateBudget}.
 * @param limits undefined for none: only pauses count.
 */
export function createSharedBudget(memory: SharedMemory, limits: RequestLimits | undefined) {
  /** The key of a budget. Ids are hashed: they may have any characters and any length. */
  const keyOf = (...parts: readonly string[]) => `${memory.keyPrefix}:budget:${digest(...parts)}`;
  const { windowMs, perAccount, perToken } = limits ?? { windowMs: 0, perAccount: 0, perToken: 0 };
  const foreground = [perAccount, perToken].flatMap((limit) => [limit, limit]);
  const background = [perAccount, perToken].flatMap((limit) => [limit, unreserved(limit)]);
  const accountKey = ({ tokenId, integratedAccountId }: LimitedBy) => keyOf(tokenId, integratedAccountId);
  return {
    /**
     * Counts a request in the budgets of its account and its token, in one step. It must be sent at once.
     * @param isBackground true to leave a fifth of each budget to interactive requests.
     * @param beginBy the moment (by `performance.now()`) by which the request must be sent. Redis gets a part of the time until then.
     * @returns 0 when it is counted; else how long to wait, in milliseconds; undefined when Redis did not answer in time.
     */
    async take(limitedBy: LimitedBy, isBackground: boolean, beginBy: number): Promise<number | undefined> {
      const account = accountKey(limitedBy);
      const keys = [account, keyOf(limitedBy.tokenId), `${account}:pause`];
      const askedAtMs = performance.now();
      const answerBy = askedAtMs + Math.min(maxAnswerMs, (beginBy - askedAtMs) * maxWaitShare);
      const args = [windowMs + maxAnswerMs, ...(isBackground ? background : foreground)];
      const delayMs = await memory.ask((redis) => takeRequest(redis, keys, args), answerBy);
      // With a later answer, the request would be sent outside of the window in which it was counted.
      return performance.now() > answerBy ? undefined : delayMs;
    },
    /** The further delay behind so many waiting requests of an account, in milliseconds. */
    queueDelayMs: (waiting: number) => (perAccount === 0 ? 0 : Math.floor(waiting / perAccount) * windowMs),
    /** Allows no request of the account for this time, a minute at most. A pause is never shortened. */
    async pause(limitedBy: LimitedBy, forMs: number): Promise<void> {
      if (forMs <= 0) return;
      const [key, ms] = [`${accountKey(limitedBy)}:pause`, Math.ceil(Math.min(forMs, maxPauseMs))];
      await memory.ask((redis) => pauseAccount(redis, [key], [ms]), performance.now() + maxAnswerMs);
    },
  };
}

/** The rate limits that all replicas share. */
export type SharedBudget = ReturnType<typeof createSharedBudget>;
