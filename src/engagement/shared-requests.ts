import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SharedMemory, script } from '../redis/shared-memory.ts';
import {
  answersRememberedMs,
  type KeyedRequest,
  rememberedMs,
  type SharedClaim,
  type SharedRequests,
  type StoredResult,
  storedResult,
} from './request-memory.ts';
import type { OutcomeUnknownError } from './result.ts';

/** How often a waiting process asks for the result of another, in milliseconds. */
const askAgainMs = 25;

/** How often a process tries to report a delete without a claim, in milliseconds. */
const reportAgainMs = 250;

/** How much longer than an operation a claim lasts, in milliseconds. */
const leaseMarginMs = 1_000;

/**
 * KEYS: the delete, its number of answered attempts, and the state of the memory: the number of claims, and since when none is lost.
 * A number of claims below one seen before means that Redis restarted with an older state.
 *
 * ARGV: the fingerprint, the claimant, the lease, how long the claim is remembered, the number of claims that this process has seen.
 *
 * Returns `other`, `wait`, or `known` with the result. Or, with the claim, `again` with the result that may be tried again, `lost` (the
 * process that had the claim was lost) or `first`. Then the number of answered attempts, the number of claims, and 1 when claims may be
 * lost.
 */
const claimDelete = script<
  readonly [kind: string, result?: string, answerCount?: string, claimCount?: number, isInDoubt?: number]
>(
  'claimDelete',
  `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'until', 'result', 'mayBeTried')
if known[1] and known[1] ~= ARGV[1] then return {'other'} end
if known[2] and tonumber(known[2]) > now then return {'wait', '', redis.call('GET', KEYS[2]) or '0'} end
if known[3] and not known[4] then return {'known', known[3]} end
local claims, since = unpack(redis.call('HMGET', KEYS[3], 'claims', 'since'))
claims, since = tonumber(claims or 0), tonumber(since or now)
if claims < tonumber(ARGV[5]) then since = now end
claims = math.max(claims, tonumber(ARGV[5])) + 1
redis.call('HSET', KEYS[3], 'claims', claims, 'since', since)
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'until', now + tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local kind = known[3] and 'again' or known[1] and 'lost' or 'first'
return {kind, known[3] or '', redis.call('GET', KEYS[2]) or '0', claims, now - since < tonumber(ARGV[4]) and 1 or 0}`,
);

/**
 * KEYS: the delete, its number of answered attempts. ARGV: the fingerprint, the claimant, the result or nothing, 1 when it may be tried
 * again, how long the result is remembered, the number of answered attempts, how long that is remembered.
 */
const settleDelete = script<number>(
  'settleDelete',
  `
if tonumber(ARGV[6]) > 0 then redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7]) end
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HDEL', KEYS[1], 'owner', 'until', 'mayBeTried')
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'result', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
elseif redis.call('HEXISTS', KEYS[1], 'result') == 0 then
  redis.call('DEL', KEYS[1])
  return 1
end
if ARGV[3] == '' or ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'mayBeTried', 1) end
return 1`,
);

/** ARGV: how long ago a delete was done without a claim, or -1. Sets since when no claim is missing; the first time, to now. */
const noteMemory = script<number>(
  'noteRequestMemory',
  `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or now)
if tonumber(ARGV[1]) >= 0 then since = math.max(since, now - tonumber(ARGV[1])) end
redis.call('HSET', KEYS[1], 'since', since)
return 1`,
);

/**
 * Remembers deletes in Redis for 10 minutes, so that any replica can answer a repeated one. If its process or Redis' state was lost, the
 * next process that asks takes the delete over, as a further attempt.
 */
export function createSharedRequests(
  memory: Pick<SharedMemory, 'ask' | 'backSince' | 'keyPrefix'>,
  requestTimeoutMs: number,
): SharedRequests {
  const { keyPrefix } = memory;
  const memoryName = `${keyPrefix}:request-memory`;
  const namesOf = ({ key, fingerprint }: KeyedRequest) => [
    `${keyPrefix}:delete:${key}`,
    `${keyPrefix}:delete-answers:${key}:${fingerprint}`,
  ];
  const owner = randomUUID();
  const leaseMs = requestTimeoutMs + leaseMarginMs;
  let claimsSeen = 0;
  /** When this process last did a delete without a claim, unless it is reported. */
  let aloneAt: number | undefined;
  let isReporting = false;

  const note = (aloneMs: number) => memory.ask((redis) => noteMemory(redis, [memoryName], [aloneMs]));

  /** True when Redis was unreachable recently: other processes may have deleted without a claim. */
  function wasUnreachable(): boolean {
    return memory.backSince !== undefined && performance.now() - memory.backSince < rememberedMs;
  }

  /** Reports deletes without a claim to the other replicas, once Redis answers. */
  async function reportWhenBack(): Promise<void> {
    if (isReporting) return;
    isReporting = true;
    while (aloneAt !== undefined && performance.now() - aloneAt < rememberedMs) {
      const reportedAt = aloneAt;
      const isNoted = await note(Math.ceil(performance.now() - reportedAt));
      if (isNoted && aloneAt === reportedAt) aloneAt = undefined;
      else await sleep(reportAgainMs, undefined, { ref: false });
    }
    isReporting = false;
  }

  async function settle(keyed: KeyedRequest, stored: StoredResult | undefined, answerCount: number): Promise<void> {
    const result = [stored?.whole ?? '', stored?.mayBeTried ? 1 : 0, rememberedMs];
    const args = [keyed.fingerprint, owner, ...result, answerCount, answersRememberedMs];
    await memory.ask((redis) => settleDelete(redis, namesOf(keyed), args), keyed.deadlineAt);
  }

  function mine(answerCount: number, earlier: OutcomeUnknownError | undefined, isInDoubt = false): SharedClaim {
    return { kind: 'mine', earlier, isInDoubt, answerCount };
  }

  /** Takes over a delete that another process sent, with an unknown outcome. If it is not safe to retry, that is the result. */
  async function takeOver(keyed: KeyedRequest, why: string, answerCount: number): Promise<SharedClaim> {
    const result = keyed.unknownSince(why, answerCount);
    if (result.retrySafe) return mine(answerCount, result);
    // The next request must not wait for it again.
    await settle(keyed, storedResult(result), answerCount);
    return { kind: 'repeated', result };
  }

  function inFlight(keyed: KeyedRequest, answerCount: number): SharedClaim {
    const why = 'Another request with this Idempotency-Key is still in flight';
    return { kind: 'repeated', result: keyed.unknownSince(why, answerCount) };
  }

  function inDoubt(keyed: KeyedRequest, answerCount: number): SharedClaim {
    return mine(answerCount, keyed.unknownSince('An earlier attempt may be unknown to this server', answerCount), true);
  }

  /** Decides without an answer of Redis. @param isElsewhere true when another process is known to do the delete. */
  function claimAlone(keyed: KeyedRequest, isElsewhere: boolean): SharedClaim | Promise<SharedClaim> {
    if (performance.now() >= keyed.deadlineAt) return isElsewhere ? inFlight(keyed, 0) : inDoubt(keyed, 0);
    aloneAt = performance.now();
    void reportWhenBack();
    const why = 'The connection to Redis was lost while another server sent it';
    return isElsewhere ? takeOver(keyed, why, 0) : inDoubt(keyed, 0);
  }

  async function claim(keyed: KeyedRequest): Promise<SharedClaim> {
    const names = [...namesOf(keyed), memoryName];
    for (let isElsewhere = false; ; isElsewhere = true) {
      const args = [keyed.fingerprint, owner, leaseMs, rememberedMs, claimsSeen];
      const answer = await memory.ask((redis) => claimDelete(redis, names, args), keyed.deadlineAt);
      if (answer === undefined) return claimAlone(keyed, isElsewhere);
      const [kind, result = '', answers, claimCount = 0, mayBeForgotten] = answer;
      const answerCount = Number(answers);
      if (kind === 'other') return { kind };
      if (kind === 'known') return { kind: 'repeated', result: JSON.parse(result) };
      if (kind === 'wait') {
        await sleep(Math.min(askAgainMs, Math.max(0, keyed.deadlineAt - performance.now())));
        if (performance.now() >= keyed.deadlineAt) return inFlight(keyed, answerCount);
        continue;
      }
      claimsSeen = claimCount;
      if (kind === 'lost')
        return takeOver(keyed, 'The server that sent it stopped before it had an answer', answerCount);
      if (kind === 'again') return mine(answerCount, JSON.parse(result));
      return mayBeForgotten === 1 || wasUnreachable() ? inDoubt(keyed, answerCount) : mine(answerCount, undefined);
    }
  }

  // The memory starts with the first server that uses it, not with the first delete.
  void note(-1);
  return { claim, settle };
}
