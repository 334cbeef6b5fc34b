import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

const upstream = await shared(startUpstream(json(204, undefined), 'capsule'));
const facade = await shared(startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' }));

const authorization = 'Bearer canary-of-a-caller';
const query = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
const asJson = JSON.stringify({ query });
const search = `?${new URLSearchParams({ query })}`;

const send = ({ headers, ...init }: RequestInit & { headers?: Record<string, string> }, path = '/graphql') =>
  fetch(facade.url + path, { headers: { authorization, ...headers }, ...init });
const post = (type: string | undefined, body: BodyInit | Buffer = asJson, path?: string) =>
  send({ method: 'POST', body: body as BodyInit, headers: type === undefined ? {} : { 'content-type': type } }, path);

const asked = { 'content-type': 'application/json' };
const coded = (coding: string) =>
  send({ method: 'POST', body: asJson, headers: { ...asked, 'content-encoding': coding } });
const withId = (id: string) => asJson.replace('id: 1', `id: \\"${id}\\"`);

/** The body of a delete in which a text stands for bytes that no text has. */
function replaced(text: string, bytes: readonly number[]): Buffer {
  return Buffer.from(
    Buffer.from(withId(text))
      .toString('latin1')
      .replace(text, String.fromCharCode(...bytes)),
    'latin1',
  );
}

const codes = {
  404: 'PATH_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
} as const;

/** What a refused request gets: one error with its code, and something to read. */
const refusedAs = (code: string) => ({ errors: [{ message: expect.stringMatching(/\w+ \w+/), extensions: { code } }] });

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
    ['application/json; charset="UTF-8"'],
    ['application/json; profile=x; charset=utf8'],
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
    ['JSON in Latin-1', () => post('application/json; charset=iso-8859-1'), 415],
    ['JSON in UTF-16', () => post('application/json;charset="utf-16"', Buffer.from(asJson, 'utf16le')), 415],
    ['JSON in UTF-8 and Latin-1', () => post('application/json; charset=utf-8; Charset=latin1'), 415],
    ...['gzip', 'br', 'identity, gzip', 'x-unknown'].map(
      (coding) => [`JSON in the coding ${coding}`, () => coded(coding), 415] as const,
    ),
    ['a path that is none', () => send({ method: 'POST', body: asJson }, '/elsewhere'), 404],
    ['a path that is none, by GET', () => send({}, '/'), 404],
    [
      'JSON with an Accept header that allows no JSON',
      () => send({ method: 'POST', body: asJson, headers: { ...asked, accept: 'image/png' } }),
      406,
    ],
  ] as const)('as %s is refused with a code and a reason, and nothing runs', async (what, request, status) => {
    const before = upstream.seen.length;
    const response = await request();
    expect(response.status).toBe(status);
    const text = await response.text();
    if (what === 'HEAD') expect(text).toBe('');
    else expect(JSON.parse(text)).toEqual(refusedAs(codes[status]));
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(upstream.seen).toHaveLength(before);
  });

  it('in no coding, and says so, is executed', async () => {
    expect((await coded('identity')).status).toBe(200);
  });

  it.each([
    ['in Latin-1', Buffer.from(withId('caf\xe9-1'), 'latin1')],
    ['with half a character', Buffer.concat([Buffer.from(withId('x')).subarray(0, -40), Buffer.from([0xe2, 0x80])])],
    ['with an overlong form', replaced('XX', [0xc0, 0xae])],
    ['with a surrogate', replaced('XXX', [0xed, 0xa0, 0x80])],
    ['in UTF-16', Buffer.from(asJson, 'utf16le').subarray(0, -1)],
  ])('whose bytes are no UTF-8 (%s) is refused before anything is sent', async (_how, bytes) => {
    // As text with replacement characters, each would be known by now.
    await post('application/json', bytes.toString());
    const before = upstream.seen.length;
    for (const path of ['/graphql', '/graphql?', '/graphql/']) {
      const response = await post('application/json', bytes, path);
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual(refusedAs('BAD_REQUEST'));
    }
    expect(upstream.seen).toHaveLength(before);
  });

  it('with characters of all lengths is executed, also when they come in pieces', async () => {
    const id = 'é\u2028🦊';
    const bytes = Buffer.from(withId(id));
    const pieces = new ReadableStream({
      async start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    const init = { method: 'POST', body: pieces, headers: asked, duplex: 'half' };
    expect((await send(init)).status).toBe(200);
    expect(decodeURIComponent(upstream.deletes().at(-1)?.path.split('/').at(-1) ?? '')).toBe(id);
  });

  it('in the address of a POST is not executed', async () => {
    const before = upstream.deletes().length;
    const response = await post('application/json', JSON.stringify({ query: '{ __typename }' }), `/graphql${search}`);
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
    expect(upstream.deletes()).toHaveLength(before);
  });
});

it.each([
  ['of two', [{ query }, { query }]],
  ['of one', [{ query }]],
  ['of none', []],
  ['of ten and one', Array(11).fill({ query })],
])('S10 an array of operations %s is refused, and nothing runs', async (_how, operations) => {
  const before = upstream.seen.length;
  const response = await post('application/json', JSON.stringify(operations));
  expect(response.status).toBe(400);
  expect(upstream.seen).toHaveLength(before);
});

const corsHeaders = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith('access-control'));

it.each(['https://evil.example', 'null', 'http://localhost:3000', 'http://127.0.0.1', '*'])(
  'S08 a page of another origin as %s gets no CORS header',
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
