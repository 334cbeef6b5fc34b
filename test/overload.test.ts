import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createListener, type Handle } from '../src/http/connections/listener.ts';
import type { LoadLimits } from '../src/http/connections/overload.ts';
import { defaultLoadLimits } from '../src/http/connections/overload.ts';
import { startTestFacade } from './support/facade.ts';
import type { GraphQLAnswer } from './support/fetch-graphql.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { startUpstream } from './support/upstream.ts';

async function startListener(handle: Handle, limits: Partial<LoadLimits>) {
  const handled: string[] = [];
  const listener = createListener(
    (request, response, body) => {
      handled.push(request.url ?? '');
      handle(request, response, body);
    },
    {
      quietTimeoutMs: 60_000,
      keepAliveTimeoutMs: 60_000,
      loadLimits: { ...defaultLoadLimits, maxDelayMs: 60_000, ...limits },
    },
  );
  const url = await listener.listen('127.0.0.1', 0);
  return {
    url,
    handled,
    send: (path = '/graphql', init: RequestInit = {}) => fetch(url + path, init),
    [Symbol.asyncDispose]: () => listener.drain(),
  };
}

/** A handler that answers `/answer`, and keeps all other responses for the test to answer. */
function holding() {
  const held: ServerResponse[] = [];
  const handle: Handle = (request, response) =>
    void (request.url === '/answer' ? response.end('answered') : held.push(response));
  return { held, handle };
}

/** Answers one request. Before the first answer, no delay counts. */
async function warmUp(server: { send(): Promise<Response> }, held: readonly ServerResponse[]): Promise<void> {
  const first = server.send();
  await expect.poll(() => held.length).toBe(1);
  held[0]?.end();
  await first;
  await expect.poll(() => held[0]?.closed).toBe(true);
}

function block(forMs: number): void {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs);
}

const answer: Handle = (_request, response) => void response.end('answered');

describe('R15 a server with too much to do', () => {
  it('refuses requests beyond its limit before it reads their bodies, with a Retry-After', async () => {
    const { held, handle } = holding();
    await using server = await startListener(handle, { maxInFlight: 2 });
    const pending = [server.send(), server.send()];
    await expect.poll(() => held.length).toBe(2);

    const refused = await server.send('/graphql', {
      method: 'POST',
      headers: { 'x-request-id': 'third' },
      body: 'not even JSON',
    });
    expect(refused.status).toBe(503);
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'retry-after': '1',
      'content-type': 'application/json',
      'x-request-id': 'third',
    });
    expect(await refused.json()).toEqual({
      errors: [{ message: expect.stringMatching(/nothing was executed/i), extensions: { code: 'OVERLOADED' } }],
    });
    expect(server.handled).toHaveLength(2);

    held[0]?.end();
    await pending[0];
    const next = server.send();
    await expect.poll(() => held.length).toBe(3);
    for (const response of held) response.end();
    expect((await next).status).toBe(200);
    await pending[1];
  });

  it('counts an answer that is being streamed, as long as it lasts', async () => {
    const { held, handle } = holding();
    await using server = await startListener(handle, { maxInFlight: 1 });
    const streamed = server.send();
    await expect.poll(() => held.length).toBe(1);
    held[0]?.write('the beginning');
    const body = (await streamed).text();
    expect((await server.send()).status).toBe(503);
    held[0]?.end();
    await body;
    const next = server.send();
    await expect.poll(() => held.length).toBe(2);
    held[1]?.end();
    expect((await next).status).toBe(200);
  });

  it('does not count a request whose client has disconnected', async () => {
    const { held, handle } = holding();
    await using server = await startListener(handle, { maxInFlight: 1 });
    const leaving = new AbortController();
    const left = server.send('/graphql', { signal: leaving.signal }).catch(() => 'left');
    await expect.poll(() => held.length).toBe(1);
    leaving.abort();
    await left;
    // The server learns of it from the socket.
    await expect.poll(() => held[0]?.closed).toBe(true);
    const next = server.send();
    await expect.poll(() => held.length).toBe(2);
    held[1]?.end();
    expect((await next).status).toBe(200);
  });

  it('S26 counts no answer that waits for its reader', async () => {
    const handle: Handle = ({ url }, response) => void response.end(url === '/large' ? Buffer.alloc(16_000_000) : '');
    await using server = await startListener(handle, { maxInFlight: 2 });
    const readers = await Promise.all(Array.from({ length: 3 }, () => connectRaw(server.url)));
    for (const [index, { socket, send }] of readers.entries()) {
      socket.pause();
      send(requestHead('GET', '/large').repeat(2));
      await expect.poll(() => server.handled.length).toBe(2 * (index + 1));
    }
    expect((await server.send('/answer')).status).toBe(200);
    for (const { socket } of readers) socket.destroy();
  });

  it('reads past the body of a refused request, so that its connection can be used again', async () => {
    await using server = await startListener(answer, { maxInFlight: 0 });
    using client = await connectRaw(server.url);
    const body = 'x'.repeat(200_000);
    client.send(requestHead('POST', '/graphql', [`content-length: ${body.length}`]) + body.slice(0, 100_000));
    await expect.poll(client.received).toContain('"OVERLOADED"');
    client.send(body.slice(100_000) + requestHead('GET', '/health'));
    await expect.poll(client.received).toContain('answered');
    expect(client.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 503', 'HTTP/1.1 200']);
    expect(server.handled).toEqual(['/health']);
  });

  it('still answers probes and requests for files of GraphiQL, and none that looks like one', async () => {
    await using server = await startListener(answer, { maxInFlight: 0 });
    const cheap = ['/health', '/ready', '/graphql?asset=a.js'];
    const paths = [...cheap, '/graphql', '/graphql?/health', '/graphql/health', '/graphql?x&asset=a.js'];
    const statuses = await Promise.all(paths.map(async (path) => (await server.send(path)).status));
    expect(statuses).toEqual([200, 200, 200, 503, 503, 503, 503]);
    expect([...server.handled].sort()).toEqual(cheap.sort());
  });

  it('refuses requests while the event loop is blocked, and accepts them when it is free', async () => {
    const { held, handle } = holding();
    await using server = await startListener(handle, { maxDelayMs: 200 });
    using client = await connectRaw(server.url);
    await warmUp(server, held);
    const pending = server.send();
    await expect.poll(() => held.length).toBe(2);

    // It is on its way before the loop is blocked, so it is the first thing that is read afterwards.
    client.send(requestHead('POST', '/graphql', ['content-length: 0']));
    block(500);
    await expect.poll(client.received).toContain('"OVERLOADED"');
    expect(server.handled).toHaveLength(2);

    await expect.poll(async () => (await server.send('/answer')).status).toBe(200);
    held[1]?.end();
    expect((await pending).status).toBe(200);
  });

  it('takes a request when nothing else is in flight, however late it is', async () => {
    const { held, handle } = holding();
    await using server = await startListener(handle, { maxDelayMs: 200 });
    using client = await connectRaw(server.url);
    await warmUp(server, held);
    client.send(requestHead('GET', '/answer'));
    block(500);
    await expect.poll(client.received).toContain('answered');
  });

  it('accepts exactly its limit of ten times as many requests, and deletes only for those', async () => {
    const maxInFlight = 40;
    const answerNow = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (_request, response) => {
      await answerNow.promise;
      response.end('{}');
    }, 'capsule');
    const limits = { ...defaultLoadLimits, maxInFlight, maxDelayMs: Number.POSITIVE_INFINITY };
    await using facade = await startTestFacade(upstream.url, { TRUTO_RATE_LIMITS: '0' }, undefined, limits);
    const query = 'mutation ($id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a") { __typename } }';
    const answers: GraphQLAnswer[] = [];
    const all = Array.from({ length: 10 * maxInFlight }, async (_, index) => {
      answers.push(await facade.post(query, { id: `e${index}` }));
    });

    await expect.poll(() => answers.length).toBe(9 * maxInFlight);
    await expect.poll(() => upstream.deletes().length).toBe(maxInFlight);
    const refusals = answers.map(({ status, headers, body }) => [
      status,
      headers.get('retry-after'),
      body.errors[0].extensions.code,
    ]);
    expect(refusals).toEqual(refusals.map(() => [503, '1', 'OVERLOADED']));

    answerNow.resolve();
    await Promise.all(all);
    const accepted = answers.slice(9 * maxInFlight);
    expect(accepted.map(({ status, body }) => [status, body])).toEqual(
      accepted.map(() => [200, { data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } }]),
    );
    expect(accepted).toHaveLength(maxInFlight);
    expect(upstream.deletes()).toHaveLength(maxInFlight);
  });

  it('sends nothing upstream for a refused request, and deletes when it is sent again', async () => {
    const answerNow = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (_request, response) => {
      await answerNow.promise;
      response.end('{}');
    }, 'capsule');
    await using facade = await startTestFacade(upstream.url, {}, undefined, defaultLoadLimits);
    using client = await connectRaw(facade.url);
    const remove = (id: string) => ({
      query: `mutation { deleteEngagement(id: "${id}", integratedAccountId: "a") { __typename } }`,
    });
    await facade.post('{ __typename }');
    const pending = facade.post(remove('first').query);
    await expect.poll(() => upstream.deletes().length).toBe(1);

    const body = JSON.stringify(remove('second'));
    const headers = ['content-type: application/json', `content-length: ${body.length}`];
    client.send(requestHead('POST', '/graphql', headers) + body);
    block(500);
    await expect.poll(client.received).toContain('"OVERLOADED"');
    answerNow.resolve();
    await pending;
    expect(upstream.deletes().map(({ path }) => path)).toEqual(['/unified/crm/engagements/first']);

    client.send(requestHead('POST', '/graphql', headers) + body);
    await expect.poll(client.received).toContain('"DeleteEngagementSuccess"');
  });
});
