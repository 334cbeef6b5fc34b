import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createListener } from '../src/http/connections/listener.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { json } from './support/upstream.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function answerOf(url: string, agent: Agent): Promise<IncomingMessage> {
  const [response] = await once(get(url, { agent }), 'response');
  (response as IncomingMessage).resume();
  return response as IncomingMessage;
}

const times = { quietTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 };

/** A listener whose requests wait until the test answers them. */
async function startHolding() {
  const arrived: ServerResponse[] = [];
  const listener = createListener((_request, response) => void arrived.push(response), times);
  const url = await listener.listen('127.0.0.1', 0);
  const send = (path: string, init?: RequestInit) => fetch(url + path, init);
  return { url, arrived, send, drain: (noticeMs?: number) => listener.drain(noticeMs) };
}

describe('a request', () => {
  it.each([
    ['its own id', 'a-Z_0.9:x', 'a-Z_0.9:x'],
    ['an id of 128 characters', 'x'.repeat(128), 'x'.repeat(128)],
    ['no id', undefined, uuid],
    ['an id of 129 characters', 'x'.repeat(129), uuid],
    ['an empty id', '', uuid],
    ['an id that would break out of a log line', 'a"b', uuid],
    ['two ids in one header', 'a, b', uuid],
  ])('with %s has one to all who handle it, and on its response', async (_what, given, expected) => {
    let seen: unknown;
    const listener = createListener((request, response) => {
      seen = request.headers['x-request-id'];
      response.writeHead(204, { 'x-other': 'kept' }).end();
    }, times);
    const url = await listener.listen('127.0.0.1', 0);
    const { headers } = await fetch(url, given === undefined ? {} : { headers: { 'x-request-id': given } });
    expect(headers.get('x-request-id')).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(uuid));
    expect(headers.get('x-request-id')).toBe(seen);
    expect(headers.get('x-other')).toBe('kept');
    await listener.drain();
  });

  it.each([
    ['cannot be read', 'what is this?\r\n\r\n'],
    ['has no host', 'GET / HTTP/1.1\r\n\r\n'],
  ])('that %s has an id, and an answer that says what is wrong', async (_what, text) => {
    const { url, drain } = await startHolding();
    using client = await connectRaw(url);
    client.send(text);
    await client.closed;
    const [head = '', body = ''] = client.received().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 .*\r\nx-request-id: [0-9a-f-]{36}\r\n/);
    expect(JSON.parse(body).errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
    await drain();
  });

  it('by HEAD that is refused gets no body', async () => {
    const { url, drain } = await startHolding();
    using client = await connectRaw(url);
    client.send('HEAD / HTTP/1.1\r\nhost: <!\r\n\r\n');
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 400 [^{]*\r\n\r\n$/);
    await drain();
  });
});

it('R12 answers all requests that came together, also when one of them meets a bug', async () => {
  const uncaught = Promise.withResolvers<Error>();
  process.setUncaughtExceptionCaptureCallback(uncaught.resolve);
  try {
    const listener = createListener(({ url }, response) => {
      response.end(`answered ${url}`);
      if (url === '/bug') throw new Error('a bug');
    }, times);
    const url = await listener.listen('127.0.0.1', 0);
    using client = await connectRaw(url);
    client.send(requestHead('GET', '/bug') + requestHead('GET', '/other'));
    await expect.poll(client.received).toMatch(/answered \/other/);
    expect((await uncaught.promise).message).toBe('a bug');
    client.socket.destroy();
    await listener.drain();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
});

describe('R12 a draining listener', () => {
  it('answers requests in flight with Connection: close, and closes', async () => {
    const { url, arrived, drain } = await startHolding();
    const agent = new Agent({ keepAlive: true });
    const pending = answerOf(url, agent);
    await expect.poll(() => arrived.length).toBe(1);
    const drained = drain();
    arrived[0]?.end('done');
    expect((await pending).headers.connection).toBe('close');
    await drained;
    agent.destroy();
  });

  it('answers all requests that came together on a connection', async () => {
    const { url, arrived, drain } = await startHolding();
    using client = await connectRaw(url);
    client.send(requestHead('GET', '/').repeat(2));
    await expect.poll(() => arrived.length).toBe(2);
    const drained = drain();
    for (const response of arrived) response.end('answered');
    await client.closed;
    expect(client.received().match(/answered/g)).toHaveLength(2);
    expect(client.received().match(/connection: close/gi)).toHaveLength(1);
    await drained;
  });

  it('takes nothing new on a connection that is still open', async () => {
    const { url, arrived, drain } = await startHolding();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = answerOf(url, agent);
    const second = answerOf(url, agent);
    await expect.poll(() => arrived.length).toBe(1);
    // Its headers are out already, so this connection will be used once more.
    arrived[0]?.flushHeaders();
    await first;
    const drained = drain();
    arrived[0]?.end();
    // Refused, or the connection is gone: in no case is it handled.
    expect(await second.then(({ statusCode }) => statusCode).catch(() => 'gone')).toSatisfy(
      (end) => end === 503 || end === 'gone',
    );
    expect(arrived).toHaveLength(1);
    await drained;
    agent.destroy();
  });

  it('listens until its last answer is sent, to refuse new clients with 503', async () => {
    const { url, arrived, send, drain } = await startHolding();
    const first = send('/graphql');
    const pending = send('/graphql');
    await expect.poll(() => arrived.length).toBe(2);
    const drained = drain();
    // One answer is not the last.
    arrived.shift()?.end();
    await first;
    for (const path of Array.from({ length: 20 }, () => ['/graphql', '/ready']).flat()) {
      const refused = await send(path, { headers: { 'x-request-id': 'late' } });
      expect(refused.status).toBe(503);
      expect(Object.fromEntries(refused.headers)).toMatchObject({
        connection: 'close',
        'content-type': 'application/json',
        'retry-after': '1',
        'x-request-id': 'late',
      });
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });
    }
    expect(arrived).toHaveLength(1);
    const health = send('/health');
    await expect.poll(() => arrived.length).toBe(2);
    for (const response of arrived) response.end();
    expect([(await health).status, (await pending).status]).toEqual([200, 200]);
    await drained;
    await expect(connectRaw(url)).rejects.toThrow('ECONNREFUSED');
  });

  it('lets a client that is still sending read all of its refusal', async () => {
    const { arrived, send, drain } = await startHolding();
    const pending = send('/graphql');
    await expect.poll(() => arrived.length).toBe(1);
    const drained = drain();
    for (let round = 0; round < 5; round += 1) {
      const refused = await send('/graphql', { method: 'POST', body: 'x'.repeat(8 * 1024 * 1024) });
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });
    }
    arrived[0]?.end();
    await pending;
    await drained;
  });

  it('closes connections that are idle, and does not wait for those it refused', async () => {
    const { url, arrived, send, drain } = await startHolding();
    using idle = await connectRaw(url);
    using slow = await connectRaw(url);
    const pending = send('/graphql');
    await expect.poll(() => arrived.length).toBe(1);
    const drained = drain();
    slow.send(requestHead('POST', '/graphql', ['content-length: 10']));
    await expect.poll(slow.received).toContain('503');
    arrived[0]?.end();
    await pending;
    await Promise.all([drained, idle.closed, slow.closed]);
  });

  it('with notice refuses on each kept connection before it closes it, and ends when no client is connected', async () => {
    const { url, arrived, drain } = await startHolding();
    using kept = await connectRaw(url);
    kept.send(requestHead('GET', '/graphql'));
    await expect.poll(() => arrived.length).toBe(1);
    arrived[0]?.end();
    await expect.poll(kept.received).toContain('200 OK');
    // Longer than the test may take. The drain ends because no client is connected any more.
    const drained = drain(60_000);
    using newClient = await connectRaw(url);
    for (const client of [newClient, kept]) {
      client.send(requestHead('GET', '/graphql'));
      await expect.poll(client.received).toContain('HTTP/1.1 503');
    }
    await Promise.all([drained, kept.closed, newClient.closed]);
    expect(arrived).toHaveLength(1);
  });

  it('closes at once when nothing is in flight', async () => {
    const { url, arrived, send, drain } = await startHolding();
    const answered = send('/graphql');
    await expect.poll(() => arrived.length).toBe(1);
    arrived[0]?.end();
    await answered;
    await drain();
    await expect(connectRaw(url)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('R22 an idle connection', () => {
  it('is kept for as long as the server says, and then closed', async () => {
    const listener = createListener((_request, response) => void response.end('done'), {
      ...times,
      keepAliveTimeoutMs: 1_000,
    });
    const url = await listener.listen('127.0.0.1', 0);
    using client = await connectRaw(url);
    client.send(requestHead('GET', '/'));
    await client.closed;
    expect(client.received()).toMatch(/\r\nkeep-alive: timeout=1\r\n/i);
    await listener.drain();
  });

  it('outlives those of the usual balancers, which keep theirs for 60 seconds', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const { headers } = await facade.post('{ __typename }');
    expect(Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(60);
  });
});
