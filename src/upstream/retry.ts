import type { Attempt } from './attempt.ts';
import { readRetryAfter } from './retry-after.ts';

/** Delays are drawn from 0 up to this, doubled for each failure before: full jitter, so that callers spread. */
const baseDelayMs = 200;

/** Added at random on top of what upstream asks for, so that those who were refused together do not come back together. */
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

const unclearStatuses = new Set([500, 502, 504]);

/** What ends before an attempt begins; another one would end the same way. */
const heldBack = new Set(['timeout', 'paused', 'streams', 'open', 'abandoned']);

/** True when nothing was even tried: there was no time, no place, or nobody who wants it. */
export function isHeldBack(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent && heldBack.has(attempt.reason);
}

/**
 * Tells what an attempt's end means for a repetition. 503 is final: from Truto it means a blocked account, from anybody
 * else an overload that more requests only feed.
 */
export function judge(attempt: Attempt, method: RetryQuestion['method']): Verdict {
  if (attempt.kind === 'failure') {
    if (attempt.mayHaveBeenSent) return 'unclear';
    return isHeldBack(attempt) ? 'final' : 'unsent';
  }
  const { statusCode, body } = attempt;
  if (statusCode === 429) return 'wait';
  if (unclearStatuses.has(statusCode)) return 'unclear';
  if (body.kind !== 'unreadable' || body.reason === 'encoded') return 'final';
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
