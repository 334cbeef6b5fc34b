import dns from 'node:dns';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { withoutEnd, withoutStatus } from './support/hanging-answers.ts';
import { inTime } from './support/in-time.ts';
import { attemptsLogged, bytes, deletion, rawOutcomeOf, silence } from './support/raw-upstream.ts';

const unknown = { __typename: 'OutcomeUnknownError', retrySafe: true, lastStatusCode: null };

describe.concurrent('R01 a delete returns by its deadline, with any fault of upstream', () => {
  it.each(withoutStatus)('when it %s: twice, and the outcome is unknown', async (_how, answer) => {
    expect(await rawOutcomeOf([answer], 2)).toMatchObject(unknown);
  });

  it.each(withoutEnd)('when it %s: once, because no time is left', async (_how, answer) => {
    expect(await rawOutcomeOf([answer], 1)).toMatchObject({ ...unknown, lastStatusCode: 200 });
  });

  it.each([404, 502])('when it stalls in the body of a %i: then the outcome is unknown', async (statusCode) => {
    const stalled = bytes(`HTTP/1.1 ${statusCode} X\r\ncontent-length: 100\r\n\r\n{"statusCode":`);
    expect(await rawOutcomeOf([stalled], 1)).toMatchObject({ ...unknown, lastStatusCode: statusCode });
  });

  it('when it answers only a second attempt', async () => {
    const late = bytes('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"id":"e1"}');
    expect(await rawOutcomeOf([silence, late], 2)).toMatchObject({ outcome: 'DELETED', engagement: { id: 'e1' } });
  });
});

/** A listener that accepts no connection. Its backlog is full, so the kernel takes no further one. */
async function startDeafListener() {
  // While this thread sleeps in its event loop, its connections stay in the backlog.
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`,
    { eval: true },
  );
  const [port] = await once(worker, 'message');
  const waiting = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await expect.poll(() => waiting.filter((socket) => !socket.connecting).length).toBeGreaterThan(0);
  return {
    url: `http://127.0.0.1:${port}`,
    isFull: () => waiting.some((socket) => socket.connecting),
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy();
      await worker.terminate();
    },
  };
}

describe('R01 all of 50 deletes without a connection return by their deadline, as not sent', () => {
  const notSent = { __typename: 'UpstreamUnavailableError', message: expect.stringContaining('Nothing was deleted') };
  const timeoutMs = 2_000;
  const env = { REQUEST_TIMEOUT_MS: String(timeoutMs), TRUTO_RATE_LIMITS: '0' };

  async function removeAll(facade: TestFacade) {
    const accounts = Array.from({ length: 50 }, (_, index) => `account-${index}`);
    const answers = await inTime(facade, timeoutMs, () =>
      Promise.all(accounts.map((account) => facade.post(deletion, { account }))),
    );
    return answers.map(({ body }) => body.data.deleteEngagement);
  }

  function expectNotSent(results: readonly object[], facade: TestFacade): void {
    expect(results).toHaveLength(50);
    for (const result of results) expect(result).toMatchObject(notSent);
    expect(Math.max(...attemptsLogged(facade))).toBeLessThanOrEqual(2);
  }

  // Linux lets connections hang when the backlog is full. Other systems may refuse them.
  it.runIf(process.platform === 'linux')('when the connection hangs', async () => {
    const listener = await startDeafListener();
    await using facade = await startTestFacade(listener.url, env);
    const results = await removeAll(facade);
    expect(listener.isFull()).toBe(true);
    // The facade would wait for its connections as long as they hang.
    await listener[Symbol.asyncDispose]();
    expectNotSent(results, facade);
  });

  it('when the name is never resolved', async () => {
    const hung: ((error: Error) => void)[] = [];
    const lookup = dns.lookup;
    const resolver = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
      if (name === 'upstream.invalid') hung.push(rest.at(-1) as (error: Error) => void);
      else Reflect.apply(lookup, dns, [name, ...rest]);
    }) as typeof dns.lookup);
    await using facade = await startTestFacade('http://upstream.invalid', env);
    const results = await removeAll(facade);
    for (const fail of hung) fail(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
    resolver.mockRestore();
    expect(hung.length).toBeGreaterThan(0);
    expectNotSent(results, facade);
  });
});
