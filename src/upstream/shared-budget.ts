import { type SharedMemory, script } from '../redis/shared-memory.ts';
import type { LimitedBy } from './attempt.ts';
import { digest } from './digest.ts';
import { maxPauseMs, type RequestLimits } from './rate-budget.ts';

/** The limits as all replicas keep them together. */
export interface SharedBudget {
  /**
   * Takes a place in the account's budget and in the token's, at once: the request has to go now.
   * @param isBackground leaves a fifth of each budget to those who wait for an answer.
   * @param beginBy the moment (by `performance.now()`) by which the request must go. A part of the time until then is waited at most.
   * @returns 0 when it is taken; else how long there is none, in milliseconds; undefined when nobody can say, or not in time.
   */
  take(limitedBy: LimitedBy, isBackground: boolean, beginBy: number): Promise<number | undefined>;
  /** How much longer than it says whoever comes behind so many of an account will wait, in milliseconds. */
  queueDelayMs(waiting: number): number;
  /** Lets nothing of the account go for so long, a minute at most. A pause is never shortened. */
  pause(limitedBy: LimitedBy, forMs: number): Promise<void>;
}

/** What part of each budget background requests leave alone. */
const reservedShare = 0.2;

/** A place is taken when Redis says so, and the request goes when that is heard: the window is longer by as much as may lie between. */
const maxAnswerMs = 400;

/** What part of the time that a request has left it waits for Redis at most: a slow one must not cost the request. */
const maxWaitShare = 0.25;

/**
 * KEYS: the account's and the token's list of when the last requests went, newest first, and the account's pause. ARGV: the
 * window, and for each budget its limit and what of it is for this request. By Redis' own clock: replicas' differ.
 */
const takePlace = script<number>(
  'takePlace',
  `
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
return 0`,
);

const pauseAccount = script<number>(
  'pauseAccount',
  `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
return 0`,
);

/** What background requests may take of a limit; 0 for no limit. */
function unreserved(limit: number): number {
  return limit === 0 ? 0 : Math.max(1, Math.floor(limit * (1 - reservedShare)));
}

/**
 * Keeps the limits in Redis, as exact as {@link RateBudget} does in one process: over windows that slide.
 * @param limits undefined: none, only pauses.
 */
export function createSharedBudget(memory: SharedMemory, limits: RequestLimits | undefined): SharedBudget {
  /** Names a budget; ids may have any characters, and any length. */
  const keyOf = (...parts: readonly string[]) => `${memory.keyPrefix}:budget:${digest(...parts)}`;
  const { windowMs, perAccount, perToken } = limits ?? { windowMs: 0, perAccount: 0, perToken: 0 };
  const places = (isBackground: boolean) =>
    [perAccount, perToken].flatMap((limit) => [limit, isBackground ? unreserved(limit) : limit]);
  const foreground = places(false);
  const background = places(true);
  const accountKey = ({ tokenId, integratedAccountId }: LimitedBy) => keyOf(tokenId, integratedAccountId);
  return {
    async take(limitedBy, isBackground, beginBy) {
      const account = accountKey(limitedBy);
      const keys = [account, keyOf(limitedBy.tokenId), `${account}:pause`];
      const limitsForIt = isBackground ? background : foreground;
      const askedAtMs = performance.now();
      const answerBy = askedAtMs + Math.min(maxAnswerMs, (beginBy - askedAtMs) * maxWaitShare);
      const args = [windowMs + maxAnswerMs, ...limitsForIt];
      const delayMs = await memory.ask((redis) => takePlace(redis, keys, args), answerBy);
      // Later it is too late to go in the window that it was taken in: a Redis that slow is as good as none.
      return performance.now() > answerBy ? undefined : delayMs;
    },
    queueDelayMs: (waiting) => (perAccount === 0 ? 0 : Math.floor(waiting / perAccount) * windowMs),
    async pause(limitedBy, forMs) {
      if (forMs > 0)
        await memory.ask(
          (redis) => pauseAccount(redis, [`${accountKey(limitedBy)}:pause`], [Math.ceil(Math.min(forMs, maxPauseMs))]),
          performance.now() + maxAnswerMs,
        );
    },
  };
}
