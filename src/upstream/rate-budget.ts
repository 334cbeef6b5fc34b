/** The longest pause: a wrong header of upstream must not lock an account out for weeks. */
export const maxPauseMs = 60_000;

/** How many requests may be sent in any window: for one integrated account, and for one token with all of its accounts. */
export interface RequestLimits {
  readonly windowMs: number;
  readonly perAccount: number;
  readonly perToken: number;
}

/**
 * A rate limit over an exact sliding window, so upstream never counts more, wherever its own windows begin. A request is counted when
 * it is sent, never before, so none is counted that was not sent. Moments are by a monotonic clock, in milliseconds.
 */
export class RateBudget {
  readonly #windowMs: number;
  /** When the last requests were sent, as many as the limit. The oldest is at `#oldest`. */
  readonly #wentAt: Float64Array;
  #oldest = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #waiting = 0;

  /** @param limit 0 for no limit: only pauses count. */
  constructor(limit: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#wentAt = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /** How many requests wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How long a new request must wait, behind those that wait already; 0 for not at all. */
  delayMs(nowMs: number): number {
    const limit = this.#wentAt.length;
    const paused = this.#pausedUntil - nowMs;
    if (limit === 0) return Math.max(0, paused);
    const rounds = Math.floor(this.#waiting / limit);
    const went = this.#wentAt[(this.#oldest + this.#waiting) % limit] ?? 0;
    const free = Math.max(went + this.#windowMs, rounds > 0 ? nowMs : Number.NEGATIVE_INFINITY) - nowMs;
    return Math.max(0, paused, free + rounds * this.#windowMs);
  }

  /** True when a request may be sent now. */
  canTake(nowMs: number): boolean {
    const limit = this.#wentAt.length;
    const isFree = limit === 0 || (this.#wentAt[this.#oldest] ?? 0) + this.#windowMs <= nowMs;
    return isFree && nowMs >= this.#pausedUntil;
  }

  /** Counts a request that is sent now. {@link RateBudget.canTake} must have been true. */
  take(nowMs: number): void {
    const limit = this.#wentAt.length;
    if (limit === 0) return;
    this.#wentAt[this.#oldest] = nowMs;
    this.#oldest = (this.#oldest + 1) % limit;
  }

  /** Counts a request as waiting while the promise is pending. Later requests wait behind it. */
  async whileWaiting<Result>(wait: Promise<Result>): Promise<Result> {
    this.#waiting += 1;
    try {
      return await wait;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Allows no request for this time. A pause is never shortened. */
  pause(nowMs: number, forMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, nowMs + Math.min(forMs, maxPauseMs));
  }
}
