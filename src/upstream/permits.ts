import { type Deadline, deadlines, type Expiring } from './deadlines.ts';

/** Gives the permit back. Call it exactly once. */
export type Release = () => void;

class Waiter implements Expiring {
  readonly deadline: Deadline;
  readonly #permits: Permits;
  settle: (release: Release | undefined) => void = () => {};
  isWaiting = true;

  constructor(until: number, permits: Permits) {
    this.#permits = permits;
    this.deadline = deadlines.add(until, this);
  }

  expire(): void {
    this.isWaiting = false;
    this.#permits.noteExpired();
    this.settle(undefined);
  }
}

/**
 * At most so many permits at once. Who finds none waits, in the order of arrival, no longer than until a deadline: undici has a
 * queue of its own, but a request that expires there takes a live connection along when its turn comes.
 */
export class Permits {
  readonly #max: number;
  readonly #maxWaiting: number;
  #held = 0;
  #waiting: Waiter[] = [];
  #waitingCount = 0;

  /** @param maxWaiting beyond it, nobody is let in to wait. */
  constructor(max: number, maxWaiting: number) {
    this.#max = max;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * A permit, when there is one.
   * @param until the moment (by `performance.now()`) when it is given up.
   * @returns undefined when the deadline came first, or too many wait.
   */
  acquire(until: number): Release | undefined | Promise<Release | undefined> {
    if (this.#held < this.#max) {
      this.#held += 1;
      return this.#release;
    }
    if (this.#waitingCount >= this.#maxWaiting) return undefined;
    const waiter = new Waiter(until, this);
    this.#waitingCount += 1;
    this.#waiting.push(waiter);
    return new Promise((resolve) => {
      waiter.settle = resolve;
    });
  }

  noteExpired(): void {
    this.#waitingCount -= 1;
    // Most expire in the order in which they came; any other is dropped when it has come to the front.
    while (this.#waiting[0]?.isWaiting === false) this.#waiting.shift();
  }

  /** Hands the permit to whoever has waited longest: one that comes later must not take it in between. */
  readonly #release = (): void => {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (!next.isWaiting) continue;
      next.isWaiting = false;
      next.deadline.cancel();
      this.#waitingCount -= 1;
      next.settle(this.#release);
      return;
    }
    this.#held -= 1;
  };
}
