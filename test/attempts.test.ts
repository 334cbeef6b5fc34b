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
