import type { Attempt } from './attempt.ts';

/** More than half of at least 20 attempts within 10 seconds must be trouble. */
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

/** After that, one attempt in this time is let through to see whether it is over: it bounds how late that is noticed. */
const probeAfterMs = 500;

/** True when there was no connection to upstream: nothing that happens after that can be laid on it for sure. */
export function isUpstreamTrouble(attempt: Attempt): boolean {
  return attempt.kind === 'failure' && !attempt.mayHaveBeenSent;
}

/**
 * True when a request came to nothing: no answer, or a failure at the provider or on the way to it. That is laid on the
 * integrated account, since one whose provider is down must not cost the others anything. A 503 in JSON is Truto's own
 * word for a blocked account, which says so every time and is no trouble.
 */
export function isAccountTrouble(attempt: Attempt): boolean {
  if (attempt.kind === 'failure') return true;
  const { statusCode, headers } = attempt;
  if (statusCode === 503) return !headers['content-type']?.includes('json');
  return statusCode === 500 || statusCode === 502 || statusCode === 504;
}

/**
 * Lets nothing through to who is in trouble, but one attempt now and then. The others are told at once, instead of
 * waiting for what will most likely fail, and feeding the trouble.
 */
export class Breaker {
  readonly #isTrouble: (attempt: Attempt) => boolean;
  readonly #samples = new Samples();
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  /** By a clock that nobody sets, in milliseconds. */
  #probeAt = 0;

  /** @param isTrouble what counts; everything else, refusals among it, counts as good. */
  constructor(isTrouble: (attempt: Attempt) => boolean) {
    this.#isTrouble = isTrouble;
  }

  /** True while nothing is let through; ask before {@link Breaker.begin}, without a pause in between. */
  get isOpen(): boolean {
    return this.#state === 'half-open' || (this.#state === 'open' && performance.now() < this.#probeAt);
  }

  /**
   * Notes that an attempt begins.
   * @returns what is to be told how it ended.
   */
  begin(): (end: Attempt) => void {
    const isProbe = this.#state === 'open';
    if (isProbe) this.#state = 'half-open';
    return (end) => this.#count(this.#isTrouble(end), isProbe);
  }

  #count(isTrouble: boolean, isProbe: boolean): void {
    if (isProbe && !isTrouble) this.#samples.forget();
    this.#samples.count(isTrouble);
    if (isProbe) this.#state = isTrouble ? 'open' : 'closed';
    // One that began before the breaker opened says nothing of how it is since.
    else if (this.#state === 'closed' && isTrouble && this.#samples.isTooMuch) this.#state = 'open';
    else return;
    if (this.#state === 'open') this.#probeAt = performance.now() + probeAfterMs;
  }
}
