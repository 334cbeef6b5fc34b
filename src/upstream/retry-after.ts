/** The longest wait that fits GraphQL's 32-bit `Int`, in milliseconds: about 24.8 days. */
const maxMs = 2_147_483_647;

/** The three date forms of RFC 9110 section 5.6.7 begin with a day's name; `Date.parse` alone would take anything. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date.
 * @returns milliseconds to wait from `nowMs` on, from 0 to 2,147,483,647; undefined when it is absent or neither form.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, maxMs);
  const dateMs = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - nowMs), maxMs);
}
