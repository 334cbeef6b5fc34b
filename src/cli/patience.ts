import { setTimeout as sleep } from 'node:timers/promises';

/** How long a request is retried, and what ends that. */
export interface Patience {
  /** How many seconds it is retried while a retry is safe. */
  readonly seconds: number;
  /** Aborted once nothing further is to be sent. */
  readonly stop: AbortSignal;
  /** Called before each wait for a rate limit. */
  readonly onLimit: (waitMs: number) => void;
  /** Called before each retry for another reason than a limit, with the end that is retried. */
  readonly onRetry?: ((kind: string) => void) | undefined;
}

/** The parts of a delete's or a read's end that decide whether it is retried. */
interface Retried {
  readonly kind: string;
  readonly retryAfterMs?: number | null;
  readonly retrySafe?: boolean;
}

/** The wait before a retry where upstream names none. */
const defaultDelayMs = 1_000;

/** How long to wait before the same request is sent again; undefined when its end is final. */
function delayBeforeRetry({ kind, retryAfterMs, retrySafe }: Retried): number | undefined {
  if (kind === 'RateLimitedError') return Math.max(retryAfterMs ?? defaultDelayMs, 1);
  const isSafe = kind === 'UpstreamUnavailableError' || (kind === 'OutcomeUnknownError' && retrySafe);
  return isSafe ? defaultDelayMs : undefined;
}

/** Sends a request, and retries it while that is safe, there is patience left, and nothing stops it. */
export async function sendPatiently<End extends Retried>(
  request: () => Promise<End>,
  { seconds, stop, onLimit, onRetry }: Patience,
): Promise<End> {
  const giveUpAt = performance.now() + seconds * 1_000;
  for (;;) {
    const end = await request();
    const delayMs = delayBeforeRetry(end);
    if (delayMs === undefined || stop.aborted || performance.now() + delayMs > giveUpAt) return end;
    if (end.kind === 'RateLimitedError') onLimit(delayMs);
    else onRetry?.(end.kind);
    const isStopped = await sleep(delayMs, false, { signal: stop }).catch(() => true);
    if (isStopped) return end;
  }
}
