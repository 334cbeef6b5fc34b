/** No pause is longer, whatever upstream asks for: one odd header must not lock an account out for weeks. */
export const maxPauseMs = 60_000;

/** How many requests may go in any window: for one integrated account, and for one token, which all its accounts share. */
export interface RequestLimits {
  readonly windowMs: number;
  readonly perAccount: number;
  readonly perToken: number;
}

/**
 * At most so many requests in any window of a length: exact over a sliding window, so that upstream never counts more,
 * however its own windows lie. A place is taken in the moment a request goes, never before, so none is lost. Moments are
 * those of a clock that nobody sets, in milliseconds.
 */
export class RateBudget {
  readonly #windowMs: number;
  /** When the last requests went, as many as the limit; the oldest is at `#oldest`. */
  readonly #wentAt: Float64Array;
  #oldest = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #waiting = 0;

  /** @param limit 0: no limit, only pauses. */
  constructor(limit: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#wentAt = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How long a request that comes now will wait for its place, behind those who wait already; 0 for not at all. */
  delayMs(nowMs: number): number {
    const limit = this.#wentAt.length;
    const paused = this.#pausedUntil - nowMs;
    if (limit === 0) return Math.max(0, paused);
    const rounds = Math.floor(this.#waiting / limit);
    const went = this.#wentAt[(this.#oldest + this.#waiting) % limit] ?? 0;
    const free = Math.max(went + this.#windowMs, rounds > 0 ? nowMs : Number.NEGATIVE_INFINITY) - nowMs;
    return Math.max(0, paused, free + rounds * this.#windowMs);
  }

  /** True when a request may go now. */
  canTake(nowMs: number): boolean {
    const limit = this.#wentAt.length;
    const isFree = limit === 0 || (this.#wentAt[this.#oldest] ?? 0) + this.#windowMs <= nowMs;
    return isFree && nowMs >= this.#pausedUntil;
  }

  /** Takes the place that {@link RateBudget.canTake} just said is there: the request goes now. */
  take(nowMs: number): void {
    const limit = this.#wentAt.length;
    if (limit === 0) return;
    this.#wentAt[this.#oldest] = nowMs;
    this.#oldest = (this.#oldest + 1) % limit;
  }

  /** Counts one that waits while the promise is pending: those who come later wait behind it. */
  async whileWaiting<Result>(wait: Promise<Result>): Promise<Result> {
    this.#waiting += 1;
    try {
      return await wait;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Lets nothing go for so long. A pause is never shortened. */
  pause(nowMs: number, forMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, nowMs + Math.min(forMs, maxPauseMs));
  }
}
