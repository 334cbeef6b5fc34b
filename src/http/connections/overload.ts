/** When requests are refused rather than made to wait. */
export interface LoadLimits {
  /** How many whole requests may be in flight at once; a streamed answer counts as long as it lasts. */
  readonly maxInFlight: number;
  /** How many bytes their bodies may have together. */
  readonly maxInFlightBytes: number;
  /** How late the event loop may be while requests are in flight. */
  readonly maxDelayMs: number;
}

/** Far above what upstream's own limits let through, and far below what memory can hold. */
export const defaultLoadLimits: LoadLimits = {
  maxInFlight: 1_000,
  maxInFlightBytes: 64 * 1024 * 1024,
  maxDelayMs: 200,
};

/** How often the delay is measured, and so how soon it is known that the loop is free again. */
const sampleIntervalMs = 50;

/** Measures how late the event loop is, by a timer that should fire at known moments. It keeps no process alive. */
export class LoopDelay {
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #lastDelayMs = 0;

  /** Begins to measure, unless it does already. */
  start(): void {
    if (this.#timer) return;
    this.#dueAtMs = performance.now() + sampleIntervalMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lastDelayMs = nowMs - this.#dueAtMs;
      this.#dueAtMs = nowMs + sampleIntervalMs;
    }, sampleIntervalMs).unref();
  }

  /** Ends the measurement; the delay is 0 from then on. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#lastDelayMs = 0;
  }

  /**
   * The delay by the last sample alone, in milliseconds: a loop that is free again shows that within one interval. An overdue
   * sample counts already, since whatever runs before it has waited as long.
   */
  get currentMs(): number {
    return this.#timer ? Math.max(this.#lastDelayMs, performance.now() - this.#dueAtMs) : 0;
  }
}
