import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { json as readJson } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createEngagementServer, type EngagementServer } from '../src/library.ts';
import { streamedDelete } from './support/parts.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const token = 'Bearer token-of-a-caller';
const document = `mutation {
  deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename ... on DeleteEngagementSuccess { outcome } }
}`;
const streamed = `mutation { ${streamedDelete('chunks @stream')} }`;
const deleted = { data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' } } };

/** A server of the library over an upstream whose answers a test decides. */
function over(upstream: FakeUpstream, settings = {}, write = (_line: string) => {}): EngagementServer {
  return createEngagementServer(
    { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, ...settings },
    { logTo: { write } },
  );
}

/** A request as a client of a host sends it. */
function asking(query: string, headers: Record<string, string> = {}, signal?: AbortSignal): Request {
  return new Request('http://host.example/anywhere', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: token, ...headers },
    body: JSON.stringify({ query }),
    ...(signal && { signal }),
  });
}

/** A host with nothing of its own. */
async function startHost(listener: RequestListener) {
  const host = createServer(listener).listen(0, '127.0.0.1');
  await once(host, 'listening');
  const { port } = host.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      host.closeAllConnections();
      await once(host.close(), 'close');
    },
  };
}

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
    const server = over(upstream);
    const response = await server.fetch(asking(document, { 'x-request-id': 'r-1' }));
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.headers.get('x-request-id')]).toEqual([200, 'r-1']);
    expect(await response.json()).toEqual(deleted);
    expect(upstream.deletes()).toMatchObject([{ headers: { authorization: token } }]);
    await server.close();
  });

  it('makes one delete of two with the same key', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    const ask = () => server.fetch(asking(document, { 'idempotency-key': 'k1' }));
    await Promise.all(
      (await Promise.all([ask(), ask()])).map(async (response) => expect(await response.json()).toEqual(deleted)),
    );
    expect(upstream.deletes()).toHaveLength(1);
    await server.close();
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
    const server = over(upstream);
    const response = await server.fetch(request());
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(upstream.seen).toEqual([]);
    await server.close();
  });

  it('refuses a body that is not UTF-8: its id would be the id of another record', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    const body = Buffer.from(JSON.stringify({ query: document }).replace('e1', 'e\u00e9'), 'latin1');
    const response = await server.fetch(new Request(asking(document), { body }));
    expect([response.status, await codeOf(response)]).toEqual([400, 'BAD_REQUEST']);
    await server.close();
  });

  it('keeps the deadline', async () => {
    await using upstream = await startUpstream(() => {});
    const server = over(upstream, { REQUEST_TIMEOUT_MS: 200 });
    const { data } = await (await server.fetch(asking(document))).json();
    expect(data.deleteEngagement.__typename).toBe('OutcomeUnknownError');
    await server.close();
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
    const server = over(upstream);
    const answering = Array.from({ length: 1_000 }, () => server.fetch(asking(document)));
    const refused = await server.fetch(asking(document));
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'OVERLOADED']);
    answer.release();
    expect(new Set((await Promise.all(answering)).map(({ status }) => status))).toEqual(new Set([200]));
    await server.close();
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
    const server = over(upstream);
    const response = await server.fetch(asking(streamed, { accept: 'multipart/mixed' }));
    expect(response.headers.get('content-type')).toContain('multipart/mixed');
    const parts = (await response.text()).split('\r\n---');
    expect(parts.filter((part) => part.includes(Buffer.from('body').toString('base64')))).toHaveLength(1);
    expect(parts.length).toBeGreaterThan(2);
    await server.close();
  });
});

describe('a streamed body that is not read', () => {
  it('does not keep the server from closing', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    const server = over(upstream, { REQUEST_TIMEOUT_MS: 200 });
    const response = await server.fetch(asking(streamed, { accept: 'multipart/mixed' }));
    expect(response.body).not.toBeNull();
    await server.close();
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
    const server = over(upstream);
    await using host = await startHost(server.handle);
    const response = await post(`${host.url}/crm/graphql?a=1`);
    expect([response.status, await response.json()]).toEqual([200, deleted]);
    await server.close();
  });

  it('deletes when the body has been parsed already', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    await using host = await startHost(async (request, response) => {
      const body = await readJson(request);
      await server.handle(Object.assign(request, { body }), response);
    });
    expect(await (await post(host.url)).json()).toEqual(deleted);
    await server.close();
  });

  it('answers 413 to a body that never ends being too large', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    await using host = await startHost(server.handle);
    const body = async function* () {
      for (let count = 0; count < 20; count += 1) yield Buffer.alloc(64 * 1024, ' ');
    };
    const response = await post(host.url, { body: body() as never, duplex: 'half' } as RequestInit);
    expect([response.status, await codeOf(response)]).toEqual([413, 'REQUEST_TOO_LARGE']);
    await server.close();
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

  it('ends a stream whose client disconnects, and closes', async () => {
    const cut = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    const server = over(upstream);
    await using host = await startHost(server.handle);
    const socket = connect(host.port, '127.0.0.1');
    const body = JSON.stringify({ query: streamed });
    const head = ['POST / HTTP/1.1', 'host: x', 'content-type: application/json', `authorization: ${token}`];
    const rest = ['accept: multipart/mixed', `content-length: ${body.length}`, '', body];
    socket.write([...head, ...rest].join('\r\n'));
    await once(socket, 'data');
    socket.destroy();
    await cut.promise;
    await server.close();
  });

  it.each<[string, object]>([
    ['a host that is none', { headers: { host: '[not a host' }, query: { a: '1' } }],
    ['a target that is no path', { originalUrl: '*', query: { a: '1' } }],
  ])('answers 400 to a request that a framework lets through with %s, and shows no stack', async (_what, wrong) => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
    await using host = await startHost(
      (request, response) => void server.handle(Object.assign(request, wrong), response),
    );
    const response = await post(host.url);
    const text = await response.text();
    expect([response.status, JSON.parse(text).errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
    expect(text).not.toContain('    at ');
    await server.close();
  });

  it('answers one error without its stack when something fails that should not', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = over(upstream);
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
    await server.close();
  });
});
