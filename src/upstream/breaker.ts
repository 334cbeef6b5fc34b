import type { Attempt } from './attempt.ts';
import { meaningOf } from './status.ts';

/** More than half of at least 20 attempts within 10 seconds must have failed. */
const share = 0.5;
const leastAttempts = 20;

/** The 10 seconds are five spans: the oldest is forgotten as a whole. */
const spanMs = 2_000;
const spanCount = 5;

/** Counts attempts over the last 10 seconds, by the monotonic clock. */
class Samples {
  #spans: { readonly startMs: number; total: number; failed: number }[] = [];

  count(hasFailed: boolean): void {
    const nowMs = performance.now();
    this.#spans = this.#spans.filter(({ startMs }) => nowMs - startMs < spanMs * spanCount);
    let span = this.#spans.at(-1);
    if (!span || nowMs - span.startMs >= spanMs) {
      span = { startMs: nowMs, total: 0, failed: 0 };
      this.#spans.push(span);
    }
    span.total += 1;
    if (hasFailed) span.failed += 1;
  }

  get isTooMuch(): boolean {
    const total = this.#spans.reduce((sum, span) => sum + span.total, 0);
    const failed = this.#spans.reduce((sum, span) => sum + span.failed, 0);
    return total >= leastAttempts && failed > total * share;
  }

  forget(): void {
    this.#spans = [];
  }
}

/** While open, one attempt in this time is let through as a probe, also when the one before it has no end yet. */
const probeAfterMs = 500;

/** True when there was no connection to upstream: nothing that happens after that is surely its own failure. */
export function isUpstreamFailure(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent;
}

/**
 * True when a request came to nothing: no answer, or a failure at the provider or on the way to it. It counts against the
 * integrated account, since one whose provider is down must not cost the others anything.
 */
export function isAccountFailure(attempt: Attempt): boolean {
  if (attempt.kind === 'failure') return true;
  const { isFailure } = meaningOf(attempt.statusCode);
  return isFailure === 'unless-json' ? !attempt.headers['content-type']?.includes('json') : isFailure;
}

/** Lets nothing through after too many failures, but for a probe now and then: the others are refused at once. */
export class Breaker {
  readonly #isFailure: (attempt: Attempt) => boolean;
  readonly #samples = new Samples();
  /** The moment from which the next probe may begin, by `performance.now()`; undefined while closed. */
  #probeAt: number | undefined;

  /** @param isFailure what counts; everything else, refusals among it, counts as good. */
  constructor(isFailure: (attempt: Attempt) => boolean) {
    this.#isFailure = isFailure;
  }

  /** True while nothing is let through; ask before {@link Breaker.begin}, without a pause in between. */
  get isOpen(): boolean {
    return this.#probeAt !== undefined && performance.now() < this.#probeAt;
  }

  /**
   * Notes that an attempt begins.
   * @returns true when it is a probe: {@link Breaker.end} needs to know.
   */
  begin(): boolean {
    if (this.#probeAt === undefined) return false;
    this.#probeAt = performance.now() + probeAfterMs;
    return true;
  }

  /** Notes how an attempt ended. */
  end(attempt: Attempt, isProbe: boolean): void {
    const isFailure = this.#isFailure(attempt);
    if (isProbe && !isFailure) {
      this.#samples.forget();
      this.#probeAt = undefined;
    }
    this.#samples.count(isFailure);
    // One that began before the breaker opened says nothing of how it is since.
    const opens = this.#probeAt === undefined && isFailure && this.#samples.isTooMuch;
    if (opens || (isProbe && isFailure)) this.#probeAt = performance.now() + probeAfterMs;
  }
}
