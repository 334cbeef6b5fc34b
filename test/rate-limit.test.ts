import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRateLimit } from '../src/engagement/delete/outcome.ts';
import type { RateLimit } from '../src/engagement/result.ts';
import { runs } from './support/runs.ts';

const none: RateLimit = { limit: null, windowMs: null, remaining: null, resetMs: null };

function headers(limit?: string, remaining?: string, reset?: string): Record<string, string> {
  return {
    ...(limit !== undefined && { 'ratelimit-limit': limit }),
    ...(remaining !== undefined && { 'ratelimit-remaining': remaining }),
    ...(reset !== undefined && { 'ratelimit-reset': reset }),
  };
}

describe('parseRateLimit', () => {
  it('reads the documented form', () => {
    const rateLimit = { limit: 110, windowMs: 10_000, remaining: 107, resetMs: 4_000 };
    expect(parseRateLimit(headers('110;w=10', '107', '4'))).toEqual(rateLimit);
  });

  it.each<[string, Record<string, string>, Partial<RateLimit>]>([
    ['a limit without a window', headers('110'), { limit: 110 }],
    ['spaces in the limit', headers(' 110 ; w=10 '), { limit: 110, windowMs: 10_000 }],
    ['a window among other parameters', headers('110;burst=5;w=10;x'), { limit: 110, windowMs: 10_000 }],
    ['a limit of nothing', headers('0;w=0', '0', '0'), { limit: 0, windowMs: 0, remaining: 0, resetMs: 0 }],
    ['the remaining requests alone', headers(undefined, '3'), { remaining: 3 }],
    ['the reset alone', headers(undefined, undefined, '60'), { resetMs: 60_000 }],
    [
      'a limit for a day',
      headers('1000000;w=86400', '999999'),
      { limit: 1e6, windowMs: 86_400_000, remaining: 999_999 },
    ],
    ['the largest numbers', headers('999999999;w=999999'), { limit: 999_999_999, windowMs: 999_999_000 }],
    ['an invalid limit with a valid rest', headers('many;w=soon', '3', '4'), { remaining: 3, resetMs: 4_000 }],
    ['an invalid window with a valid limit', headers('110;w=-1'), { limit: 110 }],
    ['an invalid rest with a valid limit', headers('110', '-3', '1.5'), { limit: 110 }],
    ['a reset that is a moment instead of seconds', headers('110', '3', '1795435200'), { limit: 110, remaining: 3 }],
    ['a header that came twice', headers('110', '3, 3'), { limit: 110 }],
  ])('reads %s', (_what, given, expected) => {
    expect(parseRateLimit(given)).toEqual({ ...none, ...expected });
  });

  it.each<[string, Record<string, string>]>([
    ['without headers', {}],
    ['with other headers', { 'x-ratelimit-limit': '5', 'retry-after': '5' }],
    ['with empty headers', headers('', '', '')],
    ['with nonsense in all of them', headers('a;w=b', 'c', 'd')],
    ['with numbers that do not fit', headers('1000000000', '1000000000', '1000000')],
  ])('is null %s', (_what, given) => {
    expect(parseRateLimit(given)).toBeNull();
  });

  it('reads the documented form, for every number that fits', () => {
    const count = fc.nat({ max: 999_999_999 });
    const seconds = fc.nat({ max: 999_999 });
    fc.assert(
      fc.property(count, seconds, count, seconds, (limit, windowS, remaining, resetS) => {
        const given = headers(`${limit};w=${windowS}`, String(remaining), String(resetS));
        const expected = { limit, windowMs: windowS * 1000, remaining, resetMs: resetS * 1000 };
        expect(parseRateLimit(given)).toEqual(expected);
      }),
    );
  });

  it('returns nulls and whole numbers that fit GraphQL, for any headers', () => {
    const part = fc.constantFrom(';', 'w=', '1', '9', '0', '-', '.', ' ', ',', 'e', '\u0661', 'x');
    const value = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: part })), { nil: undefined });
    fc.assert(
      fc.property(value, value, value, (limit, remaining, reset) => {
        const rateLimit = parseRateLimit(headers(limit, remaining, reset));
        if (rateLimit === null) return;
        const numbers = Object.values(rateLimit).filter((number) => number !== null);
        expect(numbers.length).toBeGreaterThan(0);
        for (const number of numbers) expect(Number.isInteger(number) && number >= 0 && number < 2 ** 31).toBe(true);
      }),
      { numRuns: runs(2000) },
    );
  });
});
