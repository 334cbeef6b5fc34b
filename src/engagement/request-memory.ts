import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { type SharedMemory, script } from '../redis/shared-memory.ts';
import { digest, uuidOf } from '../upstream/digest.ts';
import type { ReadBounds } from './read.ts';
import { type CreateEnd, type DeleteEnd, type OutcomeUnknownError, withoutRecord } from './result.ts';

/** How long a delete is remembered under its caller's key, in milliseconds. */
export const rememberedMs = 10 * 60_000;

/** How long the number of answered attempts is remembered: a refusal may take hours to fix, and upstream must not repeat it after that. */
const answersRememberedMs = 24 * 3_600_000;
const maxAnswerCounts = 100_000;

/**
 * The limits of the memory, in characters of JSON: for all outcomes and again for all records, for one record, and the overhead of an
 * entry. Large records must not displace outcomes.
 */
const maxCharacters = 64 * 1024 * 1024;
const maxCharactersEach = 64 * 1024;
const entryCharacters = 500;

/** The end of a request that can have a caller's key. */
type KeyedEnd = DeleteEnd | CreateEnd;

/** A delete or create with a caller's key. */
export interface KeyedRequest extends Pick<ReadBounds, 'deadlineAt' | 'hasCallerLeft'> {
  /** The key, unique among all callers. */
  readonly key: string;
  /** A digest of what is deleted or created, how, and with which selection. */
  readonly fingerprint: string;
  /** Creates an unknown outcome, by the reason and the number of answered attempts. */
  readonly unknownSince: (why: string, answerCount: number) => OutcomeUnknownError;
}

/** Another request did it, or the key belongs to another one. */
type NotMine<End extends KeyedEnd> = { readonly kind: 'repeated'; readonly result: End } | { readonly kind: 'other' };

/** The claimant must do the delete, once. */
interface Mine {
  readonly kind: 'mine';
  /** The unknown outcome of an earlier attempt. */
  readonly earlier: OutcomeUnknownError | undefined;
  /** True when `earlier` is only assumed: the key may have been used before. */
  readonly isInDoubt: boolean;
}

/** A claim among all processes, with how many attempts were answered. */
type SharedClaim = (Mine & { readonly answerCount: number }) | NotMine<KeyedEnd>;

/** The state of a request under a key, in this process. */
export type Claim<End extends KeyedEnd = DeleteEnd> =
  | NotMine<End>
  | (Mine & {
      /** True once all clients that wait for it have disconnected. */
      readonly hasCallerLeft: () => boolean;
      /** Ends the claim with the request's end; undefined for a fault of this server. Call it exactly once. */
      readonly settle: (end: End | undefined) => Promise<void>;
    });

/** Runs requests with the same key as one delete, or as one create. */
export interface RequestMemory {
  /**
   * Claims a delete, waits for the request that is doing it, or repeats its result. After an unknown outcome that is safe to retry,
   * the delete is tried again, as a further attempt. A create is not: none is safe to retry. A refusal is not remembered.
   * @param answered how many attempts upstream answered. It is set to the known number, and the claimant adds its own.
   */
  claim<End extends KeyedEnd = DeleteEnd>(keyed: KeyedRequest, answered: { count: number }): Promise<Claim<End>>;
}

/**
 * A remembered result, as JSON: an object takes several times the memory, and its readers would share it. `whole` has upstream's answer;
 * it equals `outcome` if there is no answer, or it is too large.
 */
interface StoredResult {
  readonly outcome: string;
  readonly whole: string;
  readonly mayBeTried: boolean;
}

/** The name of a request in the memory: by its caller, the caller's key, and its path in the operation. */
export function memoryKey({ id }: { readonly id: string }, callerKey: readonly [string, string]): string {
  return digest(id, ...callerKey);
}

/**
 * The `Idempotency-Key` for upstream, a UUID as Truto documents it. It is the same in every process. It differs for another request and
 * after each answer: upstream may repeat its answer for a key.
 */
export function upstreamKey(key: string, fingerprint: string, answerCount: number): string {
  return uuidOf(key, fingerprint, answerCount);
}

/** Results about the engagement itself. Any other is a refusal: once its cause is fixed, the delete is tried again. */
const remembered = /Success$|^NotFoundError$|^OutcomeUnknownError$/;

/** Removes a streamed body: it can be read only once. */
function withoutStream(result: KeyedEnd): KeyedEnd {
  if (result.kind !== 'DeleteEngagementSuccess' || result.stream === null) return result;
  const warning = 'The first request with this Idempotency-Key or confirmationToken received the streamed body.';
  return { ...result, stream: null, warnings: [...result.warnings, warning] };
}

const notStored = 'The record is no longer stored for repeated requests, or was too large for that.';

function mayBeTried(result: KeyedEnd): result is OutcomeUnknownError {
  return result.kind === 'OutcomeUnknownError' && result.retrySafe;
}

/** The part of a result to store. Undefined for none. */
function storedResult(result: KeyedEnd | undefined): StoredResult | undefined {
  if (!result || !remembered.test(result.kind) || (result.kind === 'NotFoundError' && result.isUnchecked))
    return undefined;
  const whole = withoutStream(result);
  const outcome = withoutRecord(whole, notStored);
  const text = JSON.stringify(outcome);
  const json = outcome === whole ? text : JSON.stringify(whole);
  return { outcome: text, whole: json.length <= maxCharactersEach ? json : text, mayBeTried: mayBeTried(result) };
}

/** Combines two memories of an earlier attempt. The shared one is newer than this process' own, unless it is only an assumption. */
function combine(own: OutcomeUnknownError | undefined, { earlier, isInDoubt = false }: Partial<Mine> = {}): Mine {
  if (!earlier || (own && isInDoubt)) return { kind: 'mine', earlier: own, isInDoubt: false };
  const engagement = earlier.engagement ?? own?.engagement ?? null;
  return { kind: 'mine', earlier: { ...earlier, engagement }, isInDoubt };
}

/**
 * How many answers a further attempt must not get again under the same key. A success may be repeated. If a second delete could do
 * harm, upstream's own memory is the last protection, so the key stays the same.
 */
function answersToPass(result: KeyedEnd, answerCount: number): number {
  const isUnknown = result.kind === 'OutcomeUnknownError';
  const isLastAnswer = !isUnknown || result.lastStatusCode !== null;
  const mayBeRepeated = /Success$/.test(result.kind) || (isUnknown && !result.retrySafe);
  return mayBeRepeated && isLastAnswer ? answerCount - 1 : answerCount;
}

/** A request that is in flight in this process. */
interface Running {
  readonly fingerprint: string;
  /** Rejects for a fault of this server. */
  readonly end: PromiseWithResolvers<NotMine<KeyedEnd>>;
  readonly waiting: (() => boolean)[];
}

/**
 * Creates the memory of this process: 10 minutes, and at most 64 Mi characters each of outcomes and records, without the oldest.
 * @param shared the memory of all processes; undefined without Redis.
 */
export function createRequestMemory(shared?: ReturnType<typeof createSharedRequests>): RequestMemory {
  const running = new Map<string, Running>();
  const limits = { ttl: rememberedMs, maxSize: maxCharacters };
  const outcomes = new LRUCache<string, { readonly fingerprint: string; readonly json: string }>({
    ...limits,
    sizeCalculation: ({ json }) => json.length + entryCharacters,
  });
  /** Results with upstream's answer, where there is one. */
  const records = new LRUCache<string, string>({
    ...limits,
    sizeCalculation: ({ length }) => length + entryCharacters,
  });
  const counts = { ttl: answersRememberedMs, maxSize: maxAnswerCounts, sizeCalculation: () => 1 };
  const answerCounts = new LRUCache<string, number>(counts);

  /** Claims a delete among all processes: this one neither does nor remembers it. @param own what this process knows of it. */
  async function begin(
    keyed: KeyedRequest,
    own: OutcomeUnknownError | undefined,
    answered: { count: number },
  ): Promise<Claim<KeyedEnd>> {
    const { key, fingerprint } = keyed;
    const now: Running = { fingerprint, end: Promise.withResolvers(), waiting: [keyed.hasCallerLeft] };
    // Without a listener, a rejection would end the process.
    now.end.promise.catch(() => {});
    running.set(key, now);
    const claim = await shared?.claim(keyed).catch((error: unknown) => {
      running.delete(key);
      now.end.reject(error);
      throw error;
    });
    if (claim && claim.kind !== 'mine') {
      running.delete(key);
      now.end.resolve(claim);
      return claim;
    }
    answered.count = Math.max(answerCounts.get(key + fingerprint) ?? 0, claim?.answerCount ?? 0);
    const mine = combine(own, claim);
    async function settle(end: KeyedEnd | undefined): Promise<void> {
      const { count } = answered;
      const fault = () => keyed.unknownSince('A fault of this server ended an earlier attempt', count);
      try {
        // A refusal or a fault of this server must not erase an unknown outcome. One that was only assumed is assumed again if need be.
        const earlier = mine.isInDoubt ? undefined : mine.earlier;
        const stored = storedResult(end) ?? storedResult(earlier ?? (end ? undefined : fault()));
        const passed = end ? answersToPass(end, count) : count;
        if (stored) {
          outcomes.set(key, { fingerprint, json: stored.outcome });
          records.delete(key);
          if (stored.whole !== stored.outcome) records.set(key, stored.whole);
        }
        if (passed > 0) answerCounts.set(key + fingerprint, passed);
        await shared?.settle(keyed, stored, passed);
      } finally {
        running.delete(key);
        if (end) now.end.resolve({ kind: 'repeated', result: withoutStream(end) });
        else now.end.reject(new Error('a fault of this server ended the delete that this request waited for'));
      }
    }
    return { ...mine, settle, hasCallerLeft: () => now.waiting.every((hasLeft) => hasLeft()) };
  }

  async function claim(keyed: KeyedRequest, answered: { count: number }): Promise<Claim<KeyedEnd>> {
    const { key, fingerprint, hasCallerLeft } = keyed;
    const now = running.get(key);
    const before = now ? undefined : outcomes.get(key);
    const known = now ?? before;
    if (known && known.fingerprint !== fingerprint) return { kind: 'other' };
    if (now) {
      now.waiting.push(hasCallerLeft);
      return await now.end.promise;
    }
    const result: KeyedEnd | undefined = before && JSON.parse(records.get(key) ?? before.json);
    return !result || mayBeTried(result) ? await begin(keyed, result, answered) : { kind: 'repeated', result };
  }

  // The fingerprint covers the operation, so the end has its type.
  return { claim: claim as RequestMemory['claim'] };
}

/** How often a waiting process asks for the result of another, in milliseconds. */
const askAgainMs = 25;
/** How often a process tries to report what Redis lacks, in milliseconds. */
export const reportAgainMs = 250;
/** How much longer than an operation a claim lasts, in milliseconds. */
const leaseMarginMs = 1_000;

/**
 * KEYS: the delete, its number of answered attempts, and the state of the memory: the number of claims, and since when none is lost.
 * A number of claims below one seen before means that Redis restarted with an older state.
 * ARGV: the fingerprint, the claimant, the lease, how long the claim is remembered, the number of claims that this process has seen.
 * Returns `other`, `wait`, or `known` with the result. Or, with the claim, `again` with the result that may be tried again, `lost` (the
 * process that had the claim was lost) or `first`. Then the number of answered attempts, the number of claims, and 1 when claims may be
 * lost.
 */
const claimDelete = script<
  readonly [kind: string, result?: string, answerCount?: string, claimCount?: number, isInDoubt?: number]
>(`
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
return {kind, known[3] or '', redis.call('GET', KEYS[2]) or '0', claims, now - since < tonumber(ARGV[4]) and 1 or 0}`);

/**
 * KEYS: the delete, its number of answered attempts. ARGV: the fingerprint, the claimant, the result or nothing, 1 when it may be tried
 * again, how long the result is remembered, the number of answered attempts, how long that is remembered.
 */
const settleDelete = script<number>(`
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
return 1`);

/** ARGV: how long ago a delete was done without a claim, or -1. Sets since when no claim is missing; the first time, to now. */
const noteMemory = script<number>(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or now)
if tonumber(ARGV[1]) >= 0 then since = math.max(since, now - tonumber(ARGV[1])) end
redis.call('HSET', KEYS[1], 'since', since)
return 1`);

/**
 * Remembers deletes in Redis for 10 minutes, so that any replica can answer a repeated one. If its process or Redis' state was lost, the
 * next process that asks takes the delete over, as a further attempt.
 */
export function createSharedRequests(
  memory: Pick<SharedMemory, 'ask' | 'backSince' | 'keyPrefix'>,
  requestTimeoutMs: number,
) {
  const { keyPrefix } = memory;
  const memoryName = `${keyPrefix}:request-memory`;
  const namesOf = ({ key, fingerprint }: KeyedRequest) => [
    `${keyPrefix}:delete:${key}`,
    `${keyPrefix}:delete-answers:${key}:${fingerprint}`,
  ];
  const owner = randomUUID();
  const leaseMs = requestTimeoutMs + leaseMarginMs;
  let claimsSeen = 0;
  /** When this process last did a delete without a claim, until that is reported, or no longer matters. */
  let aloneAt: number | undefined;

  const note = (aloneMs: number) => memory.ask((redis) => noteMemory(redis, [memoryName], [aloneMs]));

  /** True when Redis was unreachable recently: other processes may have deleted without a claim. */
  const wasUnreachable = () => memory.backSince !== undefined && performance.now() - memory.backSince < rememberedMs;

  /** Reports deletes without a claim to the other replicas, once Redis answers. */
  async function reportWhenBack(): Promise<void> {
    while (aloneAt !== undefined && performance.now() - aloneAt < rememberedMs) {
      const reportedAt = aloneAt;
      const isNoted = await note(Math.ceil(performance.now() - reportedAt));
      if (isNoted && aloneAt === reportedAt) aloneAt = undefined;
      else await sleep(reportAgainMs, undefined, { ref: false });
    }
    aloneAt = undefined;
  }

  /** Stores the result of a delete and the number of answered attempts. Undefined: others may try again. */
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

  const inDoubt = (keyed: KeyedRequest, answerCount: number) =>
    mine(answerCount, keyed.unknownSince('An earlier attempt may be unknown to this server', answerCount), true);

  /** Decides without an answer of Redis. @param isElsewhere true when another process is known to do the delete. */
  function claimAlone(keyed: KeyedRequest, isElsewhere: boolean): SharedClaim | Promise<SharedClaim> {
    if (performance.now() >= keyed.deadlineAt) return isElsewhere ? inFlight(keyed, 0) : inDoubt(keyed, 0);
    const isReporting = aloneAt !== undefined;
    aloneAt = performance.now();
    if (!isReporting) void reportWhenBack();
    const why = 'The connection to Redis was lost while another server sent it';
    return isElsewhere ? takeOver(keyed, why, 0) : inDoubt(keyed, 0);
  }

  /** Claims a delete. It waits for a process that is doing it, until the deadline. */
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
