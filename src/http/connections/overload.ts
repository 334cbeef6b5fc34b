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
export type InFlight = ReturnType<ReturnType<typeof createLoad>['begin']>;

/** Counts the operations in flight, and tells whether there may be more of them. */
export function createLoad({ maxInFlight, maxInFlightBytes, maxDelayMs }: LoadLimits = defaultLoadLimits) {
  const drained = Promise.withResolvers<void>();
  let isDraining = false;
  let [count, unansweredCount, bytes] = [0, 0, 0];
  /** A host's context of the request that starts the timer would be kept as long as the timer. */
  const runDetached = AsyncLocalStorage.snapshot();
  let timer: NodeJS.Timeout | undefined;
  let [dueAtMs, lastDelayMs] = [0, 0];

  /** Measures how late the event loop is, by a timer with known due times. The timer does not keep the process alive. */
  function measureDelay(): void {
    if (timer) return;
    dueAtMs = performance.now() + sampleIntervalMs;
    const sample = () => {
      const nowMs = performance.now();
      lastDelayMs = nowMs - dueAtMs;
      dueAtMs = nowMs + sampleIntervalMs;
    };
    timer = runDetached(() => setInterval(sample, sampleIntervalMs).unref());
  }

  /** Only the last sample counts. An overdue one counts already, because the calling code was delayed as long. */
  const isLate = () => timer !== undefined && Math.max(lastDelayMs, performance.now() - dueAtMs) > maxDelayMs;

  /** True when the number of operations, or the size of their bodies, is at its limit. */
  const isFull = () => unansweredCount >= maxInFlight || bytes > maxInFlightBytes;

  return {
    /** How many operations are in flight. */
    get count() {
      return count;
    },
    /** True once it drains. */
    get isDraining() {
      return isDraining;
    },
    isFull,
    /** True when another operation must be refused. With nothing in flight, a delay is over, and a refusal would help no other. */
    isOverloaded: () => isFull() || (count > 0 && isLate()),
    /** Counts an operation with a body of that size. */
    begin(byteCount: number) {
      count += 1;
      unansweredCount += 1;
      bytes += byteCount;
      let [isAnswered, hasEnded] = [false, false];
      /** Notes that its client only has to read the answer: from then on, it is in flight beyond the limits. May be called again. */
      function answer(): void {
        if (isAnswered) return;
        isAnswered = true;
        unansweredCount -= 1;
        bytes -= byteCount;
      }
      /** Ends it. May be called again. */
      function end(): void {
        if (hasEnded) return;
        hasEnded = true;
        answer();
        count -= 1;
        // Starts with the first answer: slowness before it is cold code, not overload.
        if (!isDraining) measureDelay();
        else if (count === 0) drained.resolve();
      }
      return { answer, end };
    },
    /** Settles when the last operation has ended. */
    async drain(): Promise<void> {
      isDraining = true;
      if (count > 0) await drained.promise;
    },
    /** Stops measuring. */
    stop(): void {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
