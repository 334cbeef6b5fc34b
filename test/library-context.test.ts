import { graphql } from 'graphql';
import { createSchema, mergeSchemas } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import { createEngagementSchema, createEngagementServer } from '../src/library.ts';
import { isKept } from './support/is-kept.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const own = createSchema({
  typeDefs: 'type Query { hello: String! } type Mutation { rename(name: String!): String! }',
  resolvers: { Query: { hello: () => 'world' }, Mutation: { rename: (_root, { name }) => name } },
});
const merged = mergeSchemas({ schemas: [own, createEngagementSchema()] });

const timeoutMs = 20_000;

function over(upstream: FakeUpstream, write = (_line: string) => {}, requestTimeoutMs = timeoutMs) {
  const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, REQUEST_TIMEOUT_MS: requestTimeoutMs };
  const server = createEngagementServer(settings, { logTo: { write } });
  return { createContext: server.createContext, [Symbol.asyncDispose]: server.close };
}

const request = (headers: Record<string, string> = {}) =>
  new Request('http://host.example/', { headers: { authorization: 'Bearer t', ...headers } });

describe('the schema, merged with another and run by graphql-js', () => {
  it("deletes in another server's operation, and reads only selected fields", async () => {
    await using upstream = await startUpstream(json(200, { id: 'e1', subject: 'A call' }), 'Capsule');
    await using server = over(upstream);
    const source = `mutation {
      rename(name: "n")
      deleteEngagement(id: "e1", integratedAccountId: "a1") {
        __typename ... on DeleteEngagementSuccess { outcome engagement { subject } integration { name } }
      }
    }`;
    const contextValue = { mine: 1, ...(await server.createContext(request())) };
    const { data, errors } = await graphql({ schema: merged, source, contextValue });
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      rename: 'n',
      deleteEngagement: {
        __typename: 'DeleteEngagementSuccess',
        outcome: 'DELETED',
        engagement: { subject: 'A call' },
        integration: { name: 'Capsule' },
      },
    });
    const [sent] = upstream.deletes();
    expect(sent?.headers.authorization).toBe('Bearer t');
    expect(sent?.query.truto_exclude_fields).not.toContain('subject');
  });

  it('returns one result for each item of a list, and an error only at its item, also with @stream', async () => {
    const refuse = json(401, { statusCode: 401, error: 'Unauthorized', message: '' });
    await using upstream = await startUpstream((asked, response) => {
      const id = asked.path.split('/').at(-1);
      (id === 'refused' ? refuse : json(200, { id }))(asked, response);
    }, 'capsule');
    await using server = over(upstream);
    const source = `mutation { deleteEngagements(items: [{ id: "e1" }, { id: "refused" }, { id: "e2" }], integratedAccountId: "a1") {
      results { ... on DeleteEngagementSuccess { deletedEngagementId } } streamed: results @stream { __typename }
    } }`;
    const contextValue = await server.createContext(request());
    const { data, errors } = await graphql({ schema: createEngagementSchema(), source, contextValue });
    const kind = { __typename: 'DeleteEngagementSuccess' };
    expect(data?.deleteEngagements).toEqual({
      results: [{ deletedEngagementId: 'e1' }, null, { deletedEngagementId: 'e2' }],
      streamed: [kind, null, kind],
    });
    expect(errors?.map(({ path, extensions }) => [path?.join('.'), extensions.code])).toEqual([
      ['deleteEngagements.results.1', 'UNAUTHENTICATED'],
      ['deleteEngagements.streamed.1', 'UNAUTHENTICATED'],
    ]);
    expect(upstream.deletes()).toHaveLength(3);
  });

  it('makes one delete of two operations with the same key', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const source = 'mutation { deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename } }';
    for (let count = 0; count < 2; count += 1) {
      const contextValue = await server.createContext(request({ 'idempotency-key': 'k1' }));
      const { data } = await graphql({ schema: merged, source, contextValue });
      expect(data?.deleteEngagement).toEqual({ __typename: 'DeleteEngagementSuccess' });
    }
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('refuses a field that needs a caller where there is none, and no other', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const source =
      'mutation { rename(name: "n") deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename } }';
    const contextValue = await server.createContext(new Request('http://host.example/'));
    const { data, errors } = await graphql({ schema: merged, source, contextValue });
    expect(data).toEqual({ rename: 'n', deleteEngagement: null });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
    expect(upstream.deletes()).toEqual([]);
  });

  it('makes no context for a token that proves nothing, or a key that is none', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const refused = (code: string) => ({ extensions: { code } });
    await expect(server.createContext(request({ authorization: 'Basic x' }))).rejects.toMatchObject(
      refused('UNAUTHENTICATED'),
    );
    await expect(server.createContext(request({ 'idempotency-key': 'with space' }))).rejects.toMatchObject(
      refused('BAD_USER_INPUT'),
    );
  });

  it.each([
    ['the one of the request', 'r-1', /^r-1$/],
    ['another for one that no log should have', 'r 1', /^[\da-f-]{36}$/],
    ['one for a request without', undefined, /^[\da-f-]{36}$/],
  ])('logs a delete with an id: %s', async (_what, given, expected) => {
    const lines: string[] = [];
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream, (line) => lines.push(line));
    const source = 'mutation { deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename } }';
    const contextValue = await server.createContext(request(given === undefined ? {} : { 'x-request-id': given }));
    await graphql({ schema: merged, source, contextValue });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'delete', requestId: expect.stringMatching(expected) });
  });

  it('keeps nothing of an operation that has no streamed body', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const context = new WeakRef(await server.createContext(request()));
    await expect.poll(() => isKept(context), { timeout: timeoutMs / 2 }).toBe(false);
  });

  it('collects a streamed body, also with @stream, which this executor does not know', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end('body');
    });
    await using server = over(upstream);
    const source = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a1", format: STREAM) {
      ... on DeleteEngagementSuccess { stream { chunks @stream } }
    } }`;
    const contextValue = await server.createContext(request());
    const { data, errors } = await graphql({ schema: createEngagementSchema(), source, contextValue });
    expect(errors).toBeUndefined();
    expect(data?.deleteEngagement).toEqual({ stream: { chunks: [Buffer.from('body').toString('base64')] } });
  });

  it('ends a streamed body that is not read by the deadline', async () => {
    const cut = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    await using server = over(upstream, undefined, 2_000);
    const source = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a1", format: STREAM) {
      ... on DeleteEngagementSuccess { outcome stream { contentType } }
    } }`;
    const contextValue = await server.createContext(request());
    const { data } = await graphql({ schema: merged, source, contextValue });
    expect(data?.deleteEngagement).toMatchObject({ outcome: 'DELETED' });
    await cut.promise;
  });
});
