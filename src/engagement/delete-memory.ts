import { LRUCache } from 'lru-cache';
import type { DeleteEngagementResult, OutcomeUnknownError } from './result.ts';
import { withoutRecord } from './without-record.ts';

/** How long a delete is remembered under its caller's key. */
const rememberedMs = 10 * 60_000;

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

interface Running {
  readonly fingerprint: string;
  readonly result: Promise<DeleteEngagementResult>;
  readonly waiting: (() => boolean)[];
}

interface Kept {
  readonly fingerprint: string;
  /**
   * The result without what upstream answered, as JSON: an object takes several times the room, and would be shared by all
   * who get it.
   */
  readonly json: string;
}

/** They come before anything is sent, or say to try again, and nothing was deleted: it costs nothing to come to them anew. */
const forgotten = new Set([
  'InvalidInputError',
  'UnsupportedIntegrationError',
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

/** Remembers in this process, for 10 minutes, and no more than 64 Mi characters each of outcomes and records: the oldest make room. */
export function createDeleteMemory(): DeleteMemory {
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

  function keep(key: string, fingerprint: string, result: DeleteEngagementResult): void {
    if (forgotten.has(result.kind)) return;
    const whole = withoutStream(result);
    const outcome = withoutRecord(whole, notKept);
    outcomes.set(key, { fingerprint, json: JSON.stringify(outcome) });
    const json = outcome === whole ? '' : JSON.stringify(whole);
    if (json !== '' && json.length <= maxCharactersEach) records.set(key, json);
    else records.delete(key);
  }

  async function begin(
    { key, fingerprint, hasCallerLeft }: KeyedDelete,
    earlier: OutcomeUnknownError | undefined,
    work: (shared: SharedDelete) => Promise<DeleteEngagementResult>,
  ): Promise<Remembered> {
    const waiting = [hasCallerLeft];
    const haveAllLeft = () => waiting.every((hasLeft) => hasLeft());
    const result = work({ hasCallerLeft: haveAllLeft, earlier });
    running.set(key, { fingerprint, result, waiting });
    try {
      const end = await result;
      keep(key, fingerprint, end);
      return { kind: 'performed', result: end };
    } finally {
      running.delete(key);
    }
  }

  async function perform(
    keyed: KeyedDelete,
    work: (shared: SharedDelete) => Promise<DeleteEngagementResult>,
  ): Promise<Remembered> {
    const { key, fingerprint, hasCallerLeft } = keyed;
    const now = running.get(key);
    const before = now ? undefined : outcomes.get(key);
    const known = now ?? before;
    if (known && known.fingerprint !== fingerprint) return { kind: 'other' };
    if (now) {
      now.waiting.push(hasCallerLeft);
      return { kind: 'repeated', result: withoutStream(await now.result) };
    }
    const result: DeleteEngagementResult | undefined = before && JSON.parse(records.get(key) ?? before.json);
    if (!result) return begin(keyed, undefined, work);
    const mayBeTried = result.kind === 'OutcomeUnknownError' && result.retrySafe;
    return mayBeTried ? begin(keyed, result, work) : { kind: 'repeated', result };
  }

  return { perform };
}
