/** An operation with a deadline. */
export interface Expiring {
  /** Called once at the deadline, unless it was cancelled before. */
  expire(): void;
}

/** A pending deadline. */
export interface Deadline {
  /** By `performance.now()`, in milliseconds. */
  readonly at: number;
  cancel(): void;
}

/** The longest delay of Node's timers. A timer that fires early is set again. */
const maxTimerMs = 2_147_483_647;

class Entry implements Deadline {
  readonly at: number;
  readonly #list: Deadlines;
  target: Expiring | undefined;
  before: Entry | undefined;
  after: Entry | undefined;

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
  #first: Entry | undefined;
  #last: Entry | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  /** @param at the moment (by `performance.now()`). One in the past is due at once, but never within this call. */
  add(at: number, target: Expiring): Deadline {
    const entry = new Entry(at, target, this);
    let before = this.#last;
    while (before && before.at > at) before = before.before;
    const after = before ? before.after : this.#first;
    entry.before = before;
    entry.after = after;
    if (before) before.after = entry;
    else this.#first = entry;
    if (after) after.before = entry;
    else this.#last = entry;
    if (!before) this.#setTimer(at);
    return entry;
  }

  remove(entry: Entry): void {
    const { before, after } = entry;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // An entry that is referenced elsewhere must not hold its target and neighbours in memory.
    entry.target = entry.before = entry.after = undefined;
    if (this.#first) return;
    // A timer without deadlines would keep the process alive.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer may fire early: that costs less than moving it for each entry. */
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
    for (let entry = this.#first; entry && entry.at <= nowMs; entry = this.#first) {
      const { target } = entry;
      this.remove(entry);
      target?.expire();
    }
    if (this.#first) this.#setTimer(this.#first.at);
  }
}

/** The deadlines of this process. */
export const deadlines: Deadlines = new Deadlines();
