import type { SandboxAccount } from './accounts.ts';
import { Refusal, retryAfter } from './answer.ts';

/** The requests that each account has made in its provider's current window. */
export type RateMeter = Map<string, { readonly windowStartSeconds: number; requests: number }>;

/**
 * Counts one request and gives the headers that Truto makes of the provider's: the limit (`110;w=10`, the window in seconds), what
 * remains of it, and the seconds left. The sandbox never refuses because of it; `isUsedUp` is for the answer that says so.
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

/** Counts one request, for an account or for none. Throws a 429 when it is one too many for Truto itself. */
export type CountForTruto = (accountId: string | undefined) => void;

/** Creates Truto's own limits (vendor's public agent documentation, July 2026), over windows that slide, with nothing counted. */
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
