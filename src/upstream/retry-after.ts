/** The longest wait that fits GraphQL's 32-bit `Int`, in milliseconds: about 24.8 days. */
const maxMs = 2_147_483_647;

const time = '\\d{2}:\\d{2}:\\d{2}';

/** The three date forms of RFC 9110 section 5.6.7, all of them UTC; `Date.parse` alone would take nearly anything. */
const httpDates = {
  fixed: new RegExp(`^[A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} ${time} GMT$`),
  rfc850: new RegExp(`^[A-Z][a-z]{5,8}, \\d{2}-[A-Z][a-z]{2}-\\d{2} ${time} GMT$`),
  asctime: new RegExp(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \\d]\\d ${time} \\d{4}$`),
};

function parseHttpDate(text: string): number {
  if (httpDates.asctime.test(text)) return Date.parse(`${text} GMT`);
  return httpDates.fixed.test(text) || httpDates.rfc850.test(text) ? Date.parse(text) : Number.NaN;
}

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date.
 * A fraction of a second, which the RFC does not allow and some servers send, is rounded up.
 * @param nowMs the time of day, in milliseconds since the epoch.
 * @returns milliseconds to wait from `nowMs` on, from 0 to 2,147,483,647; undefined when it is absent or neither form.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Math.ceil(Number(text)) * 1000, maxMs);
  const dateMs = parseHttpDate(text);
  return Number.isNaN(dateMs) ? undefined : Math.min(Math.max(0, dateMs - nowMs), maxMs);
}

/**
 * How long an answer asks its client to wait: its `Retry-After`, else its `ratelimit-reset` in seconds (Truto passes the
 * provider's on).
 * @param headers by lower-case name.
 * @param nowMs the time of day, in milliseconds since the epoch.
 * @returns milliseconds, from 0 to 2,147,483,647; undefined when neither header says so.
 */
export function readRetryAfter(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const resetSeconds = headers['ratelimit-reset']?.trim() ?? '';
  const isSeconds = /^\d+(\.\d+)?$/.test(resetSeconds);
  return (
    parseRetryAfter(headers['retry-after'], nowMs) ?? (isSeconds ? parseRetryAfter(resetSeconds, nowMs) : undefined)
  );
}
