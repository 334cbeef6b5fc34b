import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { deleteInTime, noContent, rawOutcomeOf, refusal, startRawUpstream } from './support/raw-upstream.ts';

const limited = { __typename: 'RateLimitedError', message: expect.stringContaining('Nothing was deleted') };
/** Plenty for a wait of a second or two. */
const timeoutMs = 8_000;
const env = { REQUEST_TIMEOUT_MS: String(timeoutMs) };
const later = (retryAfter: string) => refusal(429, [`retry-after: ${retryAfter}`]);

describe('R04 a delete that upstream makes wait', () => {
  it("waits for upstream's seconds, when there is time", async () => {
    await using upstream = await startRawUpstream([later('1'), noContent]);
    await using facade = await startTestFacade(upstream.url, env);
    expect(await deleteInTime(facade, timeoutMs)).toMatchObject({ outcome: 'DELETED' });
    const [first, second] = upstream.deletes.map(({ atMs }) => atMs) as [number, number];
    expect(upstream.deletes).toHaveLength(2);
    expect(second - first).toBeGreaterThanOrEqual(1000);
  });

  it("waits until upstream's date, when there is time", async () => {
    // Dates have whole seconds: this one is one to two away.
    const date = new Date((Math.floor(Date.now() / 1000) + 2) * 1000);
    await using upstream = await startRawUpstream([later(date.toUTCString()), noContent]);
    await using facade = await startTestFacade(upstream.url, env);
    expect(await deleteInTime(facade, timeoutMs)).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes).toHaveLength(2);
    expect(upstream.deletes[1]?.atMs).toBeGreaterThanOrEqual(date.getTime());
  });

  it.each([
    ['seconds', () => '60', 60_000],
    ['a date', () => new Date(Date.now() + 90_000).toUTCString(), 90_000],
    ['more seconds than a number holds', () => '9'.repeat(40), 2_147_483_647],
    ['a fraction of seconds', () => '59.5', 60_000],
    ['a date in the year 9999', () => 'Fri, 31 Dec 9999 23:59:59 GMT', 2_147_483_647],
  ])('is refused at once when there is no time, in %s', async (_form, retryAfter, waitMs) => {
    await using upstream = await startRawUpstream([later(retryAfter()), noContent]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '60000' });
    // Long before its deadline of a minute.
    const { retryAfterMs, ...result } = await deleteInTime(facade, 5_000);
    expect(result).toMatchObject(limited);
    expect(retryAfterMs).toBeLessThanOrEqual(waitMs);
    expect(retryAfterMs).toBeGreaterThan(waitMs - 10_000);
    expect(upstream.deletes).toHaveLength(1);
  });

  it('gets the reset time of the limit, if upstream sends only that', async () => {
    await using upstream = await startRawUpstream([refusal(429, ['ratelimit-reset: 60']), noContent]);
    await using facade = await startTestFacade(upstream.url);
    expect(await deleteInTime(facade, 10_000)).toMatchObject({ ...limited, retryAfterMs: 60_000 });
  });

  it.each(['', '-1', '-99999999999', '1e9', 'soon', '10s', '1, 2', 'Mon, 99 Nov 2026 12:00:07 GMT'])(
    'is refused at once, without a time, when upstream sends %j, and nothing is paused',
    async (retryAfter) => {
      await using upstream = await startRawUpstream([later(retryAfter), noContent]);
      await using facade = await startTestFacade(upstream.url);
      expect(await deleteInTime(facade, 10_000)).toMatchObject({ ...limited, retryAfterMs: null });
      expect(upstream.deletes).toHaveLength(1);
      expect(await deleteInTime(facade, 10_000)).toMatchObject({ outcome: 'DELETED' });
    },
  );

  it.each(['0', 'Sun, 06 Nov 1994 08:49:37 GMT'])('is sent again soon after %j', async (retryAfter) => {
    expect(await rawOutcomeOf([later(retryAfter), noContent], 2)).toMatchObject({ outcome: 'DELETED' });
  });

  it('is sent at most three times', async () => {
    expect(await rawOutcomeOf([later('0')], 3)).toMatchObject({ ...limited, retryAfterMs: 0 });
  });
});

describe('R04 an account that upstream pauses', () => {
  it('gets no other delete meanwhile: those that cannot wait are refused', async () => {
    await using upstream = await startRawUpstream([later('30'), noContent]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '5000' });
    expect(await deleteInTime(facade, 5_000, { id: 'e1' })).toMatchObject({ ...limited, retryAfterMs: 30_000 });
    const { retryAfterMs, ...second } = await deleteInTime(facade, 5_000, { id: 'e2' });
    expect(second).toMatchObject(limited);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
    expect(retryAfterMs).toBeGreaterThan(20_000);
    expect(upstream.deletes).toHaveLength(1);
    expect(await deleteInTime(facade, 5_000, { id: 'e3', account: 'b' })).toMatchObject({ outcome: 'DELETED' });
  });

  it('is paused for at most a minute, for any header', async () => {
    const twoWeeksMs = 14 * 24 * 3_600_000;
    await using upstream = await startRawUpstream([later(String(twoWeeksMs / 1000)), noContent]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '5000' });
    expect(await deleteInTime(facade, 5_000)).toMatchObject({ ...limited, retryAfterMs: twoWeeksMs });
    const { retryAfterMs, ...second } = await deleteInTime(facade, 5_000);
    expect(second).toMatchObject(limited);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(upstream.deletes).toHaveLength(1);
  });

  it('gets the others when the pause is over, and does not affect other accounts', async () => {
    await using upstream = await startRawUpstream([later('2'), noContent]);
    await using facade = await startTestFacade(upstream.url, env);
    const first = deleteInTime(facade, timeoutMs, { id: 'first' });
    await expect.poll(() => upstream.deletes.length).toBe(1);
    const pausedAtMs = upstream.deletes[0]?.atMs ?? 0;
    const other = deleteInTime(facade, timeoutMs, { id: 'other', account: 'b' });
    const second = deleteInTime(facade, timeoutMs, { id: 'second' });
    const results = await Promise.all([first, second, other]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['DELETED', 'DELETED', 'DELETED']);
    const waited = upstream.deletes
      .slice(1)
      .map(({ path, atMs }) => [path.split('/').at(-1), atMs - pausedAtMs >= 2000]);
    expect(Object.fromEntries(waited)).toEqual({ first: true, second: true, other: false });
  });
});
