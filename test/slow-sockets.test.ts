import { channel } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createSchema, createYoga } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import { createListener, type Handle, type ListenerOptions, type Patience } from '../src/http/connections/listener.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { json, startUpstream } from './support/upstream.ts';

/** Short, but long enough for a busy machine to send the parts that must be in time. */
const shortTimeouts: Patience = { headersMs: 1_000, requestMs: 1_500, unreadMs: 60_000, checkIntervalMs: 20 };

async function startListener(handle: Handle, options: Partial<ListenerOptions> = {}) {
  let handledCount = 0;
  const listener = createListener(
    (request, response, body) => {
      handledCount += 1;
      handle(request, response, body);
    },
    { quietTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000, ...options },
  );
  const url = await listener.listen('127.0.0.1', 0);
  return { url, handledCount: () => handledCount, [Symbol.asyncDispose]: () => listener.drain() };
}

const answerAll: Handle = (_request, response) => void response.end('all');

const headers = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}: 1`);

/** The code of the one error in a JSON body of exactly the length that its headers say. */
function codeIn(received: string): unknown {
  const [head = '', body = ''] = received.split('\r\n\r\n');
  expect(head).toMatch(/content-type: application\/json/i);
  expect(head).toMatch(new RegExp(`content-length: ${Buffer.byteLength(body)}(\r|$)`, 'i'));
  return JSON.parse(body).errors[0].extensions.code;
}

describe('S17 a request', () => {
  it.each([101, 500, 1_500])('with %i headers is refused, and its connection closed', async (count) => {
    await using server = await startListener(answerAll);
    using client = await connectRaw(server.url);
    // With `host`, which requestHead adds.
    client.send(requestHead('GET', '/', headers(count - 1)));
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 431 .*\r\nx-request-id: /);
    expect(codeIn(client.received())).toBe('HEADERS_TOO_LARGE');
    expect(client.received()).toMatch(/\r\nconnection: close\r\n/i);
    expect(server.handledCount()).toBe(0);
  });

  it('with 100 headers is taken, with all of them', async () => {
    let seen = 0;
    await using server = await startListener((request, response) => {
      seen = Object.keys(request.headersDistinct).length;
      response.end('taken');
    });
    using client = await connectRaw(server.url);
    client.send(requestHead('GET', '/', headers(99)));
    await expect.poll(client.received).toContain('taken');
    expect(seen).toBe(100);
  });

  it('with more than 32 KiB of headers is refused, and its connection closed', async () => {
    await using server = await startListener(answerAll);
    using client = await connectRaw(server.url);
    client.send(requestHead('GET', '/', [`x-big: ${'x'.repeat(33_000)}`]));
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 431 .*\r\nx-request-id: /);
    expect(codeIn(client.received())).toBe('HEADERS_TOO_LARGE');
    expect(server.handledCount()).toBe(0);
  });

  it('that comes behind a refused one is not begun when that closes the connection: its answer would be lost', async () => {
    await using server = await startListener(answerAll);
    using client = await connectRaw(server.url);
    client.send(
      `POST / HTTP/1.1\r\nhost: no host\r\ncontent-length: 0\r\n\r\n${requestHead('POST', '/', ['content-length: 0'])}`,
    );
    await client.closed;
    expect(client.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    expect(server.handledCount()).toBe(0);
  });

  it('whose body comes in more than 1,000 pieces is refused, and its connection closed', async () => {
    await using server = await startListener(answerAll);
    for (const [count, status] of [
      [1_000, 200],
      [1_001, 413],
    ] as const) {
      using client = await connectRaw(server.url);
      client.send(requestHead('POST', '/', ['transfer-encoding: chunked', 'connection: close']));
      client.send(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`);
      await client.closed;
      expect(client.received()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      if (status === 413) expect(codeIn(client.received())).toBe('REQUEST_TOO_LARGE');
    }
    expect(server.handledCount()).toBe(1);
  });

  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  it.each([
    ['for its size', 413, {}, requestHead('POST', '/', ['transfer-encoding: chunked']) + chunk('x'.repeat(262_145))],
    ['for its host', 400, {}, 'POST / HTTP/1.1\r\nhost: <!\r\ntransfer-encoding: chunked\r\n\r\n'],
    [
      'since there is too much to do',
      503,
      { loadLimits: { maxInFlight: 0, maxInFlightBytes: 0, maxDelayMs: 60_000 } },
      requestHead('POST', '/', ['transfer-encoding: chunked']),
    ],
  ])('that is refused %s is read past, unless it comes in many small pieces', async (_why, status, options, text) => {
    await using server = await startListener(answerAll, options);
    const small = '1\r\nx\r\n'.repeat(1_000);
    using honest = await connectRaw(server.url);
    honest.send(`${text}${chunk('x'.repeat(1_000)).repeat(2_000)}0\r\n\r\n`);
    await expect.poll(honest.received).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*}`));
    using client = await connectRaw(server.url);
    client.send(text);
    await expect.poll(client.received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    let isOver = false;
    void client.closed.then(() => {
      isOver = true;
    });
    // Far more than it takes: a server without that bound would still be reading.
    for (let count = 0; count < 3_000 && !isOver; count += 1) {
      client.send(small);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isOver).toBe(true);
  });
});

describe.concurrent('S17 a slow request', () => {
  /** Sends the text, then a byte every 20 ms until the connection is closed. Returns the answer and the time that it took. */
  async function dribble(url: string, text: string) {
    const startMs = performance.now();
    using client = await connectRaw(url);
    client.send(text);
    const timer = setInterval(() => client.send('x'), 20);
    await client.closed;
    clearInterval(timer);
    return { received: client.received(), tookMs: performance.now() - startMs };
  }

  it('whose headers arrive slowly is ended with 408 when their time is over, and not before', async () => {
    await using server = await startListener(answerAll, { patience: shortTimeouts });
    const { received, tookMs } = await dribble(server.url, 'POST / HTTP/1.1\r\nhost: te');
    expect(received).toMatch(/^HTTP\/1\.1 408 .*\r\nx-request-id: /);
    expect(codeIn(received)).toBe('REQUEST_TIMEOUT');
    expect(tookMs).toBeGreaterThanOrEqual(shortTimeouts.headersMs);
    expect(server.handledCount()).toBe(0);
  });

  it('whose body arrives slowly is ended with 408, and its own id, when its time is over, and not before', async () => {
    await using server = await startListener(answerAll, { patience: shortTimeouts });
    const head = requestHead('POST', '/', ['content-length: 10000', 'x-request-id: slow']);
    const { received, tookMs } = await dribble(server.url, head);
    expect(received).toMatch(/^HTTP\/1\.1 408 .*\r\nx-request-id: slow\r\n/);
    expect(tookMs).toBeGreaterThanOrEqual(shortTimeouts.requestMs);
    expect(server.handledCount()).toBe(0);
  });

  it('that follows an answered one is ended with 408', async () => {
    await using server = await startListener(answerAll, { patience: shortTimeouts });
    using client = await connectRaw(server.url);
    client.send(requestHead('GET', '/'));
    await expect.poll(client.received).toContain('all');
    client.send('GET / HT');
    await client.closed;
    expect(client.received()).toMatch(/\r\nHTTP\/1\.1 408 |allHTTP\/1\.1 408 |0\r\n\r\nHTTP\/1\.1 408 /);
  });

  it('that is refused already gets nothing more, however slow its body', async () => {
    await using server = await startListener(answerAll, { patience: shortTimeouts });
    const { received, tookMs } = await dribble(server.url, requestHead('POST', '/', ['content-length: 1000000']));
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413']);
    expect(tookMs).toBeGreaterThanOrEqual(shortTimeouts.requestMs);
  });
});

it('S17 a client that sleeps in the middle of a streamed answer is disconnected', async () => {
  const typeDefs = 'type Query { never: Int } type Subscription { text: String }';
  let isClosed = false;
  async function* subscribe() {
    try {
      for (;;) yield { text: 'x'.repeat(100_000) };
    } finally {
      isClosed = true;
    }
  }
  const schema = createSchema({ typeDefs, resolvers: { Subscription: { text: { subscribe } } } });
  const yoga = createYoga({ schema, logging: false });
  // How often the listener looks after its connections is part of its patience.
  const watchful = { headersMs: 60_000, requestMs: 60_000, unreadMs: 60_000, checkIntervalMs: 20 };
  const handle: Handle = (request, response, bytes) =>
    void yoga(Object.assign(request, { body: Readable.from([bytes]) }), response);
  await using server = await startListener(handle, { patience: watchful, quietTimeoutMs: 300 });
  using client = await connectRaw(server.url);
  client.socket.pause();
  const body = JSON.stringify({ query: 'subscription { text }' });
  const types = ['content-type: application/json', 'accept: text/event-stream'];
  client.send(requestHead('POST', '/graphql', [...types, `content-length: ${body.length}`]) + body);
  await expect.poll(() => isClosed).toBe(true);
});

describe('S17 the server', () => {
  const env = { AUTH_MODE: 'passthrough' };
  const authorization = { authorization: 'Bearer t' };
  const query = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';

  const post = (facade: TestFacade) => facade.post(query, {}, authorization);

  it('is given 5 seconds for headers, and 10 for a whole request', async () => {
    await using facade = await startFacadeOver(json(204, undefined), env, 'capsule');
    const { port } = new URL(facade.url);
    const timeouts: (readonly number[])[] = [];
    const onStart = (message: unknown) => {
      const { server, socket } = message as { server: Server; socket: Socket };
      if (String(socket.localPort) === port) timeouts.push([server.headersTimeout, server.requestTimeout]);
    };
    const started = channel('http.server.request.start');
    started.subscribe(onStart);
    await post(facade);
    started.unsubscribe(onStart);
    expect(timeouts).toEqual([[5_000, 10_000]]);
  });

  it('answers others while 200 slow sockets are open, and ends each of them, not before its time', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { ...env, TRUTO_RATE_LIMITS: '0' }, 'capsule');
    const startMs = performance.now();
    const slow = await Promise.all(Array.from({ length: 200 }, () => connectRaw(facade.url)));
    const tookMs = slow.map(({ closed }) => closed.then(() => performance.now() - startMs));
    const head = requestHead('POST', '/graphql', ['content-type: application/json', 'content-length: 100']);
    for (const [index, client] of slow.entries()) client.send(index % 2 === 0 ? head.slice(0, 30) : `${head}{`);
    const drip = setInterval(() => {
      for (const client of slow) if (!client.socket.destroyed) client.send('x');
    }, 500);

    const success = { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } };
    for (let time = 0; time < 20; time += 1) expect((await post(facade)).body.data).toEqual(success);
    expect(slow.filter(({ socket }) => socket.closed)).toEqual([]);

    const times = await Promise.all(tookMs);
    clearInterval(drip);
    expect(Math.min(...times.filter((_, index) => index % 2 === 0))).toBeGreaterThanOrEqual(5_000);
    expect(Math.min(...times.filter((_, index) => index % 2 === 1))).toBeGreaterThanOrEqual(10_000);
    expect([...new Set(slow.map((client) => client.received().split('\r\n')[0]))]).toEqual([
      'HTTP/1.1 408 Request Timeout',
    ]);
    expect(facade.upstream.deletes()).toHaveLength(20);
  });

  it.each(['with its length', 'in chunks'])('refuses a body of more than 256 kB sent %s', async (how) => {
    await using facade = await startFacadeOver(json(204, undefined), env, 'capsule');
    const send = async (totalBytes: number) => {
      const text = JSON.stringify({ query, extensions: { padding: '' } });
      const body = text.replace('""', `"${'x'.repeat(totalBytes - text.length)}"`);
      const init: RequestInit & { duplex: 'half' } = {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization },
        body: how === 'in chunks' ? new Blob([body]).stream() : body,
        duplex: 'half',
      };
      return (await fetch(`${facade.url}/graphql`, init)).status;
    };
    expect(await send(256 * 1024)).toBe(200);
    expect(facade.upstream.deletes()).toHaveLength(1);
    // This client and the server share a loop, which may be too late for a moment after so much work.
    await expect.poll(() => send(256 * 1024 + 1)).toBe(413);
    await expect.poll(() => send(8 * 1024 * 1024)).toBe(413);
    expect(facade.upstream.deletes()).toHaveLength(1);
  });
});

it('S26 requests that are still arriving do not block other clients, even as many as may be in flight', async () => {
  await using upstream = await startUpstream(json(204, undefined), 'capsule');
  await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' });
  const slow = await Promise.all(Array.from({ length: 1_000 }, () => connectRaw(facade.url)));
  const head = requestHead('POST', '/graphql', ['content-type: application/json', 'content-length: 100']);
  await Promise.all(slow.map(({ socket }) => new Promise((resolve) => socket.write(`${head}{`, resolve))));
  const query = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
  for (let time = 0; time < 20; time += 1)
    expect((await facade.post(query, {}, { authorization: 'Bearer t' })).status).toBe(200);
  for (const { socket } of slow) socket.destroy();
});
