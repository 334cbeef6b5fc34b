/** An operation with a deadline. */
export interface Expiring {
  /** Called once at the deadline, unless it was cancelled before. */
  expire(): void;
}

/** The longest delay of Node's timers. A timer that fires early is set again. */
const maxTimerMs = 2_147_483_647;

/** All deadlines of a process, behind one timer: a timer for each request would cost more than the rest of its deadline. */
export class Deadlines {
  readonly #moments = new Map<Expiring, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  /**
   * Sets the one deadline of an operation.
   * @param at the moment (by `performance.now()`). One in the past is due at once, but never within this call.
   */
  set(target: Expiring, at: number): void {
    this.#moments.set(target, at);
    this.#setTimer(at);
  }

  /** Removes the deadline of an operation, if it has one. */
  cancel(target: Expiring): void {
    if (!this.#moments.delete(target) || this.#moments.size > 0) return;
    // A timer without deadlines would keep the process alive.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer may fire early: that costs less than moving it for each deadline. */
  #setTimer(at: number): void {
    if (this.#timer && this.#timerAt <= at) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const waitMs = Math.min(Math.max(0, at - performance.now()), maxTimerMs);
    this.#timer = setTimeout(() => this.#expire(), waitMs);
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    let nextAt = Number.POSITIVE_INFINITY;
    for (const [target, at] of this.#moments)
      if (at > nowMs) nextAt = Math.min(nextAt, at);
      else if (this.#moments.delete(target)) target.expire();
    if (this.#moments.size > 0) this.#setTimer(nextAt);
  }
}

/** The deadlines of this process. */
export const deadlines: Deadlines = new Deadlines();
