import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';

/** The checks of graphql-cop, as it makes them; each says what an attacker gets from a server that fails it. */
const facade = await shared(startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '0' }));

const post = async (query: string) => (await facade.post(query)).body;
const send = (path: string, init: RequestInit = {}) => fetch(facade.url + path, init);
const inAddress = (query: string) => `/graphql?${new URLSearchParams({ query })}`;
const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

it('the server answers: a dead one would pass all that follows', async () => {
  expect(await post('query cop { __typename }')).toEqual({ data: { __typename: 'Query' } });
});

describe('S11 S09 graphql-cop finds no', () => {
  it('alias overloading: 101 aliases of __typename', async () => {
    const aliases = Array.from({ length: 101 }, (_, index) => `alias${index}: __typename`);
    const body = await post(`query cop { ${aliases.join(' \n')} }`);
    expect(body.data).toBeUndefined();
    expect(body.errors).toMatchObject([{ extensions: { code: 'TOO_MANY_ALIASES' } }]);
  });

  it('array-based query batching', async () => {
    const response = await send('/graphql', json(Array(11).fill({ query: 'query cop { __typename }' })));
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('"data"');
  });

  it('directive overloading: one error for each of 10 unknown directives', async () => {
    const { data, errors } = await post(`query cop { __typename ${'@aa'.repeat(10)} }`);
    expect(data).toBeUndefined();
    expect(errors).not.toHaveLength(10);
    expect(errors).toContainEqual(
      expect.objectContaining({ extensions: expect.objectContaining({ code: 'TOO_MANY_DIRECTIVES' }) }),
    );
  });

  it('circular query by introspection', async () => {
    const circle = 'fields { type { '.repeat(4);
    const body = await post(`query cop { __schema { types { ${circle} name ${'} }'.repeat(4)} } } }`);
    expect(body.data).toBeUndefined();
    expect(body.errors.length).toBeGreaterThan(0);
  });

  it('introspection', async () => {
    for (const query of [
      'query cop { __schema { types { name fields { name } } } }',
      '{ __type(name: "Mutation") { name } }',
      '{ ...F } fragment F on Query { a: __schema { queryType { name } } }',
    ]) {
      const body = await post(query);
      expect(body.data).toBeUndefined();
      expect(JSON.stringify(body)).not.toMatch(/DeleteEngagement|queryType"|"name"/);
    }
  });

  const valueIn = (type: string) =>
    `query ($a: ${type}) { engagements(integratedAccountId: 1, sortBy: $a) { __typename } }`;
  it.each<[string, object?]>([
    ['query cop { __schema { directive } }'],
    ['{ integration { name } }'],
    ['{ integrations { nam } }'],
    ['mutation { deleteEngagements(id: 1, integratedAccountId: 1) { __typename } }'],
    ['mutation { deleteEngagement(ids: 1, integratedAccountId: 1) { __typename } }'],
    ['mutation { deleteEngagement(id: 1, integratedAccountId: 1) { outcome } }'],
    ['mutation { deleteEngagement(id: 1, integratedAccountId: 1, format: UNIFIE) { __typename } }'],
    ['mutation { deleteEngagement(id: 1, integratedAccountId: 1, parameters: { subjec: "x" }) { __typename } }'],
    [valueIn('EngagementSort'), { a: 'CREATED' }],
    [
      'query ($a: EngagementFilter) { engagements(integratedAccountId: 1, filter: $a) { __typename } }',
      { a: { statu: '' } },
    ],
    ['{ __typename ... on Quer { __typename } }'],
    [valueIn('EngagementSor')],
    ['{ __typename @skipp(if: true) }'],
  ])('field suggestions: %s', async (query, variables = {}) => {
    const { body } = await facade.post(query, variables, { authorization: 'Bearer canary-of-a-caller' });
    expect(body.data).toBeUndefined();
    expect(body.errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(body)).not.toMatch(/did you mean|CREATED_AT|UNIFIED|DeleteEngagementSuccess/i);
  });

  it('GraphQL IDE at any of its usual addresses', async () => {
    // Browsers get a page without scripts at the first two: see pages.test.ts.
    for (const path of ['/', '/graphql', '/graphiql', '/playground', '/console', '/altair', '/voyager', '/explorer']) {
      const response = await send(path, { headers: { accept: 'text/html' } });
      expect([path, response.status]).toEqual([path, path === '/' || path === '/graphql' ? 200 : 404]);
      expect(await response.text()).not.toMatch(/<script|playground|graphql yoga|altair|sandbox/i);
    }
  });

  it('queries by GET', async () => {
    const response = await send(inAddress('query cop { __typename }'));
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'METHOD_NOT_ALLOWED' } }] });
  });

  it('mutations by GET', async () => {
    const response = await send(inAddress('mutation cop { __typename }'));
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'METHOD_NOT_ALLOWED' } }] });
  });

  it('url-encoded POST', async () => {
    const query = 'query cop { __typename }';
    const body = await send('/graphql', { method: 'POST', body: new URLSearchParams({ query }) });
    expect(await body.json()).toMatchObject({ errors: [{ extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] });
    const address = await send(inAddress(query), { method: 'POST' });
    expect(await address.json()).toMatchObject({ errors: [{ extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] });
  });

  it('tracing', async () => {
    const response = await send('/graphql', json({ query: 'query cop { __typename }', extensions: { tracing: true } }));
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
  });

  it('exception or stack in an error', async () => {
    for (const query of ['qwerty cop { abc }', 'query cop { abc }', 'query ($x: Int!) { __typename }', '']) {
      const { errors } = await post(query);
      expect(errors.length).toBeGreaterThan(0);
      for (const { extensions } of errors)
        expect(Object.keys(extensions ?? {}).filter((key) => key !== 'code')).toEqual([]);
      expect(JSON.stringify(errors)).not.toMatch(/stack|originalError|node_modules|\.ts:\d|\.js:\d/);
    }
  });
});
