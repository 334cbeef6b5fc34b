/** Something that is given up at a moment. */
export interface Expiring {
  /** Called once, unless it was cancelled before. */
  expire(): void;
}

/** A moment that is waited for. */
export interface Deadline {
  /** By `performance.now()`, in milliseconds. */
  readonly at: number;
  cancel(): void;
}

/** Node's timers go no further; one that fires before anything is due is set again. */
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
 * All deadlines of a process, in order, behind one timer: a timer for each request costs more than all else about its deadline.
 * Most are as far away as the one before, so each is put in its place from the end.
 */
export class Deadlines {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  /** @param at the moment (by `performance.now()`); one in the past is due at once, but never within this call. */
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
    // An entry that lives on must keep neither its target nor its neighbours in memory.
    entry.target = entry.before = entry.after = undefined;
    if (this.#first) return;
    // A timer would keep the process alive for nothing.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer may fire before anything is due: that costs less than to move it for each entry. */
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
