/** An operation with a deadline. The two numbers are for {@link Deadlines}; at first, the index is -1. */
export interface Expiring {
  deadlineAt: number;
  deadlineIndex: number;
  /** Called once at the deadline, unless it was cancelled before. */
  expire(): void;
}

/** The longest delay of Node's timers. A timer that fires early is set again. */
const maxTimerMs = 2_147_483_647;

/** All deadlines of a process, behind one timer: a timer for each request would cost more than the rest of its deadline. */
export class Deadlines {
  /** In any order. A `Map` whose entries change often is rebuilt by V8, in memory that is seldom collected. */
  readonly #all: Expiring[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  /**
   * Sets the one deadline of an operation.
   * @param at the moment (by `performance.now()`). One in the past is due at once, but never within this call.
   */
  set(target: Expiring, at: number): void {
    if (target.deadlineIndex < 0) target.deadlineIndex = this.#all.push(target) - 1;
    target.deadlineAt = at;
    this.#setTimer(at);
  }

  /** Removes the deadline of an operation, if it has one. */
  cancel(target: Expiring): void {
    const { deadlineIndex } = target;
    const last = this.#all.at(-1);
    if (deadlineIndex < 0 || !last) return;
    // The last one takes its place.
    this.#all[deadlineIndex] = last;
    last.deadlineIndex = deadlineIndex;
    target.deadlineIndex = -1;
    this.#all.pop();
    if (this.#all.length > 0) return;
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
    const due = this.#all.filter(({ deadlineAt }) => deadlineAt <= nowMs);
    for (const target of due.sort((one, other) => one.deadlineAt - other.deadlineAt)) {
      // The end of another may have cancelled it.
      if (target.deadlineIndex < 0) continue;
      this.cancel(target);
      target.expire();
    }
    if (this.#all.length > 0)
      this.#setTimer(this.#all.reduce((next, { deadlineAt }) => Math.min(next, deadlineAt), Number.POSITIVE_INFINITY));
  }
}

/** The deadlines of this process. */
export const deadlines: Deadlines = new Deadlines();
