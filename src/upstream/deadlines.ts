/** An operation with a deadline. */
export interface Expiring {
  /** Called once at the deadline, unless it was cancelled before. */
  expire(): void;
}

/** The longest delay of Node's timers. A timer that fires early is set again. */
const maxTimerMs = 2_147_483_647;

/** A deadline, and its neighbours in a list. */
export class Deadline {
  /** By `performance.now()`, in milliseconds. */
  readonly at: number;
  readonly #list: Deadlines;
  /** Undefined once it is past or cancelled. */
  target: Expiring | undefined;
  before: Deadline | undefined;
  after: Deadline | undefined;

  constructor(at: number, target: Expiring, list: Deadlines) {
    this.at = at;
    this.target = target;
    this.#list = list;
  }

  cancel(): void {
    if (this.target) this.#list.remove(this);
  }
}

/**
 * All deadlines of a process, in order, behind one timer: a timer for each request would cost more than the rest of its deadline.
 * Most new deadlines are the latest, so the list is searched from its end.
 */
export class Deadlines {
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  /** @param at the moment (by `performance.now()`). One in the past is due at once, but never within this call. */
  add(at: number, target: Expiring): Deadline {
    const added = new Deadline(at, target, this);
    let before = this.#last;
    while (before && before.at > at) before = before.before;
    added.before = before;
    added.after = before ? before.after : this.#first;
    this.#link(before, added);
    this.#link(added, added.after);
    if (!before) this.#setTimer(at);
    return added;
  }

  remove(deadline: Deadline): void {
    this.#link(deadline.before, deadline.after);
    // A deadline that is referenced elsewhere must not hold its target and neighbours in memory.
    deadline.target = deadline.before = deadline.after = undefined;
    if (this.#first) return;
    // A timer without deadlines would keep the process alive.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Makes two deadlines neighbours; undefined for an end of the list. */
  #link(before: Deadline | undefined, after: Deadline | undefined): void {
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
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
    for (let next = this.#first; next && next.at <= nowMs; next = this.#first) {
      const { target } = next;
      this.remove(next);
      target?.expire();
    }
    if (this.#first) this.#setTimer(this.#first.at);
  }
}

/** The deadlines of this process. */
export const deadlines: Deadlines = new Deadlines();
