import { AsyncLocalStorage } from 'node:async_hooks';

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

/** An operation in flight. */
export interface InFlight {
  /** Notes that its client only has to read the answer: from then on, it is in flight beyond the limits. May be called again. */
  answer(): void;
  /** Ends it. May be called again. */
  end(): void;
}

/** The operations in flight, and whether there may be more of them. */
export class Load {
  readonly #limits: LoadLimits;
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;
  #count = 0;
  #unansweredCount = 0;
  #bytes = 0;
  /** A host's context of the request that starts the timer would be kept as long as the timer. */
  readonly #detached = AsyncLocalStorage.snapshot();
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #lastDelayMs = 0;

  constructor(limits: LoadLimits = defaultLoadLimits) {
    this.#limits = limits;
  }

  /** How many operations are in flight. */
  get count(): number {
    return this.#count;
  }

  /** True from the first call of {@link drain} on. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Counts an operation with a body of that size. */
  begin(byteCount: number): InFlight {
    this.#count += 1;
    this.#unansweredCount += 1;
    this.#bytes += byteCount;
    let [isAnswered, hasEnded] = [false, false];
    const answer = () => {
      if (isAnswered) return;
      isAnswered = true;
      this.#unansweredCount -= 1;
      this.#bytes -= byteCount;
    };
    const end = () => {
      if (hasEnded) return;
      hasEnded = true;
      answer();
      this.#count -= 1;
      // Starts with the first answer: slowness before it is cold code, not overload.
      if (!this.#isDraining) this.#measureDelay();
      else if (this.#count === 0) this.#drained.resolve();
    };
    return { answer, end };
  }

  /** Measures how late the event loop is, by a timer with known due times. The timer does not keep the process alive. */
  #measureDelay(): void {
    if (this.#timer) return;
    this.#dueAtMs = performance.now() + sampleIntervalMs;
    const sample = () => {
      const nowMs = performance.now();
      this.#lastDelayMs = nowMs - this.#dueAtMs;
      this.#dueAtMs = nowMs + sampleIntervalMs;
    };
    this.#timer = this.#detached(() => setInterval(sample, sampleIntervalMs).unref());
  }

  /**
   * True when the event loop is late. Only the last sample counts, so a free loop shows within one interval. An overdue sample counts
   * already, because the calling code was delayed as long.
   */
  get #isLate(): boolean {
    const delayMs = Math.max(this.#lastDelayMs, performance.now() - this.#dueAtMs);
    return this.#timer !== undefined && delayMs > this.#limits.maxDelayMs;
  }

  /** True when the number of operations, or the size of their bodies, is at its limit. */
  get isFull(): boolean {
    const { maxInFlight, maxInFlightBytes } = this.#limits;
    return this.#unansweredCount >= maxInFlight || this.#bytes > maxInFlightBytes;
  }

  /** True when another operation must be refused. */
  get isOverloaded(): boolean {
    // With nothing in flight, the delay is over, and a refusal would help no other request.
    return this.isFull || (this.#count > 0 && this.#isLate);
  }

  /** Settles when the last operation has ended. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#count > 0) await this.#drained.promise;
  }

  /** Stops measuring. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
