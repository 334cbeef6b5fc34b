import type { SandboxAccount } from './accounts.ts';
import { Refusal, retryAfter } from './answer.ts';

/** The requests of each account in its provider's current window. */
export type RateMeter = Map<string, { readonly windowStartSeconds: number; requests: number }>;

/**
 * Counts one request, and returns the headers that Truto derives from the provider's: the limit (`110;w=10`, the window in seconds),
 * the remaining requests, and the seconds left. The sandbox never refuses by this limit; `isUsedUp` is for a 429 on demand.
 */
export function countForProvider(meter: RateMeter, account: SandboxAccount, isUsedUp: boolean): Record<string, string> {
  const { id, provider } = account;
  if (provider.rateLimit === undefined) return {};
  const { limit, windowSeconds } = provider.rateLimit;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const windowStartSeconds = nowSeconds - (nowSeconds % windowSeconds);
  const current = meter.get(id);
  const counted = current?.windowStartSeconds === windowStartSeconds ? current : { windowStartSeconds, requests: 0 };
  counted.requests += 1;
  meter.set(id, counted);
  return {
    'ratelimit-limit': `${limit};w=${windowSeconds}`,
    'ratelimit-remaining': String(isUsedUp ? 0 : Math.max(0, limit - counted.requests)),
    'ratelimit-reset': String(windowStartSeconds + windowSeconds - nowSeconds),
  };
}

/** Counts one request, with or without an account. Throws a 429 when it exceeds Truto's own limits. */
export type CountForTruto = (accountId: string | undefined) => void;

/** Creates counters for Truto's own limits (vendor's public agent documentation, July 2026), over sliding windows. */
export function createTrutoLimits(): CountForTruto {
  const moments = new Map<string, number[]>();

  function count(name: string, limit: number, nowMs: number): void {
    const recent = (moments.get(name) ?? []).filter((moment) => moment > nowMs - 10_000);
    moments.set(name, recent);
    if (recent.length >= limit) throw new Refusal(429, 'Rate limit exceeded', retryAfter(10));
    recent.push(nowMs);
  }

  return (accountId) => {
    const nowMs = performance.now();
    if (accountId !== undefined) count(`account ${accountId}`, 50, nowMs);
    count('token', 500, nowMs);
  };
}
