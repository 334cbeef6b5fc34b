/** The provider's rate limit, as upstream passes it on with an answer. */
export interface RateLimit {
  /** Requests allowed in one window. */
  readonly limit: number | null;
  /** The window's length in milliseconds. */
  readonly windowMs: number | null;
  /** Requests left in this window. */
  readonly remaining: number | null;
  /** Milliseconds until the window ends. */
  readonly resetMs: number | null;
}

const names = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'] as const;

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
}

/**
 * Reads `ratelimit-limit` (`110;w=10`: 110 requests in 10 seconds), `ratelimit-remaining` and `ratelimit-reset`
 * (seconds). Source: https://truto.one/docs/api-reference/overview/rate-limits.md
 * @returns null when the provider gives none; a header of another form is null by itself.
 */
export function parseRateLimit(headers: Readonly<Record<string, string>>): RateLimit | null {
  if (!names.some((name) => headers[name] !== undefined)) return null;
  const [limit, ...parameters] = (headers['ratelimit-limit'] ?? '').split(';').map((part) => part.trim());
  const window = parameters.find((parameter) => parameter.startsWith('w='))?.slice(2);
  const rateLimit = {
    limit: wholeNumber(limit),
    windowMs: milliseconds(wholeNumber(window)),
    remaining: wholeNumber(headers['ratelimit-remaining']),
    resetMs: milliseconds(wholeNumber(headers['ratelimit-reset'])),
  };
  return Object.values(rateLimit).every((value) => value === null) ? null : rateLimit;
}
