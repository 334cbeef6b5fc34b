import { describe, expect, it } from 'vitest';
import { createUpstreamClient } from '../src/upstream/client.ts';
import { Gate } from '../src/upstream/gate.ts';
import { startTestFacade } from './support/facade.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const remove = (id: number, format = 'UNIFIED', rest = '') =>
  `deleteEngagement(id: ${id}, integratedAccountId: "a", format: ${format}) { __typename ${rest} }`;

const within = (timeMs: number) => ({
  answerBy: performance.now() + timeMs,
  deadlineAt: performance.now() + timeMs,
  streams: false,
});

describe('the gate to upstream', () => {
  it('runs no more than it may at once, and the others in their turn', async () => {
    const gate = new Gate(2, 10);
    const running: (() => void)[] = [];
    const task = (name: string) => () => {
      const { promise: isDone, resolve } = Promise.withResolvers<void>();
      running.push(resolve);
      return { result: Promise.resolve(name), isDone };
    };
    const later = performance.now() + 60_000;
    const results = ['a', 'b', 'c'].map((name) => gate.run(later, task(name)));
    expect(await Promise.all(results.slice(0, 2))).toEqual(['a', 'b']);
    expect(running).toHaveLength(2);
    running[0]?.();
    expect(await results[2]).toBe('c');
  });

  it('never runs what waited beyond its deadline, also when its place comes free later', async () => {
    const gate = new Gate(1, 10);
    const { promise: isDone, resolve } = Promise.withResolvers<void>();
    await gate.run(performance.now() + 60_000, () => ({ result: Promise.resolve(1), isDone }));
    let ran = false;
    const expired = await gate.run(performance.now() + 20, () => {
      ran = true;
      return { result: Promise.resolve(2), isDone: Promise.resolve() };
    });
    expect(expired).toBeUndefined();
    resolve();
    const next = () => ({ result: Promise.resolve(3), isDone: Promise.resolve() });
    expect(await gate.run(performance.now() + 60_000, next)).toBe(3);
    expect(ran).toBe(false);
  });

  it('lets nobody in to wait beyond its limit', async () => {
    const gate = new Gate(1, 0);
    const never = new Promise<void>(() => {});
    const task = () => ({ result: Promise.resolve('in'), isDone: never });
    const later = performance.now() + 60_000;
    expect(await gate.run(later, task)).toBe('in');
    expect(await gate.run(later, task)).toBeUndefined();
  });
});

describe('a busy upstream', () => {
  it('R13 answers those that wait in time, never sends them later, and loses no connection over them', async () => {
    let connections = 0;
    const held: (() => void)[] = [];
    const hold: Answer = (request, response) => void held.push(() => json(204, undefined)(request, response));
    let answer: Answer = hold;
    await using upstream = await startUpstream((...args) => answer(...args));
    upstream.onConnection(() => (connections += 1));
    const limits = { maxBytes: 1024, idleTimeoutMs: 1000, reserveMs: 10 };
    const client = createUpstreamClient({ baseUrl: new URL(upstream.url), ...limits });
    const send = (name: string, timeMs: number) =>
      client.attempt({ method: 'DELETE', path: `/${name}`, headers: {} }, within(timeMs));

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
    await client.close(1000);
  });

  it('gets no request that has hardly any time left: it would end as an unknown outcome', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const limits = { maxBytes: 1024, idleTimeoutMs: 1000, reserveMs: 500 };
    const client = createUpstreamClient({ baseUrl: new URL(upstream.url), ...limits });
    const request = { method: 'DELETE', path: '/1', headers: {} } as const;
    expect(await client.attempt(request, within(400))).toMatchObject({ mayHaveBeenSent: false });
    expect(upstream.seen).toEqual([]);
    await client.close(1000);
  });

  it('is not taken from everybody by one client that lets streams lie', async () => {
    const endless: Answer = ({ query }, response) => {
      if (query.truto_response_format === 'stream') response.writeHead(200).write(Buffer.alloc(4096));
      else response.writeHead(204).end();
    };
    await using upstream = await startUpstream(endless, 'capsule');
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '2000' });
    const chunks = '... on DeleteEngagementSuccess { stream { chunks @stream } }';
    const greedy = new AbortController();
    const aliases = Array.from({ length: 5 }, (_, index) => `a${index}: ${remove(index, 'STREAM', chunks)}`).join(' ');
    const lying = [1, 2, 3, 4, 5, 6, 7, 8].map(() =>
      fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'multipart/mixed' },
        body: JSON.stringify({ query: `mutation { ${aliases} }` }),
        signal: greedy.signal,
      }).catch(() => 'aborted'),
    );
    await expect.poll(() => upstream.deletes().length, { timeout: 5000 }).toBe(8);
    const { body } = await facade.post(`mutation { ${remove(99)} }`);
    expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    greedy.abort();
    await Promise.all(lying);
  });
});
