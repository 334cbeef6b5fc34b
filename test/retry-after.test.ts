import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseRetryAfter, readRetryAfter } from '../src/upstream/retry.ts';
import { runs } from './support/runs.ts';

/** A Monday. */
const now = Date.UTC(2026, 10, 23, 12, 0, 0);
const maxMs = 2_147_483_647;

/** The three forms a date may have (RFC 9110 section 5.6.7); all of them mean UTC. */
const dates: readonly [string, string, number][] = [
  ['an IMF-fixdate', 'Mon, 23 Nov 2026 12:00:07 GMT', 7_000],
  ['an RFC 850 date', 'Monday, 23-Nov-26 12:00:07 GMT', 7_000],
  ['an asctime date', 'Mon Nov 23 12:00:07 2026', 7_000],
  ['an asctime date with a one-digit day', 'Tue Dec  1 12:00:00 2026', 8 * 86_400_000],
];

const values: readonly [string, string | undefined, number | undefined][] = [
  ['nothing', undefined, undefined],
  ['an empty header', '', undefined],
  ['spaces only', '  ', undefined],
  ['no wait', '0', 0],
  ['seconds', '10', 10_000],
  ['seconds with leading zeros', '007', 7_000],
  ['seconds between spaces', '  10\t', 10_000],
  ['the longest wait that fits', '2147483', 2_147_483_000],
  ['one second too many', '2147484', maxMs],
  ['more seconds than a number holds', '9'.repeat(400), maxMs],
  ['negative seconds', '-1', undefined],
  ['signed seconds', '+1', undefined],
  ['a fraction, rounded up', '1.5', 2_000],
  ['an exponent', '1e3', undefined],
  ['hexadecimal', '0x10', undefined],
  ['digits of another script', '١٠', undefined],
  ['two values joined', '10, 20', undefined],
  ['a unit', '10s', undefined],
  ['a word', 'soon', undefined],
  ...dates,
  ['this very moment', 'Mon, 23 Nov 2026 12:00:00 GMT', 0],
  ['a past date', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['a past RFC 850 date', 'Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ['a far date', 'Fri, 31 Dec 9999 23:59:59 GMT', maxMs],
  ['an impossible date', 'Mon, 99 Nov 2026 12:00:07 GMT', undefined],
  ['an ISO date', '2026-11-23T12:00:07Z', undefined],
  ['a date without a day name', '23 Nov 2026 12:00:07 GMT', undefined],
  ['a date without GMT', 'Mon, 23 Nov 2026 12:00:07', undefined],
  ['a day name alone', 'Mon', undefined],
  ['a day name and a number', 'Mon, 5', undefined],
  ['a sentence that begins with a day', 'Monday at 12', undefined],
];

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each([
  ['Retry-After', { 'retry-after': '2', 'ratelimit-reset': '9' }, 2_000],
  ['ratelimit-reset where there is no Retry-After', { 'ratelimit-reset': '9' }, 9_000],
  ['ratelimit-reset where Retry-After is neither form', { 'retry-after': 'soon', 'ratelimit-reset': '1.2' }, 2_000],
  ['no date in ratelimit-reset', { 'ratelimit-reset': 'Mon, 23 Nov 2026 12:00:07 GMT' }, undefined],
  ['neither', {}, undefined],
])('R04 readRetryAfter reads %s', (_what, headers: Record<string, string>, ms) => {
  expect(readRetryAfter(headers, now)).toBe(ms);
});

describe('R04 parseRetryAfter', () => {
  it.each(values)('reads %s', (_what, header, ms) => {
    expect(parseRetryAfter(header, now)).toBe(ms);
  });

  it.each(dates)('reads %s the same in every time zone of the server', (_what, header, ms) => {
    vi.stubEnv('TZ', 'America/New_York');
    expect(new Date(now).getTimezoneOffset()).toBe(300);
    expect(parseRetryAfter(header, now)).toBe(ms);
  });

  it('reads whole seconds as that many milliseconds, up to the limit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 4_000_000 }), (seconds) => {
        expect(parseRetryAfter(String(seconds), now)).toBe(Math.min(seconds * 1000, maxMs));
      }),
    );
  });

  it('reads an IMF-fixdate as the time from now until then', () => {
    const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        const wholeSecondMs = Math.floor(date.getTime() / 1000) * 1000;
        const expected = Math.min(Math.max(0, wholeSecondMs - now), maxMs);
        expect(parseRetryAfter(date.toUTCString(), now)).toBe(expected);
      }),
    );
  });

  it('returns undefined or a whole number of milliseconds that fits GraphQL, for any header', () => {
    const part = fc.constantFrom(
      'Mon',
      ', ',
      ' ',
      '23',
      'Nov',
      '2026',
      '-',
      ':',
      '12:00:07',
      'GMT',
      '+',
      '.',
      '9',
      'Z',
    );
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: part }),
      fc.stringMatching(/^-?\d+\.?\d*$/),
      fc.date().map(String),
    );
    fc.assert(
      fc.property(header, fc.constantFrom(0, now, Number.MAX_SAFE_INTEGER), (text, nowMs) => {
        const ms = parseRetryAfter(text, nowMs) ?? 0;
        expect(Number.isInteger(ms) && ms >= 0 && ms <= maxMs).toBe(true);
      }),
      { numRuns: runs(2000) },
    );
  });
});
