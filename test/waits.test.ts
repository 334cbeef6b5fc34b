import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { networks } from '../src/config/settings.ts';
import {
  createListener,
  defaultBounds,
  type ListenerBounds,
  type ListenerOptions,
} from '../src/http/connections/listener.ts';
import { defaultLoadLimits } from '../src/http/connections/overload.ts';
import { connectRaw, type RawClient, requestHead } from './support/raw-client.ts';

/** Longer than any test: nothing here ends by its time, but what a test says. */
const longMs = 600_000;
const patience = { headersMs: longMs, requestMs: longMs, unreadMs: longMs, checkIntervalMs: 20 };

/** Many tests share few cores: a busy one must not take itself for overloaded. */
const loadLimits = { ...defaultLoadLimits, maxDelayMs: Number.POSITIVE_INFINITY };

type Bounds = { readonly [Name in keyof ListenerBounds]?: Partial<ListenerBounds[Name]> };

function boundsOf({ arriving, idle, unread }: Bounds): ListenerBounds {
  return {
    arriving: { ...defaultBounds.arriving, ...arriving },
    idle: { ...defaultBounds.idle, ...idle },
    unread: { ...defaultBounds.unread, ...unread },
  };
}

/** A listener that answers requests to `/answer` at once, and holds all others for the test. */
async function startListener(bounds: Bounds, options: Partial<ListenerOptions> = {}) {
  const held: ServerResponse[] = [];
  const listener = createListener(
    ({ url }, response, body) => {
      if (url === '/answer') response.end(`${body.length} bytes`);
      else held.push(response);
    },
    { quietTimeoutMs: longMs, keepAliveTimeoutMs: longMs, loadLimits, patience, bounds: boundsOf(bounds), ...options },
  );
  const url = await listener.listen('127.0.0.1', 0);
  const clients = new DisposableStack();
  const connectFrom = async (host: string, ...texts: string[]) => {
    const client = clients.use(await connectRaw(url, host));
    for (const text of texts) client.send(text);
    return client;
  };
  return {
    url,
    held,
    inFlight: () => listener.inFlight,
    drain: () => listener.drain(),
    connectFrom,
    /** Sends a whole request on a new connection, and waits for its answer. By then, the server has read everything sent before. */
    async ask(host = '127.0.0.9', headers: string[] = []) {
      const client = await connectFrom(host, requestHead('GET', '/answer', headers));
      await expect.poll(client.received).toContain('0 bytes');
      client.socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      clients.dispose();
      for (const response of held) response.end();
      await listener.drain();
    },
  };
}

const bodyHead = (length: number, headers: string[] = []) =>
  requestHead('POST', '/answer', [`content-length: ${length}`, ...headers]);

/** Waits until a client is cut off, and expects a 503 with the reason and `Retry-After`. */
async function expectCutOff({ closed, received }: RawClient): Promise<void> {
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nretry-after: 1\r\n/);
  expect(received()).toContain('"OVERLOADED"');
}

const forwarded = (client: string) => `x-forwarded-for: ${client}`;

describe.each([
  ['whose heads are still arriving', 'GET /answer HTTP/1.1\r\nhost: te', 'st\r\n\r\n', '0 bytes'],
  ['whose bodies are still arriving', `${bodyHead(3)}a`, 'bc', '3 bytes'],
])('S26 requests %s', (_what, beginning, rest, answer) => {
  it('are bounded for one client: the one that has taken the longest is cut off, and none of another client', async () => {
    await using server = await startListener({ arriving: { maxCountPerClient: 2 } });
    const [other, ...slow] = [
      await server.connectFrom('127.0.0.2', beginning),
      await server.connectFrom('127.0.0.1', beginning),
      await server.connectFrom('127.0.0.1', beginning),
    ];
    await server.ask();
    const newClient = await server.connectFrom('127.0.0.1', beginning);
    await expectCutOff(slow[0] as RawClient);
    for (const client of [other, slow[1], newClient]) {
      client?.send(rest);
      await expect.poll(() => client?.received()).toContain(answer);
    }
  });

  it('are bounded in total: beyond the bound, the slowest of the client with the most is cut off', async () => {
    await using server = await startListener({ arriving: { maxCount: 4 } });
    const quick = await server.connectFrom('127.0.0.2', beginning);
    const slow = [
      await server.connectFrom('127.0.0.1', beginning),
      await server.connectFrom('127.0.0.1', beginning),
      await server.connectFrom('127.0.0.1', beginning),
    ];
    const newClient = await server.connectFrom('127.0.0.3', beginning);
    await expectCutOff(slow[0] as RawClient);
    for (const client of [quick, newClient, slow[1], slow[2]]) {
      client?.send(rest);
      await expect.poll(() => client?.received()).toContain(answer);
    }
  });

  it('are cut off on a kept connection too', async () => {
    await using server = await startListener({ arriving: { maxCountPerClient: 1 } });
    const kept = await server.connectFrom('127.0.0.1', requestHead('GET', '/answer'));
    await expect.poll(kept.received).toContain('0 bytes');
    kept.send(beginning);
    await expect
      .poll(async () => {
        // It may arrive first, and be cut off itself.
        await server.connectFrom('127.0.0.1', requestHead('GET', '/answer'));
        return kept.socket.destroyed;
      })
      .toBe(true);
    expect(kept.received()).toMatch(/0 bytes\r\n0\r\n\r\nHTTP\/1\.1 503 |0 bytesHTTP\/1\.1 503 /);
  });
});

describe('S26 requests whose bodies are still arriving', () => {
  it('are bounded by their bytes for one client, for any bytes of others', async () => {
    await using server = await startListener({ arriving: { maxBytesPerClient: 100_000 } });
    const beginning = bodyHead(60_000) + 'x'.repeat(50_000);
    const other = await server.connectFrom('127.0.0.2', beginning);
    const slow = await server.connectFrom('127.0.0.1', beginning);
    await server.ask();
    const next = await server.connectFrom('127.0.0.1', `${beginning}x`);
    await expectCutOff(slow);
    other.send('x'.repeat(10_000));
    next.send('x'.repeat(9_999));
    for (const { received } of [other, next]) await expect.poll(received).toContain('60000 bytes');
  });

  it('are bounded by their bytes in all: who holds the most is cut off', async () => {
    await using server = await startListener({ arriving: { maxBytes: 130_000 } });
    const beginning = bodyHead(60_000) + 'x'.repeat(50_000);
    const slow = [await server.connectFrom('127.0.0.1', beginning), await server.connectFrom('127.0.0.1', beginning)];
    await server.ask();
    const next = await server.connectFrom('127.0.0.2', beginning);
    await expectCutOff(slow[0] as RawClient);
    for (const client of [slow[1], next]) {
      client?.send('x'.repeat(10_000));
      await expect.poll(() => client?.received()).toContain('60000 bytes');
    }
  });

  it('hold no bytes once they are refused or complete', async () => {
    await using server = await startListener({ arriving: { maxBytes: 300_000 } });
    for (let count = 0; count < 5; count += 1) {
      const refused = await server.connectFrom('127.0.0.1', `${bodyHead(1_000_000)}${'x'.repeat(200_000)}`);
      await expect.poll(refused.received).toContain('HTTP/1.1 413');
    }
    const slow = await server.connectFrom('127.0.0.1', `${bodyHead(200_001)}${'x'.repeat(200_000)}`);
    await server.ask();
    for (let count = 0; count < 5; count += 1) {
      const whole = await server.connectFrom('127.0.0.1', `${bodyHead(90_000)}${'x'.repeat(90_000)}`);
      await expect.poll(whole.received).toContain('90000 bytes');
    }
    slow.send('x');
    await expect.poll(slow.received).toContain('200001 bytes');
  });

  it('are cut off only when earlier requests on their connection are answered', async () => {
    await using server = await startListener({ arriving: { maxCountPerClient: 1 } });
    const pipelined = await server.connectFrom('127.0.0.1', requestHead('GET', '/hold'), `${bodyHead(3)}a`);
    await expect.poll(() => server.held.length).toBe(1);
    await server.ask('127.0.0.1');
    server.held[0]?.end('the answer');
    await pipelined.closed;
    expect(pipelined.received()).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*the answer/i);
    expect(pipelined.received().match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('are refused when they are complete, if the server is overloaded by then', async () => {
    await using server = await startListener({}, { loadLimits: { ...loadLimits, maxInFlight: 1 } });
    const slow = await server.connectFrom('127.0.0.1', `${bodyHead(3)}a`);
    await server.ask();
    expect(server.inFlight()).toBe(0);
    await server.connectFrom('127.0.0.2', requestHead('GET', '/hold'));
    await expect.poll(() => server.held.length).toBe(1);
    slow.send('bc');
    await expect.poll(slow.received).toContain('"OVERLOADED"');
    expect(slow.received()).not.toContain('bytes');
  });

  it('are refused when they are complete, if the server drains by then', async () => {
    await using server = await startListener({});
    const slow = await server.connectFrom('127.0.0.1', `${bodyHead(3)}a`);
    await server.connectFrom('127.0.0.2', requestHead('GET', '/hold'));
    await expect.poll(() => server.held.length).toBe(1);
    const drained = server.drain();
    slow.send('bc');
    await slow.closed;
    expect(slow.received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"OVERLOADED"/);
    server.held[0]?.end();
    await drained;
  });
});

it('S26 requests in flight are bounded by the bytes of their bodies', async () => {
  const limits = { ...loadLimits, maxInFlightBytes: 1_000 };
  await using server = await startListener({}, { loadLimits: limits });
  const large = requestHead('POST', '/hold', ['content-length: 1001']) + 'x'.repeat(1_001);
  const first = await server.connectFrom('127.0.0.1', large);
  await expect.poll(() => server.held.length).toBe(1);
  const refused = await server.connectFrom('127.0.0.2', requestHead('GET', '/answer'));
  await expect.poll(refused.received).toContain('"OVERLOADED"');
  server.held[0]?.end('done');
  await expect.poll(first.received).toContain('done');
  await server.ask();
});

describe('S26 requests that come together on a connection', () => {
  it('are answered, up to 32 of them', async () => {
    await using server = await startListener({});
    const client = await server.connectFrom('127.0.0.1', requestHead('GET', '/answer').repeat(32));
    await expect.poll(() => client.received().match(/0 bytes/g)).toHaveLength(32);
  });

  it('end their connection when there are more, and do not block other clients', async () => {
    await using server = await startListener({}, { loadLimits: { ...loadLimits, maxInFlight: 100 } });
    const many = await Promise.all(
      Array.from({ length: 4 }, () => server.connectFrom('127.0.0.2', requestHead('GET', '/hold').repeat(500))),
    );
    for (const { closed } of many) await closed;
    await server.ask();
    expect(server.held.length).toBeLessThanOrEqual(4 * 32);
    expect(server.inFlight()).toBe(0);
  });
});

describe('S26 connections without a request', () => {
  it('are bounded: the one that has been idle the longest is closed, of the client with the most', async () => {
    await using server = await startListener({ idle: { maxCount: 3 } });
    const keep = async (host: string) => {
      const client = await server.connectFrom(host, requestHead('GET', '/answer'));
      await expect.poll(client.received).toContain('0 bytes');
      return client;
    };
    const other = await keep('127.0.0.2');
    const many = [await keep('127.0.0.1'), await keep('127.0.0.1')];
    const newest = await keep('127.0.0.3');
    await many[0]?.closed;
    expect(many[0]?.received().match(/HTTP\/1\.1/g)).toHaveLength(1);
    for (const client of [other, many[1], newest]) {
      client?.send(requestHead('GET', '/answer'));
      await expect.poll(() => client?.received().match(/0 bytes/g)).toHaveLength(2);
    }
  });

  it('of one gateway, 500 of them, stay open and are all used again', async () => {
    await using server = await startListener({});
    const gateway = await Promise.all(
      Array.from({ length: 500 }, () => server.connectFrom('127.0.0.1', requestHead('GET', '/answer'))),
    );
    for (const { received } of gateway) await expect.poll(received).toContain('0 bytes');
    for (const client of gateway) client.send(requestHead('GET', '/answer'));
    for (const { received } of gateway) await expect.poll(() => received().match(/0 bytes/g)).toHaveLength(2);
  });
});

describe('S26 a trusted proxy', () => {
  const trustedProxies = networks.schema.parse('127.0.0.1');

  it('may have as many requests arriving as the server, and its clients no more than others', async () => {
    await using server = await startListener({ arriving: { maxCountPerClient: 1 } }, { trustedProxies });
    const beginHead = 'GET /answer HTTP/1.1\r\nhost: te';
    const heads = [await server.connectFrom('127.0.0.1', beginHead), await server.connectFrom('127.0.0.1', beginHead)];
    const begin = (client: string) => `${bodyHead(3, [forwarded(client)])}a`;
    const slow = await server.connectFrom('127.0.0.1', begin('198.51.100.1'));
    const other = await server.connectFrom('127.0.0.1', begin('198.51.100.2'));
    await server.ask();
    const next = await server.connectFrom('127.0.0.1', begin('198.51.100.1'));
    await expectCutOff(slow);
    for (const client of [other, next]) {
      client.send('bc');
      await expect.poll(client.received).toContain('3 bytes');
    }
    for (const client of heads) {
      client.send('st\r\n\r\n');
      await expect.poll(client.received).toContain('0 bytes');
    }
  });

  it('is not a client that claims to be one: its X-Forwarded-For is ignored', async () => {
    await using server = await startListener({ arriving: { maxCountPerClient: 1 } }, { trustedProxies });
    const begin = (client: string) => `${bodyHead(3, [forwarded(client)])}a`;
    const slow = await server.connectFrom('127.0.0.2', begin('198.51.100.1'));
    await server.ask();
    const next = await server.connectFrom('127.0.0.2', begin('198.51.100.2'));
    await expectCutOff(slow);
    next.send('bc');
    await expect.poll(next.received).toContain('3 bytes');
  });
});

describe('S26 an answer that is not read', () => {
  const large = Buffer.alloc(16 * 1024 * 1024, 'x');
  /** Has a request answered by more than the system holds for a client that does not read. */
  async function answerUnread(server: Awaited<ReturnType<typeof startListener>>, host: string) {
    const client = await server.connectFrom(host, requestHead('GET', '/hold'));
    client.socket.pause();
    const index = server.held.length;
    await expect.poll(() => server.held.length).toBe(index + 1);
    const response = server.held[index] as ServerResponse;
    response.end(large);
    return { client, response };
  }

  it('ends its connection when no byte of it is taken for a while, though an answer that is not begun may take longer', async () => {
    await using server = await startListener({}, { patience: { ...patience, unreadMs: 200 } });
    const waiting = await server.connectFrom('127.0.0.2', requestHead('GET', '/hold'));
    await expect.poll(() => server.held.length).toBe(1);
    const { response } = await answerUnread(server, '127.0.0.1');
    await expect.poll(() => response.destroyed && !response.writableFinished).toBe(true);
    server.held[0]?.end('late');
    await expect.poll(waiting.received).toContain('late');
  });

  it('stays when it is read, however large', async () => {
    await using server = await startListener({ unread: { maxBytes: 1 } });
    const { client } = await answerUnread(server, '127.0.0.1');
    for (let count = 0; count < 5; count += 1) await server.ask();
    client.socket.resume();
    await expect.poll(() => client.received().length).toBeGreaterThan(large.length);
  });

  it('is bounded in all: the one that has waited the longest is ended', async () => {
    await using server = await startListener({ unread: { maxBytes: 20 * 1024 * 1024 } });
    const first = await answerUnread(server, '127.0.0.1');
    // Until it has been noticed.
    await expect.poll(() => first.response.socket?.timeout).toBe(longMs);
    const second = await answerUnread(server, '127.0.0.1');
    await expect.poll(() => first.response.destroyed && !first.response.writableFinished).toBe(true);
    second.client.socket.resume();
    await expect.poll(() => second.client.received().length).toBeGreaterThan(large.length);
  });

  it('counts when it waits behind another on its connection', async () => {
    await using server = await startListener({ unread: { maxBytes: 20 * 1024 * 1024 } });
    const pipelined = await server.connectFrom('127.0.0.1', requestHead('GET', '/hold').repeat(2));
    await expect.poll(() => server.held.length).toBe(2);
    server.held[1]?.end(large);
    const second = await answerUnread(server, '127.0.0.2');
    await pipelined.closed;
    second.client.socket.resume();
    await expect.poll(() => second.client.received().length).toBeGreaterThan(large.length);
  });

  it('is bounded by the number of them: the one that has waited the longest is ended', async () => {
    await using server = await startListener({ unread: { maxCount: 1 } });
    const first = await answerUnread(server, '127.0.0.1');
    const second = await answerUnread(server, '127.0.0.1');
    await expect.poll(() => first.response.destroyed && !first.response.writableFinished).toBe(true);
    second.client.socket.resume();
    await expect.poll(() => second.client.received().length).toBeGreaterThan(large.length);
  });
});
