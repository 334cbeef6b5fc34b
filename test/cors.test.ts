import { describe, expect, it } from 'vitest';
import { createEngagementServer } from '../src/library.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { json, startUpstream } from './support/upstream.ts';

const origin = 'https://app.example.com';
const CORS_ORIGINS = `${origin}, http://localhost:3000`;
const mutation = 'mutation { deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename } }';

/** What a browser asks before it sends a delete from a page of that origin. */
const preflight = (from: string): RequestInit => ({
  method: 'OPTIONS',
  headers: {
    origin: from,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key',
  },
});

function corsOf({ headers }: { readonly headers: Headers }): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));
}

const readable = {
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'Retry-After, X-Request-Id',
};

describe('a page of another origin', () => {
  it('may do nothing where no origin is set', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const refused = await fetch(`${facade.url}/graphql`, preflight(origin));
    expect([refused.status, corsOf(refused)]).toEqual([405, {}]);
    expect(corsOf(await facade.post(mutation, {}, { origin }))).toEqual({});
  });

  it.each(['https://other.example.com', 'null', `${origin}.evil.example`, 'http://app.example.com'])(
    'may do nothing from an origin that is not listed: %s',
    async (other) => {
      await using facade = await startFacadeOver(json(204, undefined), { CORS_ORIGINS });
      const refused = await fetch(`${facade.url}/graphql`, preflight(other));
      expect([refused.status, corsOf(refused)]).toEqual([405, {}]);
      expect(corsOf(await facade.post(mutation, {}, { origin: other }))).toEqual({});
    },
  );

  it('may send what it asks for from a listed origin, without credentials of the browser', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { CORS_ORIGINS });
    const allowed = await fetch(`${facade.url}/graphql`, preflight(origin));
    expect([allowed.status, await allowed.text()]).toEqual([204, '']);
    expect(corsOf(allowed)).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization,content-type,idempotency-key',
      'access-control-max-age': '7200',
    });
    expect(allowed.headers.get('vary')).toBe('Origin, Access-Control-Request-Headers');
  });

  it('may read every answer: executed, prepared, and refused', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { CORS_ORIGINS, AUTH_MODE: 'passthrough' });
    const token = { authorization: 'Bearer t' };
    for (let count = 0; count < 3; count += 1) {
      const { status, headers } = await facade.post(mutation, {}, { origin, ...token });
      expect([status, corsOf({ headers }), headers.get('vary')]).toEqual([200, readable, 'Origin']);
    }
    const send = (body: string, headers = {}) =>
      fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin, ...token, ...headers },
        body,
      });
    const answers = [
      [400, await send('{')],
      [401, await send(JSON.stringify({ query: mutation }), { authorization: 'Basic x' })],
      [413, await send(' '.repeat(300 * 1024))],
      [415, await send('{}', { 'content-type': 'text/plain' })],
    ] as const;
    for (const [status, response] of answers) expect([response.status, corsOf(response)]).toEqual([status, readable]);
  });

  it('may read why a request was cut off', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { CORS_ORIGINS });
    using client = await connectRaw(facade.url);
    client.send(requestHead('POST', '/graphql', [`origin: ${origin}`, 'transfer-encoding: chunked']));
    client.send(`1;${'x'.repeat(32 * 1024)}\r\n`);
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(client.received()).toContain(`\r\naccess-control-allow-origin: ${origin}\r\n`);
  });

  it('may ask while the server has too much to do, and read that it has', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const full = { maxInFlight: 0, maxInFlightBytes: 0, maxDelayMs: 0 };
    await using facade = await startTestFacade(upstream.url, { CORS_ORIGINS }, undefined, full);
    expect((await fetch(`${facade.url}/graphql`, preflight(origin))).status).toBe(204);
    const refused = await facade.post(mutation, {}, { origin });
    expect([refused.status, corsOf(refused)]).toEqual([503, readable]);
  });

  it('may read no GET: neither GraphiQL nor health', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { CORS_ORIGINS });
    await using without = await startTestFacade(facade.upstream.url);
    const page = async ({ url }: { readonly url: string }) => {
      const { status, headers } = await fetch(`${url}/graphql`, { headers: { origin, accept: 'text/html' } });
      const { date: _date, 'x-request-id': _id, ...rest } = Object.fromEntries(headers);
      return { status, rest };
    };
    expect(await page(facade)).toEqual(await page(without));
    expect(corsOf(await fetch(`${facade.url}/health`, { headers: { origin } }))).toEqual({});
  });

  it('may do the same where the server is mounted in another', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, CORS_ORIGINS };
    await using server = closing(createEngagementServer(settings, { logTo: { write: () => {} } }));
    const allowed = await server.fetch(new Request('http://host.example/', preflight(origin)));
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    const headers = { 'content-type': 'application/json', origin, authorization: 'Bearer t' };
    const body = JSON.stringify({ query: mutation });
    const answer = await server.fetch(new Request('http://host.example/', { method: 'POST', headers, body }));
    expect([answer.status, corsOf(answer)]).toEqual([200, readable]);
  });
});
