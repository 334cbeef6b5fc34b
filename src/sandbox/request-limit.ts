import { Refusal } from './refusal.ts';

/** Truto's own limits (vendor's public agent documentation, July 2026), over windows that slide. */
const windowMs = 10_000;
const perAccount = 50;
const perToken = 500;

/** Refuses requests beyond Truto's own limits, as Truto does: 429 with `Retry-After: 10`. */
export interface RequestLimit {
  /**
   * Counts one request.
   * @param accountId the integrated account it is for; undefined for none.
   * @throws {Refusal} when it is one too many.
   */
  count(accountId: string | undefined): void;
}

/** Creates a limit that starts with nothing counted. */
export function createRequestLimit(): RequestLimit {
  const moments = new Map<string, number[]>();

  function countFor(name: string, limit: number, nowMs: number): void {
    const recent = (moments.get(name) ?? []).filter((moment) => moment > nowMs - windowMs);
    moments.set(name, recent);
    if (recent.length >= limit) throw new Refusal(429, 'Rate limit exceeded', { headers: { 'retry-after': '10' } });
    recent.push(nowMs);
  }

  return {
    count(accountId) {
      const nowMs = performance.now();
      if (accountId !== undefined) countFor(`account ${accountId}`, perAccount, nowMs);
      countFor('token', perToken, nowMs);
    },
  };
}

/** No limit at all: the usual, so that nobody who tries things out has to wait. */
export const noRequestLimit: RequestLimit = { count: () => {} };
