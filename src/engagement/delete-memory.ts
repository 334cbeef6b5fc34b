import { LRUCache } from 'lru-cache';
import type { DeleteEngagementResult, OutcomeUnknownError } from './result.ts';
import { withoutRecord } from './without-record.ts';

/** How long a delete is remembered under its caller's key. */
export const rememberedMs = 10 * 60_000;

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
  /** What is to be said of it, should the process that does it be lost. */
  readonly ifLost: OutcomeUnknownError;
}

/** What the one that does the delete has to know of the others. */
export interface SharedDelete {
  /** True once everybody who waits for it is gone. */
  readonly hasCallerLeft: () => boolean;
  /** What it came to when it was tried before under this key, and may have been done. */
  readonly earlier: OutcomeUnknownError | undefined;
}

/** How a keyed delete came to its result. */
export type Remembered =
  | { readonly kind: 'performed' | 'repeated'; readonly result: DeleteEngagementResult }
  /** The key is another delete's. */
  | { readonly kind: 'other' };

/** Makes one delete of all that arrive under one key. */
export interface DeleteMemory {
  /**
   * Does the delete, or waits for the one that does it already, or repeats what it came to. A result that asks to try
   * again is not repeated: then the delete is tried again, as another attempt of the same one.
   */
  perform(delete_: KeyedDelete, work: (shared: SharedDelete) => Promise<DeleteEngagementResult>): Promise<Remembered>;
}

/** What a process hears that wants to do a delete which others may be doing, or have done. */
export type Claim =
  /** It may; the lost attempt of another, or one whose outcome nobody knows, came before. */
  | { readonly kind: 'mine'; readonly earlier: OutcomeUnknownError | undefined }
  | Exclude<Remembered, { kind: 'performed' }>;

/** What processes know together of deletes. */
export interface SharedDeletes {
  /** Waits for whoever does it now. Undefined when nobody can say. */
  claim(delete_: KeyedDelete): Promise<Claim | undefined>;
  /** Tells the others what a delete came to that was claimed; undefined: nothing that would keep them from trying. */
  settle(key: string, kept: KeptResult | undefined): Promise<void>;
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
  readonly end: Promise<Remembered>;
  readonly waiting: (() => boolean)[];
}

interface Kept {
  readonly fingerprint: string;
  readonly json: string;
}

/** They come before anything is sent, or say to try again, and nothing was deleted: it costs nothing to come to them anew. */
const forgotten = new Set([
  'InvalidInputError',
  'UnsupportedIntegrationError',
  'IntegratedAccountNotFoundError',
  'RateLimitedError',
  'UpstreamUnavailableError',
  'DeleteEngagementPlan',
]);

/** Without a body that streams: it can be read only once. */
function withoutStream(result: DeleteEngagementResult): DeleteEngagementResult {
  if (result.kind !== 'DeleteEngagementSuccess' || result.stream === null) return result;
  const warning = 'The streamed body went to the first request with this Idempotency-Key.';
  return { ...result, stream: null, warnings: [...result.warnings, warning] };
}

const notKept = 'The record is not kept for repeated requests any more, or was too large to be.';

function mayBeTried(result: DeleteEngagementResult): result is OutcomeUnknownError {
  return result.kind === 'OutcomeUnknownError' && result.retrySafe;
}

/** What to remember of a result; undefined for nothing. */
function keptOf(result: DeleteEngagementResult): KeptResult | undefined {
  if (forgotten.has(result.kind)) return undefined;
  const whole = withoutStream(result);
  const outcome = withoutRecord(whole, notKept);
  const text = JSON.stringify(outcome);
  const json = outcome === whole ? text : JSON.stringify(whole);
  return { outcome: text, whole: json.length <= maxCharactersEach ? json : text, mayBeTried: mayBeTried(result) };
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

  function keep({ key, fingerprint }: KeyedDelete, { outcome, whole }: KeptResult): void {
    outcomes.set(key, { fingerprint, json: outcome });
    if (whole === outcome) records.delete(key);
    else records.set(key, whole);
  }

  type Work = (shared: SharedDelete) => Promise<DeleteEngagementResult>;

  async function claimAndDo(keyed: KeyedDelete, sharing: SharedDelete, work: Work): Promise<Remembered> {
    const claim = await shared?.claim(keyed);
    if (claim && claim.kind !== 'mine') return claim;
    let kept: KeptResult | undefined;
    try {
      const result = await work({ ...sharing, earlier: sharing.earlier ?? claim?.earlier });
      kept = keptOf(result);
      if (kept) keep(keyed, kept);
      return { kind: 'performed', result };
    } finally {
      if (claim) await shared?.settle(keyed.key, kept);
    }
  }

  async function begin(keyed: KeyedDelete, earlier: OutcomeUnknownError | undefined, work: Work): Promise<Remembered> {
    const { key, fingerprint } = keyed;
    const waiting = [keyed.hasCallerLeft];
    const hasCallerLeft = () => waiting.every((hasLeft) => hasLeft());
    const end = claimAndDo(keyed, { hasCallerLeft, earlier }, work);
    running.set(key, { fingerprint, end, waiting });
    try {
      return await end;
    } finally {
      running.delete(key);
    }
  }

  async function perform(keyed: KeyedDelete, work: Work): Promise<Remembered> {
    const { key, fingerprint, hasCallerLeft } = keyed;
    const now = running.get(key);
    const before = now ? undefined : outcomes.get(key);
    const known = now ?? before;
    if (known && known.fingerprint !== fingerprint) return { kind: 'other' };
    if (now) {
      now.waiting.push(hasCallerLeft);
      const end = await now.end;
      return end.kind === 'other' ? end : { kind: 'repeated', result: withoutStream(end.result) };
    }
    const result: DeleteEngagementResult | undefined = before && JSON.parse(records.get(key) ?? before.json);
    if (!result) return begin(keyed, undefined, work);
    return mayBeTried(result) ? begin(keyed, result, work) : { kind: 'repeated', result };
  }

  return { perform };
}
