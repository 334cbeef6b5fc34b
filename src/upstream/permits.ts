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
 * A semaphore with a queue, in order of arrival, and a deadline for each waiter. undici has a queue too, but a request that expires
 * there closes a live connection when it reaches the front.
 */
export class Permits {
  readonly #max: number;
  readonly #maxWaiting: number;
  #held = 0;
  #waiting: Waiter[] = [];
  #waitingCount = 0;

  /** @param maxWaiting the length of the queue. */
  constructor(max: number, maxWaiting: number) {
    this.#max = max;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Acquires a permit.
   * @param until the moment (by `performance.now()`) when to stop waiting.
   * @returns undefined when the deadline came first, or the queue is full.
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
    // Most expire in order of arrival. Any other is dropped when it reaches the front.
    while (this.#waiting[0]?.isWaiting === false) this.#waiting.shift();
  }

  /** Passes the permit to the oldest waiter, directly: a later request must not take it in between. */
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
