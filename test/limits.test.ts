import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

let upstream: FakeUpstream;
let facade: TestFacade;
beforeAll(async () => {
  upstream = await startUpstream(json(204, undefined), 'capsule');
  facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
});
afterAll(async () => {
  await facade[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const bearer = { authorization: 'Bearer t' };
const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const remove = (alias: string) => `${alias}: deleteEngagement(id: 1, integratedAccountId: "a") { __typename }`;

async function codesOf(query: string): Promise<readonly string[]> {
  const before = upstream.deletes().length;
  const accept = 'application/graphql-response+json';
  const { status, body } = await facade.post(query, {}, { ...bearer, accept });
  // With data, it was executed, whatever became of it.
  if (body.data !== undefined) return [];
  expect(status).toBe(400);
  expect(upstream.deletes()).toHaveLength(before);
  return body.errors.map(({ extensions }: { extensions?: { code?: string } }) => extensions?.code);
}

describe('S09 a document', () => {
  it.each([
    ['10 aliased deletes', `mutation { ${times(10, (index) => remove(`a${index}`))} }`],
    ['10 aliases of __typename', `{ ${times(10, (index) => `a${index}: __typename`)} }`],
    ['5 directives', `{ ${times(5, (index) => `a${index}: __typename @skip(if: false)`)} }`],
    [
      '8 levels',
      '{ engagements(integratedAccountId: "a") { nodes { notes { contacts { account { owner { urls { url } } } } } } } }',
    ],
    ['700 tokens', `{ ${times(698, () => '__typename')} }`],
  ])('of %s is taken', async (_what, query) => {
    expect(await codesOf(query)).toEqual([]);
  });

  const aliased = times(11, (index) => remove(`a${index}`));
  const nine = 'notes { contacts { account { owner { urls { url } } } } }';
  it.each([
    ['11 aliased deletes', `mutation { ${aliased} }`, ['TOO_MANY_ALIASES', 'TOO_MANY_MUTATIONS']],
    [
      '11 aliased deletes through a fragment',
      `mutation { ...F } fragment F on Mutation { ${aliased} }`,
      ['TOO_MANY_ALIASES', 'TOO_MANY_MUTATIONS'],
    ],
    ['11 aliases of __typename', `{ ${times(11, (index) => `a${index}: __typename`)} }`, ['TOO_MANY_ALIASES']],
    ['6 directives', `{ ${times(6, () => '__typename @skip(if: false)')} }`, ['TOO_MANY_DIRECTIVES']],
    ['9 levels', `{ engagements(integratedAccountId: "a") { edges { node { ${nine} } } } }`, ['TOO_DEEP']],
    [
      '9 levels through fragments',
      `{ engagements(integratedAccountId: "a") { edges { node { ...F } } } } fragment F on Engagement { ${nine} }`,
      ['TOO_DEEP'],
    ],
  ])('of %s is refused before it is executed', async (_what, query, codes) => {
    expect([...new Set(await codesOf(query))].sort()).toEqual(codes);
  });

  it('of more than 1,000 tokens is not even read', async () => {
    const { status, body } = await facade.post(
      `mutation { ${times(10_000, (index) => remove(`a${index}`))} }`,
      {},
      bearer,
    );
    // The body is over its own limit already; a shorter one fails at its tokens.
    expect([status, body?.errors?.[0]?.message ?? 'too large']).toEqual([413, expect.any(String)]);
    expect(await codesOf(`{ ${times(999, () => '__typename')} }`)).toEqual(['GRAPHQL_PARSE_FAILED']);
  });

  it('whose fragments multiply, or name themselves, is answered as fast as any', async () => {
    const doubling = times(60, (index) => `fragment F${index} on Mutation { ...F${index + 1} ...F${index + 1} }`);
    expect(await codesOf(`mutation { ...F0 } ${doubling} fragment F60 on Mutation { ${remove('x')} }`)).toContain(
      'TOO_MANY_MUTATIONS',
    );
    expect(await codesOf(`mutation { ...F } fragment F on Mutation { ...F ${remove('x')} }`)).not.toEqual([]);
  });
});

describe('S07 an operation', () => {
  const query = `mutation { ${remove('a')} }`;
  const send = (init: RequestInit, search = '') =>
    fetch(`${facade.url}/graphql${search}`, { headers: bearer, ...init });
  const post = (type: string | undefined, body: BodyInit) =>
    send({ method: 'POST', body, headers: { ...bearer, ...(type !== undefined && { 'content-type': type }) } });

  it.each([
    ['a query by GET', () => send({}, '?query={__typename}'), 405],
    ['a mutation by GET', () => send({}, `?query=${encodeURIComponent(query)}`), 405],
    ['PUT', () => send({ method: 'PUT', body: JSON.stringify({ query }) }), 405],
    ['a form', () => post('application/x-www-form-urlencoded', new URLSearchParams({ query })), 415],
    ['plain text', () => post('text/plain', JSON.stringify({ query })), 415],
    ['application/graphql', () => post('application/graphql', query), 415],
    ['no content type', () => post(undefined, new Blob([JSON.stringify({ query })])), 415],
    ['multipart', () => post('multipart/form-data; boundary=x', '--x--'), 415],
    ['S10 an array of operations', () => post('application/json', JSON.stringify([{ query }, { query }])), 400],
  ])('as %s is refused, and nothing runs', async (_what, request, status) => {
    const before = upstream.seen.length;
    expect((await request()).status).toBe(status);
    expect(upstream.seen).toHaveLength(before);
  });

  it('as JSON with a charset is taken', async () => {
    expect((await post('application/json; charset=utf-8', JSON.stringify({ query }))).status).toBe(200);
  });

  it('S08 gets no CORS header for any origin', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const method of ['OPTIONS', 'POST']) {
      const response = await send({ method, headers: { ...headers, ...bearer } });
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

it('S11 errors carry no stack or original error, whatever NODE_ENV says', async () => {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'development';
  const { body } = await facade.post('query ($x: Int!) { __typename }', { x: 'text' }, bearer);
  process.env.NODE_ENV = before;
  expect(JSON.stringify(body)).not.toMatch(/stack|originalError|node_modules|tracing/);
});
