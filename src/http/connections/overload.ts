/** The load beyond which requests are refused at once. */
export interface LoadLimits {
  /** How many complete requests may be in flight. A streamed answer counts until its end. */
  readonly maxInFlight: number;
  /** The total size of their bodies, in bytes. */
  readonly maxInFlightBytes: number;
  /** How late the event loop may be while requests are in flight, in milliseconds. */
  readonly maxDelayMs: number;
}

/** Far above upstream's own limits, and far below the limits of memory. */
export const defaultLoadLimits: LoadLimits = {
  maxInFlight: 1_000,
  maxInFlightBytes: 64 * 1024 * 1024,
  maxDelayMs: 200,
};

/** How often the delay is measured, in milliseconds. A free loop is noticed within this time. */
const sampleIntervalMs = 50;

/** Measures how late the event loop is, by a timer with known due times. The timer does not keep the process alive. */
export class LoopDelay {
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #lastDelayMs = 0;

  /** Starts measuring, if it has not started. */
  start(): void {
    if (this.#timer) return;
    this.#dueAtMs = performance.now() + sampleIntervalMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lastDelayMs = nowMs - this.#dueAtMs;
      this.#dueAtMs = nowMs + sampleIntervalMs;
    }, sampleIntervalMs).unref();
  }

  /** Stops measuring. The delay is 0 from then on. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#lastDelayMs = 0;
  }

  /**
   * The delay of the last sample, in milliseconds. Older samples do not count, so a free loop shows within one interval. An overdue
   * sample counts already, because the calling code was delayed as long.
   */
  get currentMs(): number {
    return this.#timer ? Math.max(this.#lastDelayMs, performance.now() - this.#dueAtMs) : 0;
  }
}
