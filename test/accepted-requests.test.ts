import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

let upstream: FakeUpstream;
let facade: TestFacade;
beforeAll(async () => {
  upstream = await startUpstream(json(204, undefined), 'capsule');
  facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' });
});
afterAll(async () => {
  await facade[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const authorization = 'Bearer canary-of-a-caller';
const query = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
const asJson = JSON.stringify({ query });
const search = `?${new URLSearchParams({ query })}`;

const send = ({ headers, ...init }: RequestInit & { headers?: Record<string, string> }, path = '/graphql') =>
  fetch(facade.url + path, { headers: { authorization, ...headers }, ...init });
const post = (type: string | undefined, body: BodyInit = asJson, path?: string) =>
  send({ method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } }, path);

/** A file upload as GraphQL clients send one: a form whose first part is the operation. */
function upload(): FormData {
  const form = new FormData();
  form.set('operations', asJson);
  form.set('map', '{}');
  return form;
}

describe('S07 an operation', () => {
  it.each([
    ['application/json'],
    ['application/json; charset=utf-8'],
    ['application/json;charset=UTF-8'],
    ['Application/JSON'],
    ['application/json ; charset=utf-8'],
  ])('by POST as %j is executed', async (type) => {
    const before = upstream.deletes().length;
    const response = await post(type);
    expect(await response.json()).toEqual({ data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } });
    expect(upstream.deletes()).toHaveLength(before + 1);
  });

  it.each([
    ['a query by GET', () => send({}, '/graphql?query={__typename}'), 405],
    ['a mutation by GET', () => send({}, `/graphql${search}`), 405],
    [
      'a mutation by GET that says it is JSON',
      () => send({ headers: { 'content-type': 'application/json' } }, `/graphql${search}`),
      405,
    ],
    ['HEAD', () => send({ method: 'HEAD' }, `/graphql${search}`), 405],
    ['PUT', () => send({ method: 'PUT', body: asJson, headers: { 'content-type': 'application/json' } }), 405],
    ['PATCH', () => send({ method: 'PATCH', body: asJson, headers: { 'content-type': 'application/json' } }), 405],
    ['DELETE', () => send({ method: 'DELETE' }, `/graphql${search}`), 405],
    ['OPTIONS', () => send({ method: 'OPTIONS' }, `/graphql${search}`), 405],
    ['a form', () => post('application/x-www-form-urlencoded', new URLSearchParams({ query })), 415],
    ['a form in the address', () => post('application/x-www-form-urlencoded', '', `/graphql${search}`), 415],
    ['an upload', () => send({ method: 'POST', body: upload() }), 415],
    ['an empty upload', () => post('multipart/form-data; boundary=x', '--x--'), 415],
    ['plain text', () => post('text/plain'), 415],
    ['plain text that mentions JSON', () => post('text/plain; application/json'), 415],
    ['two types', () => post('application/json, text/plain'), 415],
    ['a type that begins like JSON', () => post('application/jsonp'), 415],
    ['application/graphql', () => post('application/graphql', query), 415],
    ['application/graphql+json', () => post('application/graphql+json'), 415],
    ['an empty type', () => post(''), 415],
    ['no type', () => post(undefined, new Blob([asJson])), 415],
  ])('as %s is refused, and nothing runs', async (_what, request, status) => {
    const before = upstream.seen.length;
    expect((await request()).status).toBe(status);
    expect(upstream.seen).toHaveLength(before);
  });

  it('in the address of a POST is not what is executed', async () => {
    const before = upstream.deletes().length;
    const response = await post('application/json', JSON.stringify({ query: '{ __typename }' }), `/graphql${search}`);
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
    expect(upstream.deletes()).toHaveLength(before);
  });
});

describe('S10 an array of operations', () => {
  it.each([
    ['of two', [{ query }, { query }]],
    ['of one', [{ query }]],
    ['of none', []],
    ['of ten and one', Array(11).fill({ query })],
  ])('%s is refused, and nothing runs', async (_how, operations) => {
    const before = upstream.seen.length;
    const response = await post('application/json', JSON.stringify(operations));
    expect(response.status).toBe(400);
    expect(upstream.seen).toHaveLength(before);
  });
});

describe('S08 a page of another origin', () => {
  const corsHeaders = (response: Response) =>
    [...response.headers.keys()].filter((name) => name.startsWith('access-control'));

  it.each(['https://evil.example', 'null', 'http://localhost:3000', 'http://127.0.0.1', '*'])(
    'as %s gets no CORS header',
    async (origin) => {
      const asked = {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
        'access-control-request-private-network': 'true',
      };
      const preflight = await send({ method: 'OPTIONS', headers: { origin, ...asked } });
      expect([preflight.status, corsHeaders(preflight)]).toEqual([405, []]);
      const headers = { origin, 'content-type': 'application/json', cookie: 'a=b' };
      const answer = await send({ method: 'POST', body: JSON.stringify({ query: '{ __typename }' }), headers });
      expect([answer.status, corsHeaders(answer)]).toEqual([200, []]);
      for (const path of ['/', '/health', '/ready', '/graphql'])
        expect(corsHeaders(await send({ headers: { origin } }, path))).toEqual([]);
    },
  );
});
