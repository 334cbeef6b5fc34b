import { CircuitState, SamplingBreaker } from 'cockatiel';
import type { Attempt } from './attempt.ts';

/** More than half of at least 20 attempts within 10 seconds must be trouble. */
const sampling = { threshold: 0.5, duration: 10_000, minimumRps: 2 };

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
 * waiting for what will most likely fail, and feeding the trouble. What is too much trouble, cockatiel's sampling decides;
 * its circuit would run each attempt itself, and have those wait that come while one tries.
 */
export class Breaker {
  readonly #isTrouble: (attempt: Attempt) => boolean;
  readonly #samples = new SamplingBreaker(sampling);
  #state: CircuitState.Closed | CircuitState.Open | CircuitState.HalfOpen = CircuitState.Closed;
  /** By a clock that nobody sets, in milliseconds. */
  #probeAt = 0;

  /** @param isTrouble what counts; everything else, refusals among it, counts as good. */
  constructor(isTrouble: (attempt: Attempt) => boolean) {
    this.#isTrouble = isTrouble;
  }

  /** True while nothing is let through; ask before {@link Breaker.begin}, without a pause in between. */
  get isOpen(): boolean {
    return (
      this.#state === CircuitState.HalfOpen || (this.#state === CircuitState.Open && performance.now() < this.#probeAt)
    );
  }

  /**
   * Notes that an attempt begins.
   * @returns what is to be told how it ended.
   */
  begin(): (end: Attempt) => void {
    const isProbe = this.#state === CircuitState.Open;
    if (isProbe) this.#state = CircuitState.HalfOpen;
    return (end) => this.#count(this.#isTrouble(end), isProbe);
  }

  #count(isTrouble: boolean, isProbe: boolean): void {
    const wasOpen = isProbe ? CircuitState.HalfOpen : CircuitState.Closed;
    if (!isTrouble) {
      this.#samples.success(wasOpen);
      if (isProbe) this.#state = CircuitState.Closed;
      // One that began before the breaker opened says nothing of how it is since.
    } else if (this.#samples.failure(wasOpen) && (isProbe || this.#state === CircuitState.Closed)) {
      this.#state = CircuitState.Open;
      this.#probeAt = performance.now() + probeAfterMs;
    }
  }
}
