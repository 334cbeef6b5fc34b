import { setTimeout as sleep } from 'node:timers/promises';

/** How many engagements of one job may wait here. Those of a whole page fit. */
const maxWaiting = 16;
/** How long after a pause the account counts as limited. */
const limitedMs = 15_000;
/** A page waits here for a limit that is over after so many milliseconds. For a longer one, it gives its lease back. */
const patienceMs = 15_000;

interface Waiter {
  readonly jobId: string;
  readonly start: (mayStart: boolean) => void;
}

/**
 * Decides how many engagements of an account this process works on at once, as a congestion window does: it begins with one, each end allows
 * one more, and a rate limit halves the number. While the limit lasts, nothing starts.
 */
export class Pace {
  readonly #patienceMs: number;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiter[] = [];
  #most = 1;
  #running = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #isTimerSet = false;

  /** @param signal ends all waits. */
  constructor(signal: AbortSignal, mostPatienceMs = patienceMs) {
    this.#signal = signal;
    this.#patienceMs = mostPatienceMs;
    signal.addEventListener('abort', () => this.#startNext());
  }

  /** How long a rate limit still lasts, in milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now());
  }

  /** True when a rate limit was reached within the last seconds. */
  get isLimited(): boolean {
    return performance.now() < this.#pausedUntil + limitedMs;
  }

  /** True when no engagement may wait here: the limit lasts too long, or this process stops. */
  get #isClosed(): boolean {
    return this.#signal.aborted || this.pauseMs > this.#patienceMs;
  }

  /** True when a further page of the job would only wait. */
  isFull(jobId: string): boolean {
    return (
      this.#isClosed || (this.isLimited && this.#waiting.filter((one) => one.jobId === jobId).length >= maxWaiting)
    );
  }

  /** Waits until an engagement may be worked on; then {@link Pace.leave} must follow. False when that takes too long. */
  enter(jobId: string): Promise<boolean> {
    if (this.isFull(jobId)) return Promise.resolve(false);
    return new Promise((start) => {
      this.#waiting.push({ jobId, start });
      this.#startNext();
    });
  }

  /** Ends the work on an engagement. @param isGrowing allows one more at once. */
  leave(isGrowing: boolean): void {
    this.#running -= 1;
    if (isGrowing) this.#most += 1;
    this.#startNext();
  }

  /** Waits until a limit is over that an engagement met during the work on it. False when that takes too long. */
  async waitForLimit(afterMs: number): Promise<boolean> {
    if (this.pauseMs === 0) this.#most = Math.max(1, Math.floor(this.#running / 2));
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + afterMs);
    this.#startNext();
    while (this.pauseMs > 0 && !this.#isClosed)
      await sleep(Math.ceil(this.pauseMs), undefined, { signal: this.#signal }).catch(() => {});
    return !this.#isClosed;
  }

  #startNext(): void {
    const isClosed = this.#isClosed;
    const isPaused = !isClosed && this.pauseMs > 0;
    while (!isPaused && this.#waiting.length > 0 && (isClosed || this.#running < this.#most)) {
      if (!isClosed) this.#running += 1;
      this.#waiting.shift()?.start(!isClosed);
    }
    if (!isPaused || this.#isTimerSet || this.#waiting.length === 0) return;
    this.#isTimerSet = true;
    const next = () => {
      this.#isTimerSet = false;
      this.#startNext();
    };
    setTimeout(next, Math.ceil(this.pauseMs)).unref();
  }
}
