import { describe, expect, it } from 'vitest';
import { Permits } from '../src/upstream/permits.ts';
import { openUpstream } from '../src/upstream/send.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const remove = (id: number, format = 'UNIFIED', rest = '') =>
  `deleteEngagement(id: ${id}, integratedAccountId: "a", format: ${format}) { __typename ${rest} }`;

/** Sends deletes through all that a server has in front of upstream. */
function openTo(url: string, requestTimeoutMs = 5_000) {
  const upstream = openUpstream({
    ...{ baseUrl: new URL(url), proxy: undefined, maxUpstreamBytes: 1024, requestTimeoutMs, limits: undefined },
  });
  const send = async (name: string, timeMs: number) => {
    const limitedBy = { tokenId: 't', integratedAccountId: name };
    const request = { method: 'DELETE', path: `/${name}`, headers: {} } as const;
    const options = { deadlineAt: performance.now() + timeMs, limitedBy, isRepeatable: false };
    return (await upstream.send(request, options)).attempt;
  };
  return { send, close: upstream.close };
}

const inAMinute = () => performance.now() + 60_000;

describe('permits', () => {
  it('never exceed their limit, and go to waiting requests in order', async () => {
    const permits = new Permits(1, 10);
    const release = await permits.acquire(inAMinute());
    const order: string[] = [];
    const waiting = ['first', 'second', 'third'].map(async (name) => {
      const own = await permits.acquire(inAMinute());
      order.push(name);
      own?.();
    });
    release?.();
    // A request in the same turn of the event loop as the release waits behind the earlier ones.
    expect(permits.acquire(inAMinute())).toBeInstanceOf(Promise);
    await Promise.all(waiting);
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('do not go to a request past its deadline', async () => {
    const permits = new Permits(1, 10);
    const release = await permits.acquire(inAMinute());
    expect(await permits.acquire(performance.now() + 20)).toBeUndefined();
    release?.();
    expect(permits.acquire(inAMinute())).toBeTypeOf('function');
  });

  it('limit the queue, and allow another when one has expired', async () => {
    const permits = new Permits(1, 1);
    await permits.acquire(inAMinute());
    const expired = permits.acquire(performance.now() + 20);
    expect(permits.acquire(inAMinute())).toBeUndefined();
    expect(await expired).toBeUndefined();
    expect(permits.acquire(inAMinute())).toBeInstanceOf(Promise);
  });
});

describe('a busy upstream', () => {
  it('R13 answers waiting requests in time, never sends them later, and loses no connection', async () => {
    let connections = 0;
    const held: (() => void)[] = [];
    const hold: Answer = (request, response) => void held.push(() => json(204, undefined)(request, response));
    let answer: Answer = hold;
    await using upstream = await startUpstream((...args) => answer(...args));
    upstream.onConnection(() => (connections += 1));
    const { send, close } = openTo(upstream.url, 100);

    const busy = Array.from({ length: 512 }, (_, index) => send(`busy-${index}`, 60_000));
    await expect.poll(() => held.length).toBe(512);
    const waiting = await Promise.all(Array.from({ length: 500 }, (_, index) => send(`late-${index}`, 100)));
    expect(waiting.filter((attempt) => attempt.kind !== 'failure' || attempt.mayHaveBeenSent)).toEqual([]);

    answer = json(204, undefined);
    for (const release of held) release();
    expect((await Promise.all(busy)).every(({ kind }) => kind === 'answer')).toBe(true);
    expect((await send('next', 60_000)).kind).toBe('answer');
    expect(upstream.seen.filter(({ path }) => path.startsWith('/late'))).toEqual([]);
    // Each that waited would have cost a connection of its own, had it come as far as the pool.
    expect(connections).toBeLessThan(544);
    await close();
  });

  it('gets no request shortly before its deadline, which would end as an unknown outcome', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const { send, close } = openTo(upstream.url);
    expect(await send('1', 400)).toMatchObject({ mayHaveBeenSent: false });
    expect(upstream.seen).toEqual([]);
    await close();
  });

  it('still serves all others when one client does not read its streams', async () => {
    const endless: Answer = ({ query }, response) => {
      if (query.truto_response_format === 'stream') response.writeHead(200).write(Buffer.alloc(4096));
      else response.writeHead(204).end();
    };
    await using facade = await startFacadeOver(endless, { REQUEST_TIMEOUT_MS: '2000' }, 'capsule');
    const chunks = '... on DeleteEngagementSuccess { stream { chunks @stream } }';
    const greedy = new AbortController();
    const aliases = Array.from({ length: 5 }, (_, index) => `a${index}: ${remove(index, 'STREAM', chunks)}`).join(' ');
    const lying = [1, 2, 3, 4, 5, 6, 7, 8].map(() =>
      fetchGraphQL(`${facade.url}/graphql`, `mutation { ${aliases} }`, {
        headers: { accept: 'multipart/mixed' },
        signal: greedy.signal,
      }).catch(() => 'aborted'),
    );
    await expect.poll(() => facade.upstream.deletes().length, { timeout: 5000 }).toBe(8);
    const { body } = await facade.post(`mutation { ${remove(99)} }`);
    expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    greedy.abort();
    await Promise.all(lying);
  });
});
