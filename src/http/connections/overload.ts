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

/** Measures how late the event loop is, by a timer with known due times. The timer does not keep the process alive. */
class LoopDelay {
  /** A host's context of the request that starts the timer would be kept as long as the timer. */
  readonly #detached = AsyncLocalStorage.snapshot();
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #lastDelayMs = 0;

  /** Starts measuring, if it has not started. */
  start(): void {
    if (this.#timer) return;
    this.#dueAtMs = performance.now() + sampleIntervalMs;
    this.#timer = this.#detached(() => setInterval(() => this.#sample(), sampleIntervalMs).unref());
  }

  #sample(): void {
    const nowMs = performance.now();
    this.#lastDelayMs = nowMs - this.#dueAtMs;
    this.#dueAtMs = nowMs + sampleIntervalMs;
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

/** The operations in flight, and whether there may be more of them. */
export class Load {
  readonly #limits: LoadLimits;
  readonly #loopDelay = new LoopDelay();
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;
  #count = 0;
  #bytes = 0;
  /** How many of them only wait for their clients to read the answer. */
  #answeredCount = 0;

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
  begin(byteCount: number): void {
    this.#count += 1;
    this.#bytes += byteCount;
  }

  /** Counts an operation as answered, before its end: from then on, it is in flight beyond the limits. */
  answer(byteCount: number): void {
    this.#answeredCount += 1;
    this.#bytes -= byteCount;
  }

  /** Ends an operation, with the size of its body or, if it is answered, without. */
  end(byteCount: number, isAnswered = false): void {
    this.#count -= 1;
    this.#bytes -= byteCount;
    if (isAnswered) this.#answeredCount -= 1;
    // Starts with the first answer: slowness before it is cold code, not overload.
    if (!this.#isDraining) this.#loopDelay.start();
    else if (this.#count === 0) this.#drained.resolve();
  }

  /** True when the number of operations, or the size of their bodies, is at its limit. */
  get isFull(): boolean {
    const { maxInFlight, maxInFlightBytes } = this.#limits;
    return this.#count - this.#answeredCount >= maxInFlight || this.#bytes > maxInFlightBytes;
  }

  /** True when another operation must be refused. */
  get isOverloaded(): boolean {
    // With nothing in flight, the delay is over, and a refusal would help no other request.
    return this.isFull || (this.#count > 0 && this.#loopDelay.currentMs > this.#limits.maxDelayMs);
  }

  /** Settles when the last operation has ended. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#count > 0) await this.#drained.promise;
  }

  /** Stops measuring. */
  stop(): void {
    this.#loopDelay.stop();
  }
}
