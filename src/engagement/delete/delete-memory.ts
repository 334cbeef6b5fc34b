import { LRUCache } from 'lru-cache';
import { type DeleteEnd, type OutcomeUnknownError, withoutRecord } from '../result.ts';

/** How long a delete is remembered under its caller's key. */
export const rememberedMs = 10 * 60_000;

/**
 * How long is remembered how many of its attempts upstream answered: longer, since a refusal may take hours to fix, and the
 * delete that is sent then must not be answered from upstream's memory of it.
 */
export const answersRememberedMs = 24 * 3_600_000;
const maxAnswerCounts = 100_000;

/**
 * The most that is remembered, in characters of JSON: of all outcomes, and, by themselves, of all records and of one; and
 * what an entry costs besides. Large records must not cost anybody the memory of what happened.
 */
const maxCharacters = 64 * 1024 * 1024;
const maxCharactersEach = 64 * 1024;
const entryCharacters = 500;

/** A delete that its caller gave a key. */
export interface KeyedDelete {
  /** Names the delete among all of all callers. */
  readonly key: string;
  /** Everything that makes it this delete and no other: what is deleted, how, and what of it is selected. */
  readonly fingerprint: string;
  /** True once the client that sent it is gone. */
  readonly hasCallerLeft: () => boolean;
  /** The moment (by `performance.now()`) by which its caller wants to know. */
  readonly deadlineAt: number;
  /** An outcome that is unknown, with the reason, after so many of its attempts were answered. */
  readonly unknownSince: (why: string, answerCount: number) => OutcomeUnknownError;
}

/** How a delete stands that arrived under a key. */
export type Claim =
  | {
      /** It is the caller's to do, once. */
      readonly kind: 'mine';
      /** True once everybody who waits for it is gone. */
      readonly hasCallerLeft: () => boolean;
      /** What it came to when it was tried before under this key, and may have been done. */
      readonly earlier: OutcomeUnknownError | undefined;
      /** True when `earlier` is only assumed: the key may not be new. */
      readonly isInDoubt: boolean;
      /** Gives the claim back, with what the delete came to; undefined for a fault of this server. Call it exactly once. */
      readonly settle: (end: DeleteEnd | undefined) => Promise<void>;
    }
  /** Another request did it. */
  | { readonly kind: 'repeated'; readonly result: DeleteEnd }
  /** The key is another delete's. */
  | { readonly kind: 'other' };

/** Makes one delete of all that arrive under one key. */
export interface DeleteMemory {
  /**
   * Claims a delete, waits for the request that is doing it, or repeats its result. An unknown outcome that is safe to
   * retry is not repeated: the delete is tried again, as another attempt of the same one. A refusal is not remembered.
   * @param answered how many of its attempts upstream answered: set here to what is known; the request that does the delete adds its own.
   */
  claim(delete_: KeyedDelete, answered: { count: number }): Promise<Claim>;
}

/** What other processes know of a delete: as {@link Claim}, with how many of its attempts were answered. */
export type SharedClaim =
  | {
      readonly kind: 'mine';
      readonly earlier: OutcomeUnknownError | undefined;
      readonly isInDoubt: boolean;
      readonly answerCount: number;
    }
  | Exclude<Claim, { kind: 'mine' }>;

/** What processes know together of deletes. */
export interface SharedDeletes {
  /** Waits for the process that does it now, until the delete's own deadline. */
  claim(delete_: KeyedDelete): Promise<SharedClaim>;
  /**
   * Tells the others what a delete came to, and how many of its attempts were answered. Undefined: nothing that would keep them
   * from trying.
   */
  settle(delete_: KeyedDelete, kept: KeptResult | undefined, answerCount: number): Promise<void>;
}

/** What is remembered of a result, as JSON: an object takes several times the room, and would be shared by all who get it. */
export interface KeptResult {
  /** Without what upstream answered. */
  readonly outcome: string;
  /** With it; the same where that is nothing, or too much. */
  readonly whole: string;
  /** It asks to try again. */
  readonly mayBeTried: boolean;
}

interface Running {
  readonly fingerprint: string;
  /** Rejects for a fault of this server. */
  readonly end: PromiseWithResolvers<Exclude<Claim, { kind: 'mine' }>>;
  readonly waiting: (() => boolean)[];
}

interface Kept {
  readonly fingerprint: string;
  readonly json: string;
}

/** These say whether the engagement is gone. Any other result is a refusal: once its cause is fixed, the delete is tried again. */
const remembered = new Set(['DeleteEngagementSuccess', 'NotFoundError', 'OutcomeUnknownError']);

/** Without a body that streams: it can be read only once. */
function withoutStream(result: DeleteEnd): DeleteEnd {
  if (result.kind !== 'DeleteEngagementSuccess' || result.stream === null) return result;
  const warning = 'The streamed body went to the first request with this Idempotency-Key.';
  return { ...result, stream: null, warnings: [...result.warnings, warning] };
}

const notKept = 'The record is not kept for repeated requests any more, or was too large to be.';

function mayBeTried(result: DeleteEnd): result is OutcomeUnknownError {
  return result.kind === 'OutcomeUnknownError' && result.retrySafe;
}

/** What to remember of a result; undefined for nothing. */
export function keptOf(result: DeleteEnd | undefined): KeptResult | undefined {
  if (!result || !remembered.has(result.kind) || (result.kind === 'NotFoundError' && result.isUnchecked))
    return undefined;
  const whole = withoutStream(result);
  const outcome = withoutRecord(whole, notKept);
  const text = JSON.stringify(outcome);
  const json = outcome === whole ? text : JSON.stringify(whole);
  return { outcome: text, whole: json.length <= maxCharactersEach ? json : text, mayBeTried: mayBeTried(result) };
}

/** What is known of an earlier attempt. What all processes know is newer than what this one does; an assumption is less than either. */
function combine(
  own: OutcomeUnknownError | undefined,
  shared: Extract<SharedClaim, { kind: 'mine' }> | undefined,
): Pick<Extract<Claim, { kind: 'mine' }>, 'earlier' | 'isInDoubt'> {
  if (!shared?.earlier || (own && shared.isInDoubt)) return { earlier: own, isInDoubt: false };
  const { earlier, isInDoubt } = shared;
  return { earlier: { ...earlier, engagement: earlier.engagement ?? own?.engagement ?? null }, isInDoubt };
}

/**
 * How many answers a further try must not get again from upstream's memory. It may get a success again; and where a repetition may
 * do harm, that memory is the last guard.
 */
function answersToPass(result: DeleteEnd, answerCount: number): number {
  const isLastAnswer = result.kind !== 'OutcomeUnknownError' || result.lastStatusCode !== null;
  const mayBeRepeated =
    result.kind === 'DeleteEngagementSuccess' || (result.kind === 'OutcomeUnknownError' && !result.retrySafe);
  return mayBeRepeated && isLastAnswer ? answerCount - 1 : answerCount;
}

/**
 * Remembers in this process, for 10 minutes, and no more than 64 Mi characters each of outcomes and records: the oldest make room.
 * @param shared what other processes know; undefined when there are none.
 */
export function createDeleteMemory(shared?: SharedDeletes): DeleteMemory {
  const running = new Map<string, Running>();
  const limits = { ttl: rememberedMs, maxSize: maxCharacters };
  const outcomes = new LRUCache<string, Kept>({
    ...limits,
    sizeCalculation: ({ json }) => json.length + entryCharacters,
  });
  /** Whole results, where they are more than the outcome. */
  const records = new LRUCache<string, string>({
    ...limits,
    sizeCalculation: ({ length }) => length + entryCharacters,
  });
  const answerCounts = new LRUCache<string, number>({
    ttl: answersRememberedMs,
    maxSize: maxAnswerCounts,
    sizeCalculation: () => 1,
  });

  function keep({ key, fingerprint }: KeyedDelete, { outcome, whole }: KeptResult): void {
    outcomes.set(key, { fingerprint, json: outcome });
    if (whole === outcome) records.delete(key);
    else records.set(key, whole);
  }

  /** Claims what this process neither does nor remembers, among all processes. */
  async function claimShared(
    keyed: KeyedDelete,
    own: OutcomeUnknownError | undefined,
    now: Running,
    answered: { count: number },
  ): Promise<Claim> {
    const claim = await shared?.claim(keyed);
    if (claim && claim.kind !== 'mine') return claim;
    const name = keyed.key + keyed.fingerprint;
    answered.count = Math.max(answerCounts.get(name) ?? 0, claim?.answerCount ?? 0);
    const known = combine(own, claim);

    async function settle(end: DeleteEnd | undefined): Promise<void> {
      const { count } = answered;
      const fault = () => keyed.unknownSince('A fault of this server ended an earlier attempt', count);
      try {
        // A refusal, or a fault of ours, does not make an unknown outcome forgotten.
        const kept = (end && keptOf(end)) ?? keptOf(known.earlier ?? (end ? undefined : fault()));
        const answerCount = end ? answersToPass(end, count) : count;
        if (kept) keep(keyed, kept);
        if (answerCount > 0) answerCounts.set(name, answerCount);
        await shared?.settle(keyed, kept, answerCount);
      } finally {
        running.delete(keyed.key);
        if (end) now.end.resolve({ kind: 'repeated', result: withoutStream(end) });
        else now.end.reject(new Error('a fault of this server ended the delete that this one waited for'));
      }
    }

    const hasCallerLeft = () => now.waiting.every((hasLeft) => hasLeft());
    return { kind: 'mine', hasCallerLeft, ...known, settle };
  }

  async function begin(
    keyed: KeyedDelete,
    own: OutcomeUnknownError | undefined,
    answered: { count: number },
  ): Promise<Claim> {
    const { key, fingerprint, hasCallerLeft } = keyed;
    const now: Running = { fingerprint, end: Promise.withResolvers(), waiting: [hasCallerLeft] };
    // Without a waiter, its rejection would end the process.
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
    async claim(keyed, answered) {
      const { key, fingerprint, hasCallerLeft } = keyed;
      const now = running.get(key);
      const before = now ? undefined : outcomes.get(key);
      const known = now ?? before;
      if (known && known.fingerprint !== fingerprint) return { kind: 'other' };
      if (now) {
        now.waiting.push(hasCallerLeft);
        return now.end.promise;
      }
      const result: DeleteEnd | undefined = before && JSON.parse(records.get(key) ?? before.json);
      if (!result || mayBeTried(result)) return begin(keyed, result, answered);
      return { kind: 'repeated', result };
    },
  };
}
