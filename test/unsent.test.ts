import dns from 'node:dns';
import { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import {
  attemptsLogged,
  deletion,
  noContent,
  type RawAnswer,
  refusal,
  startRawUpstream,
} from './support/raw-upstream.ts';

afterEach(() => void vi.restoreAllMocks());

const nothingDone = expect.stringContaining('Nothing was deleted');
const idOf = ({ path }: { readonly path: string }) => path.split('/').at(-1) ?? '';

/** Sends one delete, and returns its result, without a time limit. */
async function remove(facade: TestFacade, id: string, account = 'a') {
  const { body } = await facade.post(deletion, { id, account });
  return body.data.deleteEngagement;
}

/** Answers no request until the test sets the answer for waiting and later requests. */
function holding() {
  const held: (() => void)[] = [];
  let answerNow: RawAnswer | undefined;
  const answer: RawAnswer = (socket, request) => {
    if (answerNow) answerNow(socket, request);
    else held.push(() => answerNow?.(socket, request));
  };
  return {
    answer,
    held,
    release(answerWith: RawAnswer) {
      answerNow = answerWith;
      for (const one of held) one();
    },
  };
}

/** Sends the most deletes of one account that may be in flight. Later ones wait for a permit. */
async function fillAccount(facade: TestFacade, held: readonly unknown[]) {
  const first = Array.from({ length: 100 }, (_, index) => remove(facade, `first${index}`));
  await expect.poll(() => held.length).toBe(100);
  return Promise.all(first);
}

/** The number of operations in flight, from the facade's metrics. */
async function inFlight({ url }: TestFacade): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^engagements_requests_in_flight (\d+)$/m.exec(text)?.[1]);
}

describe('a delete that is reported as not sent', () => {
  it('R01 is not sent when its connection is made after the deadline', async () => {
    const lookup = dns.lookup;
    type Found = (error: null, addresses: unknown, family?: number) => void;
    const asked: { readonly found: Found; readonly all: boolean }[] = [];
    let isFound = false;
    vi.spyOn(dns, 'lookup').mockImplementation(((name: string, options: { all?: boolean }, found: Found) => {
      if (name !== 'upstream.invalid') return void Reflect.apply(lookup, dns, [name, options, found]);
      asked.push({ found, all: options.all === true });
      if (isFound) answerLookups();
    }) as typeof dns.lookup);
    function answerLookups(): void {
      isFound = true;
      for (const { found, all } of asked.splice(0)) {
        if (all) found(null, [{ address: '127.0.0.1', family: 4 }]);
        else found(null, '127.0.0.1', 4);
      }
    }
    await using upstream = await startRawUpstream([noContent]);
    await using facade = await startTestFacade(`http://upstream.invalid:${upstream.port}`, {
      REQUEST_TIMEOUT_MS: '1000',
    });
    expect(await remove(facade, 'late')).toMatchObject({
      __typename: 'UpstreamUnavailableError',
      message: nothingDone,
    });
    const waiting = asked.length;
    expect(waiting).toBeGreaterThan(0);
    answerLookups();
    await expect.poll(upstream.connectionCount).toBe(waiting);
    // Upstream has answered others by then, so all requests on those connections have arrived.
    for (const id of ['next', 'last']) expect(await remove(facade, id)).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes.map(idOf)).toEqual(['next', 'last']);
  });

  it('R01 is not sent when this process is frozen from its connection until after the deadline', async () => {
    // So the delete needs a connection of its own.
    const onRead = refusal(403, ['connection: close']);
    await using upstream = await startRawUpstream([noContent], { onRead });
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '500' });
    const { connect } = Socket.prototype;
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
      const isForDelete = upstream.requests.length === 1;
      // Before undici's own listener, so that no timer runs in between.
      if (isForDelete) this.once('connect', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600));
      return Reflect.apply(connect, this, args);
    });
    expect(await remove(facade, 'late')).toMatchObject({
      __typename: 'UpstreamUnavailableError',
      message: nothingDone,
    });
    vi.restoreAllMocks();
    expect(await remove(facade, 'next')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes.map(idOf)).toEqual(['next']);
  });

  it('R11 is not sent when its client disconnects while it waits for a permit', async () => {
    const { answer, held, release } = holding();
    await using upstream = await startRawUpstream([answer]);
    await using facade = await startTestFacade(upstream.url, { TRUTO_RATE_LIMITS: '0' });
    const first = fillAccount(facade, held);
    await expect.poll(() => held.length).toBe(100);
    const client = new AbortController();
    const left = fetchGraphQL(`${facade.url}/graphql`, deletion, {
      variables: { id: 'left' },
      signal: client.signal,
    }).catch(() => 'left');
    await expect.poll(() => inFlight(facade)).toBe(101);
    client.abort();
    expect(await left).toBe('left');
    await expect.poll(() => inFlight(facade)).toBe(100);
    release(noContent);
    expect((await first).filter(({ outcome }) => outcome !== 'DELETED')).toEqual([]);
    await expect.poll(() => attemptsLogged(facade).length).toBe(101);
    expect(attemptsLogged(facade).filter((attempts) => attempts === 0)).toHaveLength(1);
    expect(upstream.deletes.map(idOf)).not.toContain('left');
  });

  it('R08 is not sent when its breaker opens while it waits for a permit', async () => {
    const { answer, held, release } = holding();
    await using upstream = await startRawUpstream([answer]);
    await using facade = await startTestFacade(upstream.url, { TRUTO_RATE_LIMITS: '0' });
    const first = fillAccount(facade, held);
    await expect.poll(() => held.length).toBe(100);
    const ids = Array.from({ length: 200 }, (_, index) => `then${index}`);
    const then = ids.map((id) => remove(facade, id));
    await expect.poll(() => inFlight(facade)).toBe(300);
    release(refusal(502));
    const members = (await Promise.all(then)).map(({ __typename }) => __typename);
    await first;
    const reached = new Set(upstream.deletes.map(idOf));
    expect(members).toEqual(ids.map((id) => (reached.has(id) ? 'OutcomeUnknownError' : 'UpstreamUnavailableError')));
    // The breaker opens at the 20th failure. Each failure before it gives a permit to a waiting request.
    expect(ids.filter((id) => reached.has(id)).length).toBeLessThan(50);
  });

  it('R01 is not sent shortly before its deadline, when it would end as an unknown outcome', async () => {
    // Without it, the wait would be a fraction of a second longer.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    await using upstream = await startRawUpstream([refusal(429, ['retry-after: 1']), noContent]);
    // A tenth of the time is reserved, and the wait ends within it.
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1100' });
    expect(await remove(facade, 'e1')).toMatchObject({ __typename: 'RateLimitedError', message: nothingDone });
    expect(upstream.deletes).toHaveLength(1);
  });
});
