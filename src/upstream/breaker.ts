import type { Attempt } from './attempt.ts';
import { meaningOf } from './status.ts';

/** It opens when more than half of at least 20 attempts within 10 seconds have failed. */
const share = 0.5;
const leastAttempts = 20;

/** The 10 seconds are five spans. The oldest is dropped as a whole. */
const spanMs = 2_000;
const spanCount = 5;

/** While open, one attempt per this time is allowed as a probe, even if the previous probe has not ended. */
const probeAfterMs = 500;

/** True when there was no connection to upstream. Later failures may have other causes. */
export function isUpstreamFailure(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent;
}

/**
 * True when a request had no answer, or failed at the provider or on the way to it. This counts against the integrated account
 * only: an account whose provider is down must not affect the others.
 */
export function isAccountFailure(attempt: Attempt): boolean {
  if (attempt.kind === 'failure') return true;
  const { isFailure } = meaningOf(attempt.statusCode);
  return isFailure === 'unless-json' ? !attempt.headers['content-type']?.includes('json') : isFailure;
}

/** Refuses all attempts after too many failures, except for a probe now and then. */
export class Breaker {
  readonly #isFailure: (attempt: Attempt) => boolean;
  /** The attempts of the last 10 seconds. */
  #spans: { readonly startMs: number; total: number; failed: number }[] = [];
  /** The moment from which the next probe may begin, by `performance.now()`; undefined while closed. */
  #probeAt: number | undefined;

  /** @param isFailure true for a failure. All other ends count as successes, refusals too. */
  constructor(isFailure: (attempt: Attempt) => boolean) {
    this.#isFailure = isFailure;
  }

  /** True while attempts are refused. Check it right before {@link Breaker.begin}, without an `await` in between. */
  get isOpen(): boolean {
    return this.#probeAt !== undefined && performance.now() < this.#probeAt;
  }

  /**
   * Records the start of an attempt.
   * @returns true when it is a probe, for {@link Breaker.end}.
   */
  begin(): boolean {
    if (this.#probeAt === undefined) return false;
    this.#probeAt = performance.now() + probeAfterMs;
    return true;
  }

  /** Records the end of an attempt. */
  end(attempt: Attempt, isProbe: boolean): void {
    const isFailure = this.#isFailure(attempt);
    if (isProbe && !isFailure) {
      this.#spans = [];
      this.#probeAt = undefined;
    }
    this.#count(isFailure);
    // An attempt from before the breaker opened says nothing about the state since.
    const opens = this.#probeAt === undefined && isFailure && this.#isTooMuch;
    if (opens || (isProbe && isFailure)) this.#probeAt = performance.now() + probeAfterMs;
  }

  #count(isFailure: boolean): void {
    const nowMs = performance.now();
    this.#spans = this.#spans.filter(({ startMs }) => nowMs - startMs < spanMs * spanCount);
    let span = this.#spans.at(-1);
    if (!span || nowMs - span.startMs >= spanMs) {
      span = { startMs: nowMs, total: 0, failed: 0 };
      this.#spans.push(span);
    }
    span.total += 1;
    if (isFailure) span.failed += 1;
  }

  get #isTooMuch(): boolean {
    const sum = (what: 'total' | 'failed') => this.#spans.reduce((total, span) => total + span[what], 0);
    return sum('total') >= leastAttempts && sum('failed') > sum('total') * share;
  }
}
