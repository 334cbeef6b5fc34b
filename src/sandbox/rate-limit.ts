import type { SandboxAccount } from './accounts.ts';

/** Counts the requests of each account, for the headers alone: the sandbox never refuses by itself. */
export interface RateMeter {
  /**
   * Counts one request and gives the headers Truto makes out of the provider's: `ratelimit-limit` (`110;w=10`, the
   * window in seconds), `ratelimit-remaining`, `ratelimit-reset` (seconds). None for a provider without documented limits.
   * `isUsedUp` makes it the answer of a provider that says no more.
   */
  count(account: SandboxAccount, isUsedUp?: boolean): Readonly<Record<string, string>>;
}

/** Creates a meter whose windows start at multiples of their length. */
export function createRateMeter(): RateMeter {
  const counts = new Map<SandboxAccount, { readonly windowStartSeconds: number; requests: number }>();
  return {
    count(account, isUsedUp = false) {
      const rateLimit = account.provider.rateLimit;
      if (rateLimit === undefined) {
        return {};
      }
      const { limit, windowSeconds } = rateLimit;
      const nowSeconds = Math.floor(Date.now() / 1000);
      const windowStartSeconds = nowSeconds - (nowSeconds % windowSeconds);
      const current = counts.get(account);
      const counted =
        current?.windowStartSeconds === windowStartSeconds ? current : { windowStartSeconds, requests: 0 };
      counted.requests += 1;
      counts.set(account, counted);
      return {
        'ratelimit-limit': `${limit};w=${windowSeconds}`,
        'ratelimit-remaining': String(isUsedUp ? 0 : Math.max(0, limit - counted.requests)),
        'ratelimit-reset': String(windowStartSeconds + windowSeconds - nowSeconds),
      };
    },
  };
}
