import { describe, expect, it } from 'vitest';
import { Gate } from '../src/upstream/gate.ts';
import { startTestFacade } from './support/facade.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const remove = (id: number, format = 'UNIFIED', rest = '') =>
  `deleteEngagement(id: ${id}, integratedAccountId: "a", format: ${format}) { __typename ${rest} }`;

describe('the gate to upstream', () => {
  it('runs no more than it may at once, and the others in their turn', async () => {
    const gate = new Gate(2, 10);
    const running: (() => void)[] = [];
    const task = (name: string) => () => {
      const { promise: isDone, resolve } = Promise.withResolvers<void>();
      running.push(resolve);
      return { result: Promise.resolve(name), isDone };
    };
    const later = Date.now() + 60_000;
    const results = ['a', 'b', 'c'].map((name) => gate.run(later, task(name)));
    expect(await Promise.all(results.slice(0, 2))).toEqual(['a', 'b']);
    expect(running).toHaveLength(2);
    running[0]?.();
    expect(await results[2]).toBe('c');
  });

  it('never runs what waited beyond its deadline, also when its place comes free later', async () => {
    const gate = new Gate(1, 10);
    const { promise: isDone, resolve } = Promise.withResolvers<void>();
    await gate.run(Date.now() + 60_000, () => ({ result: Promise.resolve(1), isDone }));
    let ran = false;
    const expired = await gate.run(Date.now() + 20, () => {
      ran = true;
      return { result: Promise.resolve(2), isDone: Promise.resolve() };
    });
    expect(expired).toBeUndefined();
    resolve();
    const next = () => ({ result: Promise.resolve(3), isDone: Promise.resolve() });
    expect(await gate.run(Date.now() + 60_000, next)).toBe(3);
    expect(ran).toBe(false);
  });

  it('lets nobody in to wait beyond its limit', async () => {
    const gate = new Gate(1, 0);
    const never = new Promise<void>(() => {});
    const task = () => ({ result: Promise.resolve('in'), isDone: never });
    const later = Date.now() + 60_000;
    expect(await gate.run(later, task)).toBe('in');
    expect(await gate.run(later, task)).toBeUndefined();
  });
});

describe('a busy upstream', () => {
  it('R13 answers those that wait in time, sends none of them later, and opens no connection for them', async () => {
    let connections = 0;
    const held: (() => void)[] = [];
    const hold: Answer = (request, response) => void held.push(() => json(204, undefined)(request, response));
    let answer: Answer = hold;
    await using upstream = await startUpstream((...args) => answer(...args), 'capsule');
    upstream.onConnection(() => (connections += 1));
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1500' });
    const post = (id: number) =>
      facade.post(`mutation { ${remove(id)} }`).then(({ body }) => body.data.deleteEngagement.__typename);
    await post(0).catch(() => undefined);
    const before = upstream.deletes().length;
    const results = await Promise.all(Array.from({ length: 300 }, (_, index) => post(index + 1)));
    const sent = upstream.deletes().length - before;
    expect(results.filter((name) => name === 'OutcomeUnknownError')).toHaveLength(sent);
    expect(results.filter((name) => name === 'UpstreamUnavailableError')).toHaveLength(300 - sent);
    const openedBefore = connections;
    answer = json(204, undefined);
    expect(await post(1000)).toBe('DeleteEngagementSuccess');
    expect(upstream.deletes()).toHaveLength(before + sent + 1);
    // Those in flight at the deadline lost their connections; those that waited had none to lose.
    expect(connections - openedBefore).toBeLessThan(10);
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
    await expect.poll(() => upstream.deletes().length, { timeout: 5000 }).toBe(32);
    const { body } = await facade.post(`mutation { ${remove(99)} }`);
    expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    greedy.abort();
    await Promise.all(lying);
  });
});
