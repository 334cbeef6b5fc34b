import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import { json as readJson, text as readText } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createEngagementServer } from '../src/library.ts';
import { closing } from './support/closing.ts';
import { listen } from './support/listen.ts';
import { streamedDelete } from './support/parts.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const token = 'Bearer token-of-a-caller';
const document = `mutation {
  deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename ... on DeleteEngagementSuccess { outcome } }
}`;
const streamed = `mutation { ${streamedDelete('chunks @stream')} }`;
const deleted = { data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' } } };

/** A server of the library over an upstream whose answers a test decides. */
function over(upstream: FakeUpstream, settings = {}, write = (_line: string) => {}) {
  const all = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, ...settings };
  return closing(createEngagementServer(all, { logTo: { write } }));
}

function asking(query: string, headers: Record<string, string> = {}, signal?: AbortSignal): Request {
  return new Request('http://host.example/anywhere', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: token, ...headers },
    body: JSON.stringify({ query }),
    ...(signal && { signal }),
  });
}

const startHost = (listener: RequestListener) => listen(createServer(listener));

/** What an upstream answers once it is let. */
function held(): { readonly answer: Answer; readonly asked: Promise<void>; release(): void } {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    answer(request, response) {
      asked.resolve();
      void released.promise.then(() => json(204, undefined)(request, response));
    },
    asked: asked.promise,
    release: released.resolve,
  };
}

const codeOf = async (response: Response) => (await response.json()).errors?.[0]?.extensions?.code;

describe('fetch of a server of the library', () => {
  it('deletes, and answers with the id of the request', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const response = await server.fetch(asking(document, { 'x-request-id': 'r-1' }));
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.headers.get('x-request-id')]).toEqual([200, 'r-1']);
    expect(await response.json()).toEqual(deleted);
    expect(upstream.deletes()).toMatchObject([{ headers: { authorization: token } }]);
  });

  it('makes one delete of two with the same key', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const ask = () => server.fetch(asking(document, { 'idempotency-key': 'k1' }));
    await Promise.all(
      (await Promise.all([ask(), ask()])).map(async (response) => expect(await response.json()).toEqual(deleted)),
    );
    expect(upstream.deletes()).toHaveLength(1);
  });

  it.each<[string, number, string, () => Request]>([
    ['without a token', 401, 'UNAUTHENTICATED', () => asking(document, { authorization: 'Basic x' })],
    ['by GET', 405, 'METHOD_NOT_ALLOWED', () => new Request('http://host.example/?query={__typename}')],
    ['that is not JSON', 415, 'UNSUPPORTED_MEDIA_TYPE', () => asking(document, { 'content-type': 'text/plain' })],
    ['of 300 KiB', 413, 'REQUEST_TOO_LARGE', () => asking(`# ${'x'.repeat(300 * 1024)}\n${document}`)],
    ['of 10,001 values', 413, 'REQUEST_TOO_LARGE', () => asking(`# ${'['.repeat(10_001)}\n${document}`)],
    ['with twenty levels', 200, 'TOO_DEEP', () => asking(`{ a${' { a'.repeat(20)}${' }'.repeat(20)} }`)],
  ])('refuses a request %s, and sends nothing', async (_what, status, code, request) => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const response = await server.fetch(request());
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(upstream.seen).toEqual([]);
  });

  it('refuses a body that is not UTF-8: its id would be the id of another record', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const body = Buffer.from(JSON.stringify({ query: document }).replace('e1', 'e\u00e9'), 'latin1');
    const response = await server.fetch(new Request(asking(document), { body }));
    expect([response.status, await codeOf(response)]).toEqual([400, 'BAD_REQUEST']);
  });

  it.each<[string, (request: Request) => Promise<unknown> | undefined]>([
    ['whole', (request) => request.text()],
    ['in part', async (request) => request.body?.getReader().read()],
  ])('answers 500 where the host has read the body, %s, and logs that', async (_what, read) => {
    await using upstream = await startUpstream(json(204, undefined));
    const lines: string[] = [];
    await using server = over(upstream, {}, (line) => lines.push(line));
    const request = asking(document);
    await read(request);
    const response = await server.fetch(request);
    expect([response.status, await codeOf(response)]).toEqual([500, 'INTERNAL_SERVER_ERROR']);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      err: { message: expect.stringContaining('host has read') },
    });
    expect(upstream.seen).toEqual([]);
  });

  it('keeps the deadline', async () => {
    await using upstream = await startUpstream(() => {});
    await using server = over(upstream, { REQUEST_TIMEOUT_MS: 200 });
    const { data } = await (await server.fetch(asking(document))).json();
    expect(data.deleteEngagement.__typename).toBe('OutcomeUnknownError');
  });

  it('on close, answers requests in flight, refuses later ones, and frees everything', async () => {
    const answer = held();
    await using upstream = await startUpstream(answer.answer);
    const server = over(upstream);
    const answering = server.fetch(asking(document));
    await answer.asked;
    const closing = server.close();
    const refused = await server.fetch(asking(document));
    expect([refused.status, refused.headers.get('retry-after'), await codeOf(refused)]).toEqual([
      503,
      '1',
      'OVERLOADED',
    ]);
    answer.release();
    expect(await (await answering).json()).toEqual(deleted);
    await closing;
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('refuses a request while 1,000 are in flight', async () => {
    const answer = held();
    await using upstream = await startUpstream(json(204, undefined), answer.answer);
    await using server = over(upstream);
    const answering = Array.from({ length: 1_000 }, () => server.fetch(asking(document)));
    const refused = await server.fetch(asking(document));
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'OVERLOADED']);
    answer.release();
    expect(new Set((await Promise.all(answering)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('sends nothing for a client that has disconnected', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    await server.fetch(asking(document, {}, AbortSignal.abort()));
    await server.close();
    expect(upstream.deletes()).toEqual([]);
  });

  it('sends a streamed body in parts', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end('body');
    });
    await using server = over(upstream);
    const response = await server.fetch(asking(streamed, { accept: 'multipart/mixed' }));
    expect(response.headers.get('content-type')).toContain('multipart/mixed');
    const parts = (await response.text()).split('\r\n---');
    expect(parts.filter((part) => part.includes(Buffer.from('body').toString('base64')))).toHaveLength(1);
    expect(parts.length).toBeGreaterThan(2);
  });
});

describe('a streamed body that is not read', () => {
  it('is ended when the host cancels the answer', async () => {
    const cut = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    // Longer than the test may take: a body that is not read ends by then.
    await using server = over(upstream, { REQUEST_TIMEOUT_MS: 60_000 });
    const response = await server.fetch(asking(streamed, { accept: 'multipart/mixed' }));
    await response.body?.cancel();
    await cut.promise;
  });

  it('does not keep the server from closing', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    const server = over(upstream, { REQUEST_TIMEOUT_MS: 200 });
    const response = await server.fetch(asking(streamed, { accept: 'multipart/mixed' }));
    await server.close();
    // Without an error, it would look like all of the answer.
    await expect(response.text()).rejects.toThrow();
  });
});

describe('the Node handler of a server of the library', () => {
  const post = (url: string, init: RequestInit = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: token },
      body: JSON.stringify({ query: document }),
      ...init,
    });

  it('deletes at any path, over real HTTP', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost(server.handle);
    const response = await post(`${host.url}/crm/graphql?a=1`);
    expect([response.status, await response.json()]).toEqual([200, deleted]);
  });

  it('deletes when the body has been parsed already', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost(async (request, response) => {
      const body = await readJson(request);
      await server.handle(Object.assign(request, { body }), response);
    });
    expect(await (await post(host.url)).json()).toEqual(deleted);
  });

  it('answers 413 to a body that never ends being too large', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost(server.handle);
    const body = async function* () {
      for (let count = 0; count < 20; count += 1) yield Buffer.alloc(64 * 1024, ' ');
    };
    const response = await post(host.url, { body: body() as never, duplex: 'half' } as RequestInit);
    expect([response.status, await codeOf(response)]).toEqual([413, 'REQUEST_TOO_LARGE']);
  });

  it('sends no delete for a client that disconnects before it: while its account is looked up', async () => {
    const answer = held();
    await using upstream = await startUpstream(json(204, undefined), answer.answer);
    const lines: string[] = [];
    const server = over(upstream, {}, (line) => lines.push(line));
    const left = Promise.withResolvers<void>();
    await using host = await startHost((request, response) => {
      response.once('close', left.resolve);
      void server.handle(request, response);
    });
    const client = new AbortController();
    const asked = post(host.url, { signal: client.signal });
    await answer.asked;
    client.abort();
    await expect(asked).rejects.toThrow();
    await left.promise;
    answer.release();
    await expect.poll(() => lines.some((line) => line.includes('"msg":"delete"'))).toBe(true);
    await server.close();
    expect(upstream.deletes()).toEqual([]);
  });

  it('sends no delete for clients that have disconnected by the time that their requests are read', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    const lines: string[] = [];
    await using server = over(upstream, { TRUTO_RATE_LIMITS: '0' }, (line) => lines.push(line));
    await using host = await startHost(server.handle);
    // From here on, the account is known: nothing else is waited for before a delete.
    expect(await (await post(host.url)).json()).toEqual(deleted);
    const body = JSON.stringify({ query: document });
    const head = ['content-type: application/json', `authorization: ${token}`, `content-length: ${body.length}`];
    for (let count = 0; count < 10; count += 1) {
      const socket = connect(host.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(requestHead('POST', '/', head) + body);
      socket.destroy();
    }
    await expect.poll(() => lines.filter((line) => line.includes('"msg":"delete"')).length).toBe(11);
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('sends and logs nothing for a client that disconnects before the host hands its request over', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    const lines: string[] = [];
    const server = over(upstream, {}, (line) => lines.push(line));
    const arrived = Promise.withResolvers<void>();
    const settled = Promise.withResolvers<void>();
    await using host = await startHost(async (request, response) => {
      arrived.resolve();
      await once(response, 'close');
      server.handle(request, response).then(settled.resolve);
    });
    const client = new AbortController();
    const asked = post(host.url, { signal: client.signal });
    await arrived.promise;
    client.abort();
    await expect(asked).rejects.toThrow();
    await settled.promise;
    await server.close();
    expect([lines, upstream.seen]).toEqual([[], []]);
  });

  it('ends a stream whose client disconnects, and closes', async () => {
    const cut = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    await using server = over(upstream);
    await using host = await startHost(server.handle);
    const socket = connect(host.port, '127.0.0.1');
    const body = JSON.stringify({ query: streamed });
    const head = ['POST / HTTP/1.1', 'host: x', 'content-type: application/json', `authorization: ${token}`];
    const rest = ['accept: multipart/mixed', `content-length: ${body.length}`, '', body];
    socket.write([...head, ...rest].join('\r\n'));
    await once(socket, 'data');
    socket.destroy();
    await cut.promise;
  });

  it.each<[string, object]>([
    [
      'a host that is none',
      { headers: { 'content-type': 'application/json', authorization: token, host: '[no host' } },
    ],
    ['a target that is no path', { originalUrl: '*', url: '*' }],
  ])('deletes for a request that a framework lets through with %s: both are the host’s', async (_what, odd) => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost((request, response) => {
      for (const [name, value] of Object.entries(odd)) Object.defineProperty(request, name, { value });
      void server.handle(request, response);
    });
    expect(await (await post(host.url)).json()).toEqual(deleted);
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded'],
    ['plain text', 'text/plain'],
  ])('refuses %s also when a middleware has parsed it: a page of any origin can send it', async (_what, type) => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost((request, response) => {
      request.resume().once('end', () => {
        void server.handle(Object.assign(request, { body: { query: document } }), response);
      });
    });
    const response = await post(host.url, { headers: { 'content-type': type, authorization: token } });
    expect([response.status, await codeOf(response)]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(upstream.seen).toEqual([]);
  });

  it('answers the next request on the connection of a body that was too large', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost(server.handle);
    using client = await connectRaw(host.url);
    const piece = `8000\r\n${' '.repeat(0x8000)}\r\n`;
    const head = ['content-type: application/json', `authorization: ${token}`];
    client.send(requestHead('POST', '/', [...head, 'transfer-encoding: chunked']));
    client.send(`${piece.repeat(20)}0\r\n\r\n`);
    await expect.poll(() => client.received()).toMatch(/^HTTP\/1\.1 413 /);
    const body = JSON.stringify({ query: document });
    client.send(requestHead('POST', '/', [...head, `content-length: ${body.length}`]) + body);
    await expect.poll(() => client.received()).toContain(JSON.stringify(deleted));
  });

  it('answers 413 to a body that arrives byte by byte', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    await using host = await startHost(server.handle);
    using client = await connectRaw(host.url);
    const head = ['content-type: application/json', `authorization: ${token}`, 'transfer-encoding: chunked'];
    client.send(`${requestHead('POST', '/', head)}${'1\r\n \r\n'.repeat(2_000)}0\r\n\r\n`);
    await expect.poll(() => client.received()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ['in one piece', document, 'application/json'],
    ['in parts', streamed, 'multipart/mixed'],
  ])('answers over HTTP/2, %s', async (_what, query, accept) => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end('body');
    });
    await using server = over(upstream);
    await using host = await listen(
      createHttp2Server((request, response) => void server.handle(request as never, response as never)),
    );
    const client = connectHttp2(host.url);
    const headers = { ':method': 'POST', 'content-type': 'application/json', authorization: token, accept };
    const asked = client.request(headers);
    asked.end(JSON.stringify({ query }));
    const [answered] = await once(asked, 'response');
    expect(answered[':status']).toBe(200);
    expect(await readText(asked)).toContain('{"data":{"deleteEngagement":{"__typename"');
    client.close();
  });

  it('leaves the host its time-out of connections, and what its answer varies by', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream, { CORS_ORIGINS: 'https://app.example.com' });
    const timeouts: (number | undefined)[] = [];
    await using host = await startHost(async (request, response) => {
      request.socket.setTimeout(60_000);
      response.setHeader('vary', 'Accept-Encoding');
      // Node sets another when the answer is out.
      response.prependOnceListener('finish', () => timeouts.push(request.socket.timeout));
      await server.handle(request, response);
    });
    const headers = { 'content-type': 'application/json', authorization: token, origin: 'https://app.example.com' };
    const response = await post(host.url, { headers });
    expect(response.headers.get('vary')).toBe('Accept-Encoding, Origin');
    await response.text();
    expect(timeouts).toEqual([60_000]);
  });

  it('settles when a client disconnects that did not read its answer', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const writing = setInterval(() => response.write(Buffer.alloc(64 * 1024)), 1);
      response.once('close', () => clearInterval(writing));
    });
    await using server = over(upstream);
    const settled = Promise.withResolvers<void>();
    const full = Promise.withResolvers<void>();
    await using host = await startHost((request, response) => {
      server.handle(request, response).then(settled.resolve);
      const looking = setInterval(() => {
        if (!response.writableNeedDrain) return;
        clearInterval(looking);
        full.resolve();
      }, 5);
    });
    const headers = { 'content-type': 'application/json', authorization: token, accept: 'multipart/mixed' };
    const client = new AbortController();
    const body = JSON.stringify({ query: streamed });
    await post(host.url, { headers, body, signal: client.signal });
    await full.promise;
    client.abort();
    await settled.promise;
  });

  it('ends the connection of an answer that the host has begun itself, and logs that', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const lines: string[] = [];
    await using server = over(upstream, {}, (line) => lines.push(line));
    await using host = await startHost(async (request, response) => {
      response.writeHead(200).write('{');
      await server.handle(request, response);
    });
    await expect(post(host.url).then((response) => response.text())).rejects.toThrow();
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 50, err: { code: 'ERR_HTTP_HEADERS_SENT' } });
  });

  it('answers one error without its stack when something fails that should not', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const body = new ReadableStream({
      pull() {
        throw new Error('canary');
      },
    });
    const broken = new Request(asking(document), { body, duplex: 'half' } as RequestInit);
    const response = await server.fetch(broken);
    const text = await response.text();
    expect([response.status, JSON.parse(text).errors[0].extensions.code]).toEqual([500, 'INTERNAL_SERVER_ERROR']);
    expect(text).not.toContain('canary');
  });
});
