import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** Has every record except those with an id that starts with `gone`. An id that starts with `bad` is refused. */
const answer: Answer = (request, response) => {
  const [, , , resource = '', id = ''] = request.path.split('/');
  if (id.startsWith('gone')) return json(404, { statusCode: 404, error: 'Not Found', message: '' })(request, response);
  if (id.startsWith('bad')) return json(403, { statusCode: 403, error: 'Forbidden', message: '' })(request, response);
  if (request.method === 'DELETE') return json(200, { id })(request, response);
  return json(200, { id, subject: `subject ${id}`, name: `${resource} ${id}`, owner: { id: 'u1' } })(request, response);
};

async function start(env: Record<string, string>) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(answer, 'capsule'));
  const facade = stack.use(await startTestFacade(upstream.url, env));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const federation = { SUBGRAPH: 'federation' };
const entities = (selection: string) => `query ($of: [_Any!]!) { _entities(representations: $of) { ${selection} } }`;
const engagement = (id: unknown, integratedAccountId: unknown = 'a') => ({
  __typename: 'Engagement',
  id,
  integratedAccountId,
});

async function ask(facade: TestFacade, selection: string, of: readonly unknown[], headers = {}) {
  const { body } = await facade.post(entities(selection), { of }, headers);
  return body;
}

describe('an entity', () => {
  it('is read by its key, with only the selected fields', async () => {
    await using server = await start(federation);
    const { data } = await ask(server.facade, '... on Engagement { subject }', [engagement('e1')]);
    expect(data._entities).toEqual([{ subject: 'subject e1' }]);
    const [request] = server.upstream.seen;
    expect(request?.path).toBe('/unified/crm/engagements/e1');
    expect(request?.query.truto_exclude_fields).toContain('content');
    expect(request?.query.truto_exclude_fields).not.toContain('subject');
    expect(request?.query.truto_ignore_remote_data).toBe('true');
  });

  it.each([
    ['Owner', 'users'],
    ['Contact', 'contacts'],
    ['Account', 'accounts'],
    ['Lead', 'leads'],
    ['Note', 'notes'],
    ['Opportunity', 'opportunities'],
    ['Project', 'projects'],
  ])('may be a %s, of upstream’s %s', async (typeName, resource) => {
    await using server = await start(federation);
    const of = [{ __typename: typeName, id: '1', integratedAccountId: 'a' }];
    const { data } = await ask(server.facade, `__typename ... on ${typeName} { id integratedAccountId }`, of);
    expect(data._entities).toEqual(of);
    expect(server.upstream.seen.map(({ path }) => path)).toEqual([`/unified/crm/${resource}/1`]);
  });

  it('is null, without an error, after its delete', async () => {
    await using server = await start(federation);
    const of = [engagement('gone'), engagement('e1'), { __typename: 'Note', id: 'gone', integratedAccountId: 'a' }];
    const body = await ask(server.facade, '__typename', of);
    expect(body).toEqual({ data: { _entities: [null, { __typename: 'Engagement' }, null] } });
  });

  it('that cannot be read does not affect the others, and has an error at its path', async () => {
    await using server = await start(federation);
    const of = [engagement('bad'), engagement('e1'), engagement('..'), engagement(7), engagement('e1', null)];
    const { data, errors } = await ask(server.facade, '... on Engagement { subject }', of);
    expect(data._entities).toEqual([null, { subject: 'subject e1' }, null, null, null]);
    const seen = errors.map(({ path, extensions }: { path: unknown; extensions: { code: string } }) => [
      path,
      extensions.code,
    ]);
    expect(seen.sort()).toEqual([
      [['_entities', 0], 'FORBIDDEN'],
      [['_entities', 2], 'INVALID_INPUT'],
      [['_entities', 3], 'BAD_USER_INPUT'],
      [['_entities', 4], 'BAD_USER_INPUT'],
    ]);
    expect(server.upstream.seen.map(({ path }) => path.split('/').at(-1)).sort()).toEqual(['bad', 'e1']);
  });

  it('is read once in a request, for any number of references', async () => {
    await using server = await start(federation);
    const of = Array.from({ length: 100 }, (_, index) => engagement(`e${index % 10}`));
    const { data } = await ask(server.facade, '... on Engagement { subject }', of);
    expect(data._entities[99]).toEqual({ subject: 'subject e9' });
    expect(server.upstream.seen).toHaveLength(10);
  });

  it('causes at most 2,000 reads in one operation, with its related records', async () => {
    const people: Answer = (request, response) => {
      const [, , , resource = '', id = ''] = request.path.split('/');
      const contact = Array.from({ length: 30 }, (_, index) => ({ id: `${id}-${index}` }));
      json(200, { id, name: 'Ann', ...(resource === 'engagements' && { contact }) })(request, response);
    };
    await using upstream = await startUpstream(people);
    // Time for all of them also on a busy machine.
    await using facade = await startTestFacade(upstream.url, { ...federation, REQUEST_TIMEOUT_MS: '60000' });
    const of = Array.from({ length: 100 }, (_, index) => engagement(`e${index}`, `a${index}`));
    const { data, errors } = await ask(facade, '... on Engagement { contacts { name } }', of);
    expect(upstream.seen).toHaveLength(2_000);
    expect(data._entities).toHaveLength(100);
    expect(errors).toHaveLength(101);
    expect(errors[0].extensions.code).toBe('RATE_LIMITED');
    expect(errors[100]).toMatchObject({
      message: expect.stringMatching(/^1000 more/),
      extensions: { code: 'TOO_MANY_ERRORS' },
    });
  });

  it.each([
    ['more than 1,000', Array.from({ length: 1_001 }, () => engagement('e1'))],
    ['a type that is none', [{ __typename: 'PhoneNumber', id: '1' }]],
    ['the root', [{ __typename: 'Query' }]],
    ['no type', [{ id: '1', integratedAccountId: 'a' }]],
    ['no object', ['Engagement']],
  ])('is not read when %s is requested', async (_what, of) => {
    await using server = await start(federation);
    const body = await ask(server.facade, '__typename', of);
    expect(body.data ?? null).toBeNull();
    expect(body.errors[0].extensions.code).toBe('BAD_USER_INPUT');
    expect(server.upstream.seen).toEqual([]);
  });

  it.each([
    ['stitching', 'query ($of: [RecordKeyInput!]!) { a: FIELD b: FIELD }', 'engagementsByKey(keys: $of) { id }', {}],
    [
      'federation',
      'query ($of: [_Any!]!) { a: FIELD b: FIELD }',
      '_entities(representations: $of) { ... on Engagement { id } }',
      { __typename: 'Engagement' },
    ],
  ])('S25 may not request more by several fields, in %s', async (SUBGRAPH, query, field, type) => {
    await using server = await start({ SUBGRAPH });
    const of = Array.from({ length: 501 }, () => ({ ...type, id: 'e1', integratedAccountId: 'a' }));
    const { body } = await server.facade.post(query.replaceAll('FIELD', field), { of });
    expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(server.upstream.seen).toHaveLength(1);
  });

  it('S04 of an account without access is refused, before anything is sent', async () => {
    await using server = await start({ ...federation, ...serviceEnv, JWT_SECRET: jwtSecret });
    const headers = bearer(await signToken({ integrated_accounts: ['a'] }));
    const of = [engagement('e1', 'b'), engagement('e1', 'a')];
    const { data, errors } = await ask(server.facade, '... on Engagement { subject }', of, headers);
    expect(data._entities).toEqual([null, { subject: 'subject e1' }]);
    expect(errors[0].extensions.code).toBe('FORBIDDEN');
    expect(server.upstream.seen).toHaveLength(1);
    const without = await ask(server.facade, '__typename', of);
    expect(without.errors[0].extensions.code).toBe('UNAUTHENTICATED');
    expect(server.upstream.seen).toHaveLength(1);
  });
});

describe('the contract', () => {
  it.each([
    ['federation', '{ _service { sdl } }', '@link'],
    ['stitching', '{ _sdl }', '@merge'],
  ])('of %s is public for every client, also when the schema is not exposed', async (dialect, query, sign) => {
    await using server = await start({ SUBGRAPH: dialect, EXPOSE_SCHEMA: '0', ...serviceEnv, JWT_SECRET: jwtSecret });
    const { body } = await server.facade.post(query);
    const sdl = body.data._sdl ?? body.data._service.sdl;
    expect(sdl).toContain(sign);
    expect(() => parse(sdl)).not.toThrow();
  });

  it.each(['federation', 'stitching'])('of %s does not exist in a server that is no subgraph', async (dialect) => {
    await using server = await start({});
    const query = dialect === 'federation' ? '{ _service { sdl } }' : '{ _sdl }';
    const { body } = await server.facade.post(query);
    expect(body.errors[0].message).toContain('Cannot query field');
  });

  it('marks the fields that need a caller, in service mode', async () => {
    await using open = await start(federation);
    await using closed = await start({ ...federation, ...serviceEnv, JWT_SECRET: jwtSecret });
    const sdlOf = async ({ facade }: { facade: TestFacade }) => {
      const { body } = await facade.post('{ _service { sdl } }');
      return String(body.data._service.sdl);
    };
    const guarded = (sdl: string) =>
      sdl.split('\n').filter((line) => line.includes('@authenticated') && !line.includes('import:')).length;
    expect(guarded(await sdlOf(open))).toBe(0);
    // Two queries, two deletes and their subscription, one create, the seven fields of bulk deletes, and the six of restores.
    expect(guarded(await sdlOf(closed))).toBe(19);
  });
});

describe('TYPE_PREFIX', () => {
  it.each(['federation', 'stitching'])(
    'renames types that may collide, in the schema and in the SDL of %s',
    async (dialect) => {
      await using server = await start({ SUBGRAPH: dialect, TYPE_PREFIX: 'Crm', EXPOSE_SCHEMA: '1' });
      const query = `mutation ($id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a") {
      __typename ... on CrmError { message } ... on DeleteEngagementSuccess { engagement { __typename id owner { __typename } } } } }`;
      const answers = [];
      // Twice, by the executor and as a prepared operation.
      for (const id of ['e1', 'gone', 'e1', 'gone']) {
        const { body } = await server.facade.post(query, { id });
        answers.push(body.data?.deleteEngagement.__typename);
      }
      expect(answers).toEqual([
        'DeleteEngagementSuccess',
        'CrmNotFoundError',
        'DeleteEngagementSuccess',
        'CrmNotFoundError',
      ]);
      const { body } = await server.facade.post(dialect === 'federation' ? '{ _service { sdl } }' : '{ _sdl }');
      const sdl = String(body.data._sdl ?? body.data._service.sdl);
      expect(sdl).toMatch(/^type CrmContact\b/m);
      expect(sdl).toMatch(/^type CrmNotFoundError implements CrmError/m);
      expect(sdl).toMatch(/^type PageInfo/m);
      expect(sdl).not.toMatch(/\bContact\b(?=[!\]]|$)/m);
      const { body: introspected } = await server.facade.post('{ __schema { types { name } } }');
      const names = introspected.data.__schema.types.map(({ name }: { name: string }) => name);
      expect(names).toContain('CrmContact');
      expect(names).not.toContain('Contact');
    },
  );

  it('applies to the entities, and only their selected fields are read', async () => {
    await using server = await start({ ...federation, TYPE_PREFIX: 'Crm' });
    const of = [{ __typename: 'CrmContact', id: '1', integratedAccountId: 'a' }];
    const { data } = await ask(server.facade, '__typename ... on CrmContact { name }', of);
    expect(data._entities).toEqual([{ __typename: 'CrmContact', name: 'contacts 1' }]);
    const excluded = server.upstream.seen[0]?.query.truto_exclude_fields;
    expect(excluded).toContain('title');
    expect(excluded).not.toContain('name');
  });
});

describe('a stitching gateway', () => {
  it('looks up entities by a list of keys, in order, with null for missing ones', async () => {
    await using server = await start({ SUBGRAPH: 'stitching' });
    const { body } = await server.facade.post(
      `{ engagementsByKey(keys: [{ id: "e1", integratedAccountId: "a" }, { id: "gone", integratedAccountId: "a" }]) { subject }
         contactsByKey(keys: [{ id: "c1", integratedAccountId: "a" }]) { name } }`,
    );
    expect(body).toEqual({
      data: { engagementsByKey: [{ subject: 'subject e1' }, null], contactsByKey: [{ name: 'contacts c1' }] },
    });
  });

  it('may not request more than 1,000 at once', async () => {
    await using server = await start({ SUBGRAPH: 'stitching' });
    const keys = Array.from({ length: 1_001 }, () => ({ id: 'e1', integratedAccountId: 'a' }));
    const query = 'query ($keys: [RecordKeyInput!]!) { engagementsByKey(keys: $keys) { id } }';
    const { body } = await server.facade.post(query, { keys });
    expect(body.errors[0].extensions.code).toBe('BAD_USER_INPUT');
    expect(server.upstream.seen).toEqual([]);
  });

  it.each([
    ['stitching', 'query ($of: [RecordKeyInput!]!) { a: FIELD b: FIELD }', 'engagementsByKey(keys: $of) { id }', {}],
    [
      'federation',
      'query ($of: [_Any!]!) { a: FIELD b: FIELD }',
      '_entities(representations: $of) { ... on Engagement { id } }',
      { __typename: 'Engagement' },
    ],
  ])('S25 may not request more by several fields, in %s', async (SUBGRAPH, query, field, type) => {
    await using server = await start({ SUBGRAPH });
    const of = Array.from({ length: 501 }, () => ({ ...type, id: 'e1', integratedAccountId: 'a' }));
    const { body } = await server.facade.post(query.replaceAll('FIELD', field), { of });
    expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(server.upstream.seen).toHaveLength(1);
  });
});
