import type { Attempt, Sent, UpstreamRequest } from './attempt.ts';
import { meaningOf } from './status.ts';

/** The longest wait that fits GraphQL's 32-bit `Int`, in milliseconds: about 24.8 days. */
const maxWaitMs = 2_147_483_647;

const time = '\\d{2}:\\d{2}:\\d{2}';

/** The date forms of RFC 9110 section 5.6.7, all of them UTC; `Date.parse` alone would accept nearly any text. */
const httpDates = [
  `[A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} ${time} GMT`,
  `[A-Z][a-z]{5,8}, \\d{2}-[A-Z][a-z]{2}-\\d{2} ${time} GMT`,
  `[A-Z][a-z]{2} [A-Z][a-z]{2} [ \\d]\\d ${time} \\d{4}`,
].map((form) => new RegExp(`^${form}$`));

/** Some servers send fractions of a second, against the RFC. They are rounded up. */
const seconds = /^\d+(\.\d+)?$/;

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date. `nowMs` is the time of day, since the epoch.
 * @returns milliseconds to wait after `nowMs`, from 0 to 2,147,483,647; undefined when it is absent or invalid.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (seconds.test(text)) return Math.min(Math.ceil(Number(text)) * 1000, maxWaitMs);
  // The last form has no zone.
  const dateMs = httpDates.some((form) => form.test(text))
    ? Date.parse(text.replace(/(?: GMT)?$/, ' GMT'))
    : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - nowMs), maxWaitMs);
}

/**
 * How long an answer asks its client to wait, like {@link parseRetryAfter}: its `Retry-After`, else its `ratelimit-reset` in seconds
 * (Truto passes the provider's value on). The headers' names are in lower case.
 */
export function readRetryAfter(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const reset = headers['ratelimit-reset']?.trim() ?? '';
  return (
    parseRetryAfter(headers['retry-after'], nowMs) ?? (seconds.test(reset) ? parseRetryAfter(reset, nowMs) : undefined)
  );
}

/** Delays are random from 0 to this, doubled for each earlier failure: full jitter spreads the retries of many callers. */
const baseDelayMs = 200;

/** Up to this is added to upstream's own delay, so that requests refused together are not retried together. */
const retryAfterJitterMs = 250;

/** The most attempts of any request, including those that upstream asked for. */
const maxAttempts = 3;

/**
 * How often a request is retried after failures. A failed retry of a delete is not retried (RFC 9110 section 9.2.2). A `POST` is retried
 * only if nothing was sent.
 */
const maxFailureRetries = { GET: 2, DELETE: 1, POST: 1 } as const;

/** The state after an attempt. */
export interface RetryQuestion extends Pick<UpstreamRequest, 'method'>, Pick<Sent, 'attempt' | 'attemptCount'> {
  /** False when a second execution may have a further effect, as of every `POST`. */
  readonly isRepeatable: boolean;
  /** How many attempts failed, including this one. A rate limit is not a failure. */
  readonly failureCount: number;
  /** By the monotonic clock (`performance.now()`). */
  readonly nowMs: number;
  /** The time of day, in milliseconds since the epoch, for a `Retry-After` that is a date. */
  readonly timeOfDayMs: number;
  /** The moment by which another attempt must start. */
  readonly beginBy: number;
  /** A new random number from 0 to 1. */
  readonly random: number;
}

/** Reasons before an attempt starts. Another attempt would end the same way. */
const neverStarted: ReadonlySet<string> = new Set(['timeout', 'paused', 'streams', 'open', 'abandoned']);

/** True when no request was started: no time, no permit, an open breaker, or a caller who has disconnected. */
export function wasNeverStarted(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent && neverStarted.has(attempt.reason);
}

/** What an attempt means for a retry: it had no effect, it may have had one, it asks to wait, or it is final. */
export function judge(attempt: Attempt, method: RetryQuestion['method']): 'unsent' | 'unclear' | 'wait' | 'final' {
  if (attempt.kind === 'failure' && attempt.mayHaveBeenSent) return 'unclear';
  if (attempt.kind === 'failure') return wasNeverStarted(attempt) ? 'final' : 'unsent';
  const { statusCode, body } = attempt;
  const { retry } = meaningOf(statusCode);
  if (retry !== 'final' || body.kind !== 'unreadable' || body.reason === 'encoded') return retry;
  // A large record stays large. After a delete, a retry at least shows whether the record is gone.
  return body.reason.startsWith('too-') && method === 'GET' ? 'final' : 'unclear';
}

function waitAsked({ attempt, timeOfDayMs, random }: RetryQuestion): number | undefined {
  const retryAfterMs = attempt.kind === 'answer' ? readRetryAfter(attempt.headers, timeOfDayMs) : undefined;
  return retryAfterMs === undefined ? undefined : retryAfterMs + Math.ceil(random * retryAfterJitterMs);
}

/** The milliseconds to wait before a retry; undefined for no retry. A retry also needs the {@link RetryBudget}. */
export function retryDelayMs(question: RetryQuestion): number | undefined {
  const { method, attempt, attemptCount, failureCount, nowMs, random } = question;
  const verdict = judge(attempt, method);
  if (verdict === 'final' || attemptCount >= maxAttempts) return undefined;
  if (verdict === 'unclear' && (method === 'POST' || !question.isRepeatable)) return undefined;
  if (verdict !== 'wait' && failureCount > maxFailureRetries[method]) return undefined;
  const delayMs = verdict === 'wait' ? waitAsked(question) : random * baseDelayMs * 2 ** Math.max(0, failureCount - 1);
  return delayMs !== undefined && nowMs + delayMs < question.beginBy ? delayMs : undefined;
}

/** How many calls earn one retry, and the most retries that are saved: those of a thousand calls. */
const callsPerRetry = 10;
const maxSaved = 100;

/** The retries that a server may make without any calls: one per second, and this many at once. */
const freeAtOnce = 10;

/** Limits retries to 10 % of recent calls, plus one per second, so that an outage does not multiply the load on upstream. */
export class RetryBudget {
  #earned = 0;
  #free = freeAtOnce;
  #refilledAt = 0;

  /** Counts one call, independent of its attempts. */
  countCall(): void {
    this.#earned = Math.min(maxSaved, this.#earned + 1 / callsPerRetry);
  }

  /** Takes one retry from the budget. False when none is left. */
  take(nowMs: number): boolean {
    this.#free = Math.min(freeAtOnce, this.#free + Math.max(0, nowMs - this.#refilledAt) / 1000);
    this.#refilledAt = nowMs;
    if (this.#earned >= 1) this.#earned -= 1;
    else if (this.#free >= 1) this.#free -= 1;
    else return false;
    return true;
  }
}
