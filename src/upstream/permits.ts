import { deadlines, type Expiring } from './deadlines.ts';

/** Gives the permit back. Call it exactly once. */
export type Release = () => void;

interface Waiter extends Expiring {
  readonly settle: (release: Release | undefined) => void;
}

/**
 * A semaphore with a queue, in order of arrival, and a deadline for each waiter. undici has a queue too, but a request that expires
 * there closes a live connection when it reaches the front.
 */
export class Permits {
  readonly #max: number;
  readonly #maxWaiting: number;
  #held = 0;
  /** The oldest first. */
  readonly #waiting = new Set<Waiter>();

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
    if (this.#waiting.size >= this.#maxWaiting) return undefined;
    return new Promise((settle) => {
      const expire = () => {
        this.#waiting.delete(waiter);
        settle(undefined);
      };
      const waiter = { settle, expire, deadlineAt: until, deadlineIndex: -1 };
      this.#waiting.add(waiter);
      deadlines.set(waiter, until);
    });
  }

  /** Passes the permit to the oldest waiter, directly: a later request must not take it in between. */
  readonly #release = (): void => {
    const [next] = this.#waiting;
    if (!next) {
      this.#held -= 1;
      return;
    }
    this.#waiting.delete(next);
    deadlines.cancel(next);
    next.settle(this.#release);
  };
}
