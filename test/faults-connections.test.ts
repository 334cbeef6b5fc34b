import dns, { type LookupAddress } from 'node:dns';
import { describe, expect, it, vi } from 'vitest';
import { createUpstreamClient } from '../src/upstream/client.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import {
  answerText,
  attemptsLogged,
  bytes,
  deleteInTime,
  deletion,
  hangTimeoutMs,
  noContent,
  type RawAnswer,
  type RawUpstream,
  refusal,
  startRawUpstream,
} from './support/raw-upstream.ts';
import { startUpstream } from './support/upstream.ts';

const dryRun = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a", dryRun: true) { __typename } }';

/** A facade that has looked the account up already: one delete after another then has the same connection. */
async function startWarmFacade(upstream: RawUpstream): Promise<TestFacade> {
  const facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: String(hangTimeoutMs) });
  await facade.post(dryRun);
  return facade;
}

describe('the answer of one delete is never read as that of the next', () => {
  const deleted = { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' };
  const conflict = { __typename: 'RemoteApiError', statusCode: 409 };

  it.each([
    ['two answers come at once', answerText(200, '{"id":"e2"}') + answerText(204)],
    ['a 204 has a body that is an answer', `HTTP/1.1 204 No Content\r\n\r\n${answerText(200, '{"id":"e3"}')}`],
    ['a body is longer than it says', `${answerText(200, '{"id":"e2"}')}{"id":"e3"}`],
  ])('when %s', async (_how, text) => {
    await using upstream = await startRawUpstream([noContent, bytes(text), refusal(409)]);
    await using facade = await startWarmFacade(upstream);
    const results = [];
    for (const id of ['e1', 'e2', 'e3']) results.push(await deleteInTime(facade, hangTimeoutMs, { id }));
    expect(results).toMatchObject([deleted, deleted, conflict]);
    expect(upstream.deletes.map(({ path }) => path.split('/').at(-1))).toEqual(['e1', 'e2', 'e3']);
    expect(attemptsLogged(facade)).toEqual([1, 1, 1]);
    const [first, second, third] = upstream.deletes.map(({ socket }) => socket);
    expect(second).toBe(first);
    expect(third).not.toBe(second);
  });

  it('when a second answer arrives without a request', async () => {
    await using upstream = await startRawUpstream([noContent, noContent, refusal(409)]);
    await using facade = await startWarmFacade(upstream);
    for (const id of ['e1', 'e2']) expect(await deleteInTime(facade, hangTimeoutMs, { id })).toMatchObject(deleted);
    const used = upstream.deletes[1]?.socket;
    expect(used).toBe(upstream.deletes[0]?.socket);
    used?.write(answerText(204));
    await expect.poll(() => used?.closed).toBe(true);
    expect(await deleteInTime(facade, hangTimeoutMs, { id: 'e3' })).toMatchObject(conflict);
    expect(upstream.deletes).toHaveLength(3);
    expect(attemptsLogged(facade)).toEqual([1, 1, 1]);
  });

  it('when several wait at the same time', async () => {
    const waiting: (() => void)[] = [];
    const inReverse: RawAnswer = (socket, { path }) => {
      waiting.unshift(() =>
        bytes(answerText(200, JSON.stringify({ id: path.split('/').at(-1) })))(socket, {} as never),
      );
      if (waiting.length === 10) for (const answer of waiting) answer();
    };
    await using upstream = await startRawUpstream([inReverse]);
    await using facade = await startTestFacade(upstream.url);
    const ids = Array.from({ length: 10 }, (_, index) => `e${index}`);
    const answers = await Promise.all(ids.map((id) => facade.post(deletion, { id })));
    const results = answers.map(({ body }) => body.data.deleteEngagement);
    expect(results).toMatchObject(ids.map((id) => ({ ...deleted, engagement: { id } })));
    expect(upstream.deletes).toHaveLength(ids.length);
    expect(attemptsLogged(facade)).toEqual(ids.map(() => 1));
  });
});

describe.concurrent('a keep-alive connection', () => {
  it('is closed with the server, although upstream leaves it open', async () => {
    await using upstream = await startRawUpstream([bytes(answerText(204, '', ['keep-alive: timeout=600']))]);
    const facade = await startWarmFacade(upstream);
    expect(await deleteInTime(facade, hangTimeoutMs)).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.openConnections()).toBe(1);
    await facade[Symbol.asyncDispose]();
    await expect.poll(upstream.openConnections).toBe(0);
  });

  it('that died silently is abandoned in time for another attempt on a new one', async () => {
    const thenDie: RawAnswer = (socket, request) => {
      noContent(socket, request);
      socket.pause();
    };
    await using upstream = await startRawUpstream([thenDie, noContent]);
    await using facade = await startWarmFacade(upstream);
    expect(await deleteInTime(facade, hangTimeoutMs, { id: 'e1' })).toMatchObject({ outcome: 'DELETED' });
    expect(await deleteInTime(facade, hangTimeoutMs, { id: 'e2' })).toMatchObject({ outcome: 'DELETED' });
    expect(attemptsLogged(facade)).toEqual([1, 2]);
    // Upstream never reads the connection of the first attempt.
    expect(upstream.deletes.map(({ path }) => path.at(-1))).toEqual(['1', '2']);
    expect(upstream.deletes[1]?.socket).not.toBe(upstream.deletes[0]?.socket);
  });

  it('that is closed just before a request never causes a wrong result', async () => {
    const deleted = new Set<string>();
    let count = 0;
    const store: RawAnswer = (socket, request) => {
      (deleted.has(request.path) ? refusal(404) : noContent)(socket, request);
      deleted.add(request.path);
      count += 1;
      // Spread around the time that the next request needs to come.
      const close = () => (count % 2 === 0 ? socket.end() : socket.destroy());
      setTimeout(close, count % 8);
    };
    await using upstream = await startRawUpstream([store]);
    await using facade = await startTestFacade(upstream.url);
    const seen = { deleted: 0, unknown: 0, wrong: [] as unknown[] };
    for (let index = 0; index < 200; index += 1) {
      // So few in an account that no breaker opens.
      const variables = { id: `e${index}`, account: `account-${index % 20}` };
      const { body } = await facade.post(deletion, variables);
      const result = body.data.deleteEngagement;
      const isDeleted = deleted.has(`/unified/crm/engagements/e${index}`);
      if (result.__typename === 'DeleteEngagementSuccess' && isDeleted) seen.deleted += 1;
      else if (result.__typename === 'OutcomeUnknownError') seen.unknown += 1;
      else seen.wrong.push(result);
    }
    expect(seen.wrong).toEqual([]);
    expect(seen.deleted).toBeGreaterThan(50);
  });
});

/** As long as a connection may live, and a little longer. */
const lifetimeMs = 5 * 60_000 + 1;

/** Has one host name, and no other, lead to an address that a test may change. */
function stubLookup(host: string, addressNow: () => string): Disposable {
  const { lookup } = dns;
  const stub = (name: string, options: object, done: (error: null, addresses: LookupAddress[]) => void) =>
    name === host ? done(null, [{ address: addressNow(), family: 4 }]) : lookup(name, options, done as never);
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(stub as never);
  return { [Symbol.dispose]: () => spy.mockRestore() };
}

it('R23 a changed address of upstream is noticed by connections that are always busy, and no request is lost or cut off', async () => {
  const release = Promise.withResolvers<void>();
  await using before = await startUpstream(async ({ path }, response) => {
    if (path === '/held') await release.promise;
    response.writeHead(204).end();
  });
  const { port } = new URL(before.url);
  const there = { host: '127.0.0.2', port: Number(port) };
  await using after = await startUpstream((_request, response) => response.writeHead(204).end(), undefined, there);
  let address = '127.0.0.1';
  using _lookup = stubLookup('moving.example', () => address);
  const baseUrl = new URL(`http://moving.example:${port}`);
  const client = createUpstreamClient({ baseUrl, maxUpstreamBytes: 1024, requestTimeoutMs: 1_000 });
  const send = async (path: string) => {
    const deadlineAt = performance.now() + 60_000;
    const request = { method: 'DELETE', path, headers: {} } as const;
    return client.attempt(request, { answerBy: deadlineAt, deadlineAt, streams: false, onDone() {} });
  };
  const answered = { kind: 'answer', statusCode: 204 };
  let isOver = false;
  const ends: unknown[] = [];
  const held = send('/held');
  const callers = Array.from({ length: 8 }, async () => {
    while (!isOver) ends.push(await send('/busy'));
  });
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    await expect.poll(() => before.seen.length).toBeGreaterThan(100);
    address = '127.0.0.2';
    const countThen = before.seen.length;
    await expect.poll(() => before.seen.length).toBeGreaterThan(countThen + 100);
    expect(after.seen).toEqual([]);

    vi.setSystemTime(Date.now() + lifetimeMs);
    await expect.poll(() => after.seen.length).toBeGreaterThan(100);
    const lastCount = before.seen.length;
    await expect.poll(() => after.seen.length).toBeGreaterThan(500);
    expect(before.seen).toHaveLength(lastCount);
    release.resolve();
    expect(await held).toMatchObject(answered);
  } finally {
    vi.useRealTimers();
    isOver = true;
    release.resolve();
    await Promise.all(callers);
    await client.close(1_000);
  }
  expect(ends).toEqual(ends.map(() => expect.objectContaining(answered)));
});
