import { LRUCache } from 'lru-cache';
import { digest, uuidOf } from '../upstream/digest.ts';
import { type CreateEnd, type DeleteEnd, type OutcomeUnknownError, withoutRecord } from './result.ts';

/** How long a delete is remembered under its caller's key. */
export const rememberedMs = 10 * 60_000;

/**
 * How long the number of answered attempts is remembered. A refusal may take hours to fix, and upstream must not answer the delete
 * after that with the old refusal.
 */
export const answersRememberedMs = 24 * 3_600_000;
const maxAnswerCounts = 100_000;

/**
 * The limits of the memory, in characters of JSON: for all outcomes and again for all records, for one record, and the overhead of an
 * entry. Large records must not displace outcomes.
 */
const maxCharacters = 64 * 1024 * 1024;
const maxCharactersEach = 64 * 1024;
const entryCharacters = 500;

/** The end of a request that can have a caller's key. */
export type KeyedEnd = DeleteEnd | CreateEnd;

/** A delete or create with a caller's key. */
export interface KeyedRequest {
  /** The key, unique among all callers. */
  readonly key: string;
  /** A digest of what is deleted or created, how, and with which selection. */
  readonly fingerprint: string;
  /** True once its client has disconnected. */
  readonly hasCallerLeft: () => boolean;
  /** The moment (by `performance.now()`) by which the result is due. */
  readonly deadlineAt: number;
  /** Creates an unknown outcome, by the reason and the number of answered attempts. */
  readonly unknownSince: (why: string, answerCount: number) => OutcomeUnknownError;
}

/** A claim among all processes: the claimant must do the delete, once. */
interface SharedMine {
  readonly kind: 'mine';
  /** The unknown outcome of an earlier attempt under this key. */
  readonly earlier: OutcomeUnknownError | undefined;
  /** True when `earlier` is only assumed: the key may have been used before. */
  readonly isInDoubt: boolean;
  /** How many attempts were answered. */
  readonly answerCount: number;
}

/** The claim in this process. */
interface Mine<End extends KeyedEnd> extends Omit<SharedMine, 'answerCount'> {
  /** True once all clients that wait for it have disconnected. */
  readonly hasCallerLeft: () => boolean;
  /** Ends the claim with the request's end; undefined for a fault of this server. Call it exactly once. */
  readonly settle: (end: End | undefined) => Promise<void>;
}

/** Another request did it, or the key belongs to another one. */
type NotMine<End extends KeyedEnd> = { readonly kind: 'repeated'; readonly result: End } | { readonly kind: 'other' };

/** The state of a request under a key. */
export type Claim<End extends KeyedEnd = DeleteEnd> = Mine<End> | NotMine<End>;

/** Runs requests with the same key as one delete, or as one create. */
export interface RequestMemory {
  /**
   * Claims a delete, waits for the request that is doing it, or repeats its result. After an unknown outcome that is safe to retry,
   * the delete is tried again, as a further attempt. A create is not: none is safe to retry. A refusal is not remembered.
   * @param answered how many attempts upstream answered. It is set to the known number, and the claimant adds its own.
   */
  claim<End extends KeyedEnd = DeleteEnd>(keyed: KeyedRequest, answered: { count: number }): Promise<Claim<End>>;
}

/** A {@link Claim} among all processes. */
export type SharedClaim = SharedMine | NotMine<KeyedEnd>;

/** The memory of deletes that all processes share. */
export interface SharedRequests {
  /** Claims a delete. It waits for a process that is doing it, until the deadline. */
  claim(delete_: KeyedRequest): Promise<SharedClaim>;
  /**
   * Stores the result of a delete and the number of answered attempts. Undefined: others may try again.
   */
  settle(delete_: KeyedRequest, stored: StoredResult | undefined, answerCount: number): Promise<void>;
}

/** A remembered result, as JSON: an object takes several times the memory, and its readers would share it. */
export interface StoredResult {
  /** The result without upstream's answer. */
  readonly outcome: string;
  /** The result with upstream's answer. Equal to `outcome` if there is no answer, or it is too large. */
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
  return answerCount === 0 ? uuidOf(key, fingerprint) : uuidOf(key, fingerprint, answerCount);
}

interface Running {
  readonly fingerprint: string;
  /** Rejects for a fault of this server. */
  readonly end: PromiseWithResolvers<NotMine<KeyedEnd>>;
  readonly waiting: (() => boolean)[];
}

interface StoredOutcome {
  readonly fingerprint: string;
  readonly json: string;
}

/** Results about the engagement itself. Any other is a refusal: once its cause is fixed, the delete is tried again. */
const remembered = new Set([
  'CreateEngagementSuccess',
  'DeleteEngagementSuccess',
  'NotFoundError',
  'OutcomeUnknownError',
]);

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
export function storedResult(result: KeyedEnd | undefined): StoredResult | undefined {
  if (!result || !remembered.has(result.kind) || (result.kind === 'NotFoundError' && result.isUnchecked))
    return undefined;
  const whole = withoutStream(result);
  const outcome = withoutRecord(whole, notStored);
  const text = JSON.stringify(outcome);
  const json = outcome === whole ? text : JSON.stringify(whole);
  return { outcome: text, whole: json.length <= maxCharactersEach ? json : text, mayBeTried: mayBeTried(result) };
}

/** Combines two memories of an earlier attempt. The shared one is newer than this process' own, unless it is only an assumption. */
function combine(
  own: OutcomeUnknownError | undefined,
  shared: SharedMine | undefined,
): Pick<SharedMine, 'earlier' | 'isInDoubt'> {
  if (!shared?.earlier || (own && shared.isInDoubt)) return { earlier: own, isInDoubt: false };
  const { earlier, isInDoubt } = shared;
  return { earlier: { ...earlier, engagement: earlier.engagement ?? own?.engagement ?? null }, isInDoubt };
}

/**
 * How many answers a further attempt must not get again under the same key. A success may be repeated. If a second delete could do
 * harm, upstream's own memory is the last protection, so the key stays the same.
 */
function answersToPass(result: KeyedEnd, answerCount: number): number {
  const isLastAnswer = result.kind !== 'OutcomeUnknownError' || result.lastStatusCode !== null;
  const mayBeRepeated = /Success$/.test(result.kind) || (result.kind === 'OutcomeUnknownError' && !result.retrySafe);
  return mayBeRepeated && isLastAnswer ? answerCount - 1 : answerCount;
}

/**
 * Creates the memory of this process: 10 minutes, and at most 64 Mi characters each of outcomes and records, without the oldest.
 * @param shared the memory of all processes; undefined without Redis.
 */
export function createRequestMemory(shared?: SharedRequests): RequestMemory {
  const running = new Map<string, Running>();
  const limits = { ttl: rememberedMs, maxSize: maxCharacters };
  const outcomes = new LRUCache<string, StoredOutcome>({
    ...limits,
    sizeCalculation: ({ json }) => json.length + entryCharacters,
  });
  /** Results with upstream's answer, where there is one. */
  const records = new LRUCache<string, string>({
    ...limits,
    sizeCalculation: ({ length }) => length + entryCharacters,
  });
  const answerCounts = new LRUCache<string, number>({
    ttl: answersRememberedMs,
    maxSize: maxAnswerCounts,
    sizeCalculation: () => 1,
  });

  function store({ key, fingerprint }: KeyedRequest, { outcome, whole }: StoredResult): void {
    outcomes.set(key, { fingerprint, json: outcome });
    if (whole === outcome) records.delete(key);
    else records.set(key, whole);
  }

  /** Claims a delete among all processes: this one neither does nor remembers it. */
  async function claimShared(
    keyed: KeyedRequest,
    own: OutcomeUnknownError | undefined,
    now: Running,
    answered: { count: number },
  ): Promise<Claim<KeyedEnd>> {
    const claim = await shared?.claim(keyed);
    if (claim && claim.kind !== 'mine') return claim;
    const name = keyed.key + keyed.fingerprint;
    answered.count = Math.max(answerCounts.get(name) ?? 0, claim?.answerCount ?? 0);
    const known = combine(own, claim);

    async function settle(end: KeyedEnd | undefined): Promise<void> {
      const { count } = answered;
      const fault = () => keyed.unknownSince('A fault of this server ended an earlier attempt', count);
      try {
        // A refusal or a fault of this server must not erase an unknown outcome.
        const stored = (end && storedResult(end)) ?? storedResult(known.earlier ?? (end ? undefined : fault()));
        const answerCount = end ? answersToPass(end, count) : count;
        if (stored) store(keyed, stored);
        if (answerCount > 0) answerCounts.set(name, answerCount);
        await shared?.settle(keyed, stored, answerCount);
      } finally {
        running.delete(keyed.key);
        if (end) now.end.resolve({ kind: 'repeated', result: withoutStream(end) });
        else now.end.reject(new Error('a fault of this server ended the delete that this request waited for'));
      }
    }

    const hasCallerLeft = () => now.waiting.every((hasLeft) => hasLeft());
    return { kind: 'mine', hasCallerLeft, ...known, settle };
  }

  async function begin(
    keyed: KeyedRequest,
    own: OutcomeUnknownError | undefined,
    answered: { count: number },
  ): Promise<Claim<KeyedEnd>> {
    const { key, fingerprint, hasCallerLeft } = keyed;
    const now: Running = { fingerprint, end: Promise.withResolvers(), waiting: [hasCallerLeft] };
    // Without a listener, a rejection would end the process.
    now.end.promise.catch(() => {});
    running.set(key, now);
    try {
      const claim = await claimShared(keyed, own, now, answered);
      if (claim.kind === 'mine') return claim;
      now.end.resolve(claim);
      running.delete(key);
      return claim;
    } catch (error) {
      now.end.reject(error);
      running.delete(key);
      throw error;
    }
  }

  return {
    async claim<End extends KeyedEnd>(keyed: KeyedRequest, answered: { count: number }) {
      const { key, fingerprint, hasCallerLeft } = keyed;
      const now = running.get(key);
      const before = now ? undefined : outcomes.get(key);
      const known = now ?? before;
      // The fingerprint covers the operation, so the end has its type.
      type Claimed = Claim<End>;
      if (known && known.fingerprint !== fingerprint) return { kind: 'other' };
      if (now) {
        now.waiting.push(hasCallerLeft);
        return (await now.end.promise) as Claimed;
      }
      const result: KeyedEnd | undefined = before && JSON.parse(records.get(key) ?? before.json);
      if (!result || mayBeTried(result)) return (await begin(keyed, result, answered)) as Claimed;
      return { kind: 'repeated', result } as Claimed;
    },
  };
}
