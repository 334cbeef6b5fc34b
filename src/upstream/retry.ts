import type { Attempt } from './attempt.ts';
import { meaningOf } from './status.ts';

/** The longest wait that fits GraphQL's 32-bit `Int`, in milliseconds: about 24.8 days. */
const maxWaitMs = 2_147_483_647;

const time = '\\d{2}:\\d{2}:\\d{2}';

/** The three date forms of RFC 9110 section 5.6.7, all of them UTC; `Date.parse` alone would take nearly anything. */
const httpDates = {
  fixed: new RegExp(`^[A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} ${time} GMT$`),
  rfc850: new RegExp(`^[A-Z][a-z]{5,8}, \\d{2}-[A-Z][a-z]{2}-\\d{2} ${time} GMT$`),
  asctime: new RegExp(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \\d]\\d ${time} \\d{4}$`),
};

function parseHttpDate(text: string): number {
  if (httpDates.asctime.test(text)) return Date.parse(`${text} GMT`);
  return httpDates.fixed.test(text) || httpDates.rfc850.test(text) ? Date.parse(text) : Number.NaN;
}

/** A fraction of a second, which the RFC does not allow and some servers send, is rounded up. */
const seconds = /^\d+(\.\d+)?$/;

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date.
 * @param nowMs the time of day, in milliseconds since the epoch.
 * @returns milliseconds to wait from `nowMs` on, from 0 to 2,147,483,647; undefined when it is absent or neither form.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (seconds.test(text)) return Math.min(Math.ceil(Number(text)) * 1000, maxWaitMs);
  const dateMs = parseHttpDate(text);
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - nowMs), maxWaitMs);
}

/**
 * How long an answer asks its client to wait: its `Retry-After`, else its `ratelimit-reset` in seconds (Truto passes the
 * provider's on).
 * @param headers by lower-case name.
 * @param nowMs the time of day, in milliseconds since the epoch.
 * @returns milliseconds, from 0 to 2,147,483,647; undefined when neither header says so.
 */
export function readRetryAfter(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const reset = headers['ratelimit-reset']?.trim() ?? '';
  return (
    parseRetryAfter(headers['retry-after'], nowMs) ?? (seconds.test(reset) ? parseRetryAfter(reset, nowMs) : undefined)
  );
}

/** Delays are drawn from 0 up to this, doubled for each failure before: full jitter, so that callers spread. */
const baseDelayMs = 200;

/** Added at random to what upstream asks for, so that those who were refused together do not come back together. */
const retryAfterJitterMs = 250;

/** No request is attempted more often than this, whatever upstream asks for. */
const maxAttempts = 3;

/** How often a request may be sent again after failures; a failed retry of a delete is not retried (RFC 9110 section 9.2.2). */
const maxFailureRetries = { GET: 2, DELETE: 1 } as const;

/** What is known when an attempt has ended. */
export interface RetryQuestion {
  readonly method: 'GET' | 'DELETE';
  /** False when carrying the request out twice may do more than once. */
  readonly isRepeatable: boolean;
  readonly attempt: Attempt;
  /** How many attempts were made, with this one. */
  readonly attemptCount: number;
  /** How many of them failed, with this one; being asked to wait is no failure. */
  readonly failureCount: number;
  /** By the monotonic clock (`performance.now()`). */
  readonly nowMs: number;
  /** The time of day, in milliseconds since the epoch: a `Retry-After` may be a date. */
  readonly timeOfDayMs: number;
  /** The moment by which another attempt must have begun. */
  readonly beginBy: number;
  /** From 0 to 1, drawn anew for each question. */
  readonly random: number;
}

/** What an attempt says about a repetition: it changed nothing, it may have, it asks to wait, or it is final. */
export type Verdict = 'unsent' | 'unclear' | 'wait' | 'final';

/** What ends before an attempt begins; another one would end the same way. */
const neverStarted: ReadonlySet<string> = new Set(['timeout', 'paused', 'streams', 'open', 'abandoned']);

/** True when nothing was even tried: there was no time, no permit, or nobody who waits for it. */
export function wasNeverStarted(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent && neverStarted.has(attempt.reason);
}

/** Tells what an attempt's end means for a repetition. */
export function judge(attempt: Attempt, method: RetryQuestion['method']): Verdict {
  if (attempt.kind === 'failure') {
    if (attempt.mayHaveBeenSent) return 'unclear';
    return wasNeverStarted(attempt) ? 'final' : 'unsent';
  }
  const { statusCode, body } = attempt;
  const { retry } = meaningOf(statusCode);
  if (retry !== 'final' || body.kind !== 'unreadable' || body.reason === 'encoded') return retry;
  // A large record stays large. Of a delete, the next attempt at least says whether it is gone.
  return body.reason === 'too-large' && method === 'GET' ? 'final' : 'unclear';
}

function waitAsked({ attempt, timeOfDayMs, random }: RetryQuestion): number | undefined {
  const retryAfterMs = attempt.kind === 'answer' ? readRetryAfter(attempt.headers, timeOfDayMs) : undefined;
  return retryAfterMs === undefined ? undefined : retryAfterMs + Math.ceil(random * retryAfterJitterMs);
}

/**
 * Decides whether a request is sent again: the milliseconds to wait before, or undefined to leave it at that. The
 * budget has the last word: ask it only when there is a delay.
 */
export function retryDelayMs(question: RetryQuestion): number | undefined {
  const { method, attempt, attemptCount, failureCount, nowMs, random } = question;
  const verdict = judge(attempt, method);
  if (verdict === 'final' || attemptCount >= maxAttempts) return undefined;
  if (verdict === 'unclear' && !question.isRepeatable) return undefined;
  if (verdict !== 'wait' && failureCount > maxFailureRetries[method]) return undefined;
  const delayMs = verdict === 'wait' ? waitAsked(question) : random * baseDelayMs * 2 ** Math.max(0, failureCount - 1);
  return delayMs !== undefined && nowMs + delayMs < question.beginBy ? delayMs : undefined;
}

/** How many calls earn one retry, and the most that is saved up: what the last thousand calls have earned. */
const callsPerRetry = 10;
const maxSaved = 100;

/** What a server with hardly any calls may still retry: one a second, and so many at once. */
const freePerSecond = 1;
const freeAtOnce = 10;

/** Keeps retries under 10 % of recent calls, plus one a second, so that an outage never multiplies the load on upstream. */
export class RetryBudget {
  #earned = 0;
  #free = freeAtOnce;
  #refilledAt: number;

  constructor(nowMs: number) {
    this.#refilledAt = nowMs;
  }

  /** Counts one call, however often it will be attempted. */
  countCall(): void {
    this.#earned = Math.min(maxSaved, this.#earned + 1 / callsPerRetry);
  }

  /** Takes one retry out of the budget; false when there is none left. */
  take(nowMs: number): boolean {
    this.#free = Math.min(freeAtOnce, this.#free + (Math.max(0, nowMs - this.#refilledAt) / 1000) * freePerSecond);
    this.#refilledAt = nowMs;
    if (this.#earned >= 1) {
      this.#earned -= 1;
      return true;
    }
    if (this.#free < 1) return false;
    this.#free -= 1;
    return true;
  }
}
