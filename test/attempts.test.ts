import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import {
  attemptsLogged,
  bytes,
  deleteInTime,
  deletion,
  noContent,
  type RawAnswer,
  type RawRequest,
  rawOutcomeOf,
  record,
  refusal,
  reset,
  startRawUpstream,
} from './support/raw-upstream.ts';

const absent = { __typename: 'DeleteEngagementSuccess', outcome: 'ALREADY_ABSENT', engagement: null };
const unknown = { __typename: 'OutcomeUnknownError', retrySafe: true };
const isRemote = { truto_is_remote_error: true };

function keyOf({ head }: RawRequest): string | undefined {
  return /^idempotency-key: (.+)\r$/im.exec(head)?.[1];
}

describe('R06 a delete that fails without a clear answer', () => {
  it.each([500, 502, 504])('%i: is a success when the second attempt is', async (statusCode) => {
    expect(await rawOutcomeOf([refusal(statusCode), noContent], 2)).toMatchObject({ outcome: 'DELETED' });
  });

  it('carries the same Idempotency-Key after no answer, another after each answer, and another delete another', async () => {
    await using upstream = await startRawUpstream([reset, noContent, refusal(502), refusal(504)]);
    await using facade = await startTestFacade(upstream.url);
    await facade.post(deletion);
    const { body } = await facade.post(deletion);
    const keys = upstream.deletes.map(keyOf);
    expect(keys).toEqual([keys[0], keys[0], keys[2], keys[3]]);
    expect(new Set(keys).size).toBe(3);
    expect(body.data.deleteEngagement.upstreamIdempotencyKey).toBe(keys[3]);
    // Both attempts are the same to the byte.
    expect(upstream.deletes[1]?.head).toBe(upstream.deletes[0]?.head);
  });
});

describe('R09 a second attempt is read together with the first', () => {
  it.each<[string, RawAnswer]>([
    ['was reset after it was done', reset],
    ['was answered with 502', refusal(502)],
  ])('"not found" after an attempt that %s means that it is gone', async (_how, first) => {
    expect(await rawOutcomeOf([first, refusal(404)], 2)).toMatchObject(absent);
    expect(await rawOutcomeOf([first, refusal(404, [], isRemote)], 2)).toMatchObject(absent);
    expect(await rawOutcomeOf([first, refusal(410)], 2)).toMatchObject(absent);
  });

  it('also when upstream makes the second wait, and a third finds it gone', async () => {
    const wait = refusal(429, ['retry-after: 0']);
    expect(await rawOutcomeOf([reset, wait, refusal(404)], 3)).toMatchObject(absent);
  });

  it('and then returns the snapshot, with a snapshot', async () => {
    const onRead: RawAnswer = (socket, request) =>
      (request.path.startsWith('/integrated-account/') ? refusal(403) : record({ id: 'e1', subject: 'Hello' }))(
        socket,
        request,
      );
    await using upstream = await startRawUpstream([reset, refusal(404)], { onRead });
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(deletion, { snapshot: true });
    expect(body.data.deleteEngagement).toMatchObject({ ...absent, engagement: { id: 'e1', subject: 'Hello' } });
    expect(upstream.deletes).toHaveLength(2);
  });

  it('but is no proof when the account could not be checked: the account may be missing', async () => {
    await using upstream = await startRawUpstream([reset, refusal(404)], { onRead: refusal(500) });
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(deletion);
    expect(body.data.deleteEngagement).toMatchObject({ ...unknown, lastStatusCode: 404 });
  });

  it('"not found" at the first attempt means not found', async () => {
    expect(await rawOutcomeOf([refusal(404)], 1)).toMatchObject({ __typename: 'NotFoundError' });
  });

  it("but is no proof when it is not in Truto's form", async () => {
    const page = bytes('HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\n<404>');
    expect(await rawOutcomeOf([reset, page], 2)).toMatchObject({ ...unknown, lastStatusCode: 404 });
  });

  it.each<[string, RawAnswer]>([
    ['400', refusal(400)],
    ['401', refusal(401)],
    ['401 of the provider', refusal(401, [], isRemote)],
    ['403', refusal(403)],
    ['405', refusal(405)],
    ['409', refusal(409, [], isRemote)],
    ['422', refusal(422)],
    ['429', refusal(429)],
    ['429 for longer than there is time', refusal(429, ['retry-after: 60'])],
    ['503', refusal(503)],
  ])('a refusal by %s proves nothing about the first: the outcome is unknown', async (_what, second) => {
    const result = await rawOutcomeOf([reset, second], 2);
    expect(result).toMatchObject(unknown);
    expect(result.message).not.toContain('Nothing was deleted');
  });

  it('nor does a connection that is refused', async () => {
    await using upstream = await startRawUpstream([() => void upstream.stop()]);
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(deletion);
    expect(body.data.deleteEngagement).toMatchObject({ ...unknown, lastStatusCode: null });
    expect(upstream.deletes).toHaveLength(1);
    expect(attemptsLogged(facade)).toEqual([2]);
  });

  it("nor does a refusal of the caller's own token: a top-level error could not report that", async () => {
    await using upstream = await startRawUpstream([reset, refusal(401)]);
    await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    const { body } = await facade.post(deletion, {}, { authorization: 'Bearer some-token' });
    expect(body.errors).toBeUndefined();
    expect(body.data.deleteEngagement).toMatchObject(unknown);
  });
});

/** A client that can leave. */
function postAndLeave(facade: TestFacade) {
  const leaving = new AbortController();
  const gone = fetchGraphQL(`${facade.url}/graphql`, deletion, { signal: leaving.signal }).catch(() => 'gone');
  return { gone, leave: () => leaving.abort() };
}

describe('R11 a client that disconnects', () => {
  it('while its delete waits for a retry causes no further request', async () => {
    await using upstream = await startRawUpstream([refusal(429, ['retry-after: 2']), noContent]);
    await using facade = await startTestFacade(upstream.url);
    const { gone, leave } = postAndLeave(facade);
    await expect.poll(() => upstream.deletes.length).toBe(1);
    leave();
    expect(await gone).toBe('gone');
    // The facade logs the delete when the wait is over and the client is gone.
    await expect.poll(() => attemptsLogged(facade)).toEqual([1]);
    expect(upstream.deletes).toHaveLength(1);
    expect(await deleteInTime(facade, 10_000)).toMatchObject({ outcome: 'DELETED' });
  });

  it('before its delete failed causes no retry', async () => {
    const answered = Promise.withResolvers<RawRequest>();
    await using upstream = await startRawUpstream([(_socket, request) => answered.resolve(request), noContent]);
    await using facade = await startTestFacade(upstream.url);
    const { gone, leave } = postAndLeave(facade);
    const { socket } = await answered.promise;
    leave();
    expect(await gone).toBe('gone');
    // The facade has noticed the disconnect before it reads a later request on another connection.
    await fetch(`${facade.url}/health`);
    await fetch(`${facade.url}/health`);
    socket.resetAndDestroy();
    await expect.poll(() => attemptsLogged(facade)).toEqual([1]);
    expect(facade.logged()).toContain('"result":"OutcomeUnknownError"');
    expect(upstream.deletes).toHaveLength(1);
  });
});

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
