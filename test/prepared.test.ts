import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createKnownDeletes } from '../src/engagement/known-deletes.ts';
import { wireFieldsOf } from '../src/engagement/record.ts';
import { createRequestMemory } from '../src/engagement/request-memory.ts';
import { AnswerRoom } from '../src/graphql/core/answer-room.ts';
import { ChunkDeliveries } from '../src/graphql/core/chunk-delivery.ts';
import type { Context } from '../src/graphql/core/context.ts';
import { createReadLimit, createRecordLoaders } from '../src/graphql/core/record-loaders.ts';
import {
  type PreparedOperation,
  PreparedOperations,
  runPrepared,
} from '../src/graphql/prepared/prepared-operations.ts';
import { createSchema } from '../src/graphql/schema.ts';
import type { Attempt, Send } from '../src/upstream/attempt.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { truto } from './support/outcome.ts';
import { answerText, bytes, startRawUpstream } from './support/raw-upstream.ts';
import { readsOf } from './support/read-documents.ts';
import { runs } from './support/runs.ts';
import { schema } from './support/schema.ts';
import { documents, printDocument } from './support/selection-documents.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

setFlagsFromString('--expose-gc');

const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');

type AnswerTo = (path: string) => Attempt;

/** A resolver's context, with an upstream that always answers like this. */
function contextOver(answer: Attempt | AnswerTo): Context {
  const caller = { id: 'c', grants: 'all', authorization: new Secret('Bearer t'), bringsToken: false } as const;
  const send: Send = async ({ path }) => ({
    attempt: typeof answer === 'function' ? answer(path) : answer,
    ...{ attemptCount: 1, answerCount: 1, idempotencyKey: 'k', mayHaveActedBefore: false },
  });
  const findAccountIntegration = async () => ({ isShown: true, support: { kind: 'unknown' }, refusal: null }) as const;
  const [deadlineAt, hasCallerLeft] = [performance.now() + 60_000, () => false];
  const room = new AnswerRoom(2 ** 20);
  const ports = { send, findAccountIntegration, limitReads: createReadLimit() };
  return {
    ...ports,
    ...{ caller, deadlineAt, hasCallerLeft },
    upstreamUrl: 'http://upstream',
    maxUpstreamBytes: 1024,
    recordRoom: room,
    answerRoom: new AnswerRoom(2 ** 20),
    chunkDeliveries: new ChunkDeliveries(),
    requestMemory: createRequestMemory(),
    idempotencyKey: undefined,
    readNote: () => Promise.reject(new Error('no note is read')),
    recordLoaders: createRecordLoaders({ caller, deadlineAt, hasCallerLeft, room, ...ports }),
    recordEnd: () => {},
    bulkDeletes: undefined,
    knownDeletes: createKnownDeletes(),
    confirmIntervalMs: 30_000,
    draining: new AbortController().signal,
    recordRepetition: () => {},
  };
}

/** One for all documents, as in a server. */
const operations = new PreparedOperations(schema);

function prepareFor(schema: GraphQLSchema, operations: PreparedOperations, query: string, variables = {}) {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  operations.note({ query, variables });
  return { document, prepared: operations.find({ query, variables }) };
}

function prepare(query: string, variables: Record<string, unknown> = {}) {
  return prepareFor(schema, operations, query, variables);
}

const additionalFields = [
  { name: 'lead_score', type: 'Float', description: 'A number.' },
  { name: 'labels', type: '[String!]', description: 'Texts.' },
  { name: 'extra', type: 'JSON', description: 'Anything.' },
] as const;

function subgraph(dialect: 'federation' | 'stitching'): GraphQLSchema {
  return createSchema({ dialect, typePrefix: 'Crm', provesCallers: false, additionalFields });
}

/** Values of the documented form, and malformed ones. */
const value = fc.oneof(
  fc.constantFrom(null, true, 7, 1.5, '', 'call', '"\\\u2028é', '2026-01-01T00:00:00Z', '2026-13-99', [], {}),
  fc.constantFrom({ id: '1' }, [{ id: 1 }, { id: 'x' }], [{ id: null }], [null], { id: {} }),
  fc.constantFrom([{ id: '1', number: '2', extension: null, type: 'mobile' }], [{ number: 5 }], [['x']]),
  fc.jsonValue({ maxDepth: 2 }),
);
const additionalNames = additionalFields.map(({ name }) => name);
const wireNames = [...wireFieldsOf('engagements'), ...wireFieldsOf('contacts'), ...additionalNames];
const additional = fc.record({ lead_score: fc.double(), labels: fc.array(fc.string()), extra: fc.jsonValue() });
const documented = fc.dictionary(fc.constantFrom(...wireNames), value, { noNullPrototype: true });
const record = fc.tuple(additional, documented).map((parts) => Object.assign({}, ...parts));
const bodies = fc.oneof(
  { arbitrary: record.map((fields) => JSON.stringify(fields)), weight: 8 },
  fc.constantFrom('', '[]', 'no json', '{"success":false}', '{"statusCode":404,"message":"x"}'),
);
const pages: fc.Arbitrary<Attempt> = fc.array(record, { maxLength: 5 }).map((result) => ({
  kind: 'answer',
  statusCode: 200,
  headers: {},
  body: { kind: 'complete', bytes: Buffer.from(JSON.stringify({ result, next_cursor: 'c' })) },
  disconnect() {},
}));
const statuses = fc.oneof(
  { arbitrary: fc.constant(200), weight: 4 },
  fc.constantFrom(202, 204, 403, 404, 409, 429, 503, 502, 302),
);

const attempts: fc.Arbitrary<Attempt> = fc.oneof(
  {
    arbitrary: fc.record({ statusCode: statuses, body: bodies }).map(
      ({ statusCode, body }): Attempt => ({
        kind: 'answer',
        statusCode,
        headers: { 'ratelimit-limit': '10;w=1' },
        body: { kind: 'complete', bytes: Buffer.from(body) },
        disconnect() {},
      }),
    ),
    weight: 8,
  },
  fc.constantFrom<Attempt>(
    { kind: 'failure', mayHaveBeenSent: true, reason: 'reset' },
    { kind: 'failure', mayHaveBeenSent: false, reason: 'refused' },
    { kind: 'failure', mayHaveBeenSent: false, reason: 'paused', retryAfterMs: 7 },
  ),
);

/** The values of `$v0` to `$v3` in a later request with the same document. */
const otherVariables = fc.dictionary(
  fc.constantFrom('v0', 'v1', 'v2', 'v3'),
  fc.constantFrom<unknown>(true, false, null, 1),
  { noNullPrototype: true },
);

/** The result with its errors in the order of their paths: those of parallel fields have no order. */
function inOrder({ errors, ...rest }: ExecutionResult): string {
  const texts = errors?.map((error) => JSON.stringify([error.path, error])).sort();
  return JSON.stringify({ ...rest, texts });
}

interface Asked {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly prepared: PreparedOperation | undefined;
  readonly variableValues: Record<string, unknown>;
}

/** Runs a prepared operation, and has the executor continue where it has to. */
async function expectSame(execution: ExecutionResult, asked: Asked, answer: Attempt | AnswerTo) {
  const { schema, document, prepared, variableValues } = asked;
  if (!prepared) return 'uncovered';
  const context = contextOver(answer);
  const { text, given } = await runPrepared(prepared, variableValues, context);
  if (text !== undefined) {
    expect(text).toBe(JSON.stringify(execution));
    return 'answer';
  }
  const contextValue = { ...context, given, answerRoom: new AnswerRoom(2 ** 20) };
  const again = await execute({ schema, document, variableValues, contextValue });
  expect(inOrder(again)).toBe(inOrder(execution));
  expect(again.errors).toBeDefined();
  return 'odd';
}

describe('a prepared operation', () => {
  it('returns the bytes that the executor returns, for any document, variables and answer of upstream', async () => {
    const ends = { answer: 0, odd: 0, uncovered: 0 };
    await fc.assert(
      fc.asyncProperty(documents, otherVariables, attempts, async (generated, others, attempt) => {
        const query = printDocument(generated);
        const { document } = prepare(query, generated.variables);
        for (const variableValues of [generated.variables, others]) {
          const prepared = operations.find({ query, variables: variableValues });
          const execution = await execute({ schema, document, variableValues, contextValue: contextOver(attempt) });
          ends[await expectSame(execution, { schema, document, prepared, variableValues }, attempt)] += 1;
          if (!prepared && variableValues === generated.variables) expect(query).toMatch(/@defer|chunks/);
        }
      }),
      { numRuns: runs(1000) },
    );
    // Otherwise the property would hold without comparing anything.
    expect(ends.answer).toBeGreaterThan(runs(1000) / 10);
  });

  it.each<[string, GraphQLSchema]>([
    ['none', schema],
    ['federation', subgraph('federation')],
    ['stitching', subgraph('stitching')],
  ])('of any read returns the bytes of the executor, and repeats no request: %s', async (_dialect, schema) => {
    const operations = new PreparedOperations(schema);
    const ends = { answer: 0, odd: 0, uncovered: 0 };
    await fc.assert(
      fc.asyncProperty(
        readsOf(schema),
        fc.array(fc.oneof(attempts, pages), { minLength: 1 }),
        async (query, answers) => {
          const { document, prepared } = prepareFor(schema, operations, query);
          const sent: string[] = [];
          const answerTo = (path: string) => {
            sent.push(path);
            const fitting = answers[(path.length + path.charCodeAt(path.length - 1)) % answers.length];
            return fitting as Attempt;
          };
          const execution = await execute({ schema, document, contextValue: contextOver(answerTo) });
          const expected = sent.splice(0).sort();
          ends[await expectSame(execution, { schema, document, prepared, variableValues: {} }, answerTo)] += 1;
          expect(sent.sort()).toEqual(expected);
        },
      ),
      { numRuns: runs(1000) },
    );
    expect(ends.uncovered).toBe(0);
    expect(ends.answer).toBeGreaterThan(runs(1000) / 10);
    expect(ends.odd).toBeGreaterThan(runs(1000) / 10);
  });

  it.each([
    ['introspection', '{ __schema { queryType { name } } }'],
    ['a root without fields', 'mutation { __typename }'],
    ['a subscription', 'subscription { bulkDeleteProgress(id: 1) { id } }'],
    ['a deferred fragment', '{ integrations { ... @defer { name } } }'],
    [
      'a streamed list',
      'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ... on DeleteEngagementSuccess { stream { chunks @stream } } } }',
    ],
    [
      'a body in chunks',
      'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ... on DeleteEngagementSuccess { stream { chunks } } } }',
    ],
  ])('leaves %s to the executor', (_what, query) => {
    const { prepared } = prepare(query);
    expect(prepared).toBeUndefined();
  });

  it('stores nothing of the variables of its requests', async () => {
    const collectGarbage = runInNewContext('gc') as () => void;
    const fields = times(200, (index) => `a${index}: subject`);
    const query = `mutation ($id: ID!, $query: JSONObject, $c: Boolean!) { deleteEngagement(id: $id, integratedAccountId: 1, remoteQuery: $query) { ... on DeleteEngagementSuccess { engagement { id @include(if: $c) ${fields} } } } }`;
    const attempt: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'refused' };
    const send = async (id: string) => {
      const variables = { id, query: { id }, c: true };
      const { prepared } = prepare(query, variables);
      expect(prepared && (await runPrepared(prepared, variables, contextOver(attempt))).text).toContain('data');
      return [new WeakRef<object>(variables), new WeakRef<object>(variables.query)];
    };
    const references = [...(await send('1')), ...(await send('2'))];
    await send('3');
    // The engine may hold the last values for a moment. A leak would hold them for ever.
    const left = () => {
      collectGarbage();
      return references.filter((reference) => reference.deref()).length;
    };
    await expect.poll(left).toBe(0);
    expect(operations.find({ query, variables: { c: true } })).toBeDefined();
  });

  it('takes room once for a text that a resolver returns', async () => {
    const owner = JSON.stringify({ id: '1', name: 'n'.repeat(1_000) });
    const answer = (path: string): Attempt => {
      const body = path.includes('/users/') ? owner : JSON.stringify({ id: 'e', owner: { id: '1' } });
      const bytes = Buffer.from(body);
      return { kind: 'answer', statusCode: 200, headers: {}, body: { kind: 'complete', bytes }, disconnect() {} };
    };
    const { prepared } = prepare('{ engagement(id: "e", integratedAccountId: "a") { owner { name } } }');
    const context = { ...contextOver(answer), answerRoom: new AnswerRoom(150) };
    const { text = '' } = prepared ? await runPrepared(prepared, {}, context) : {};
    expect(text).toContain('nnn');
  });

  it('is prepared separately for each outcome of its conditions', () => {
    const query =
      'mutation ($c: Boolean = true) { deleteEngagement(id: 1, integratedAccountId: 1) { __typename @include(if: $c) id: __typename } }';
    const given: Record<string, unknown>[] = [{}, { c: false }, { c: true }];
    for (const [index, variables] of given.entries()) {
      const found = () => given.map((each) => operations.find({ query, variables: each }));
      expect(found()[index]).toBeUndefined();
      prepare(query, variables);
      expect(new Set(found().filter(Boolean)).size).toBe(index + 1);
    }
  });

  it('is prepared by the first request with all of its variables', () => {
    const query = 'mutation ($id: ID!) { deleteEngagement(id: $id, integratedAccountId: 1) { __typename } }';
    expect(prepare(query).prepared).toBeUndefined();
    expect(prepare(query, { id: '1' }).prepared).toBeDefined();
  });

  it('is not found by variables with names that look like a part of its key', () => {
    const query =
      'mutation ($c: Boolean!) { deleteEngagement(id: 1, integratedAccountId: 2) { id: __typename @skip(if: $c) } }';
    expect(prepare(`#:true\n${query}`, { c: true }).prepared).toBeDefined();
    expect(operations.find({ query, variables: { 'c:true\n#': true } })).toBeUndefined();
  });

  it('holds no more memory than the bound for all, also with many fields of related records', () => {
    const collectGarbage = runInNewContext('gc') as () => void;
    const leaves = Object.values((schema.getType('Contact') as GraphQLObjectType).getFields()).filter(({ type }) =>
      isLeafType(getNamedType(type)),
    );
    const fields = times(10, (key) => `a${key}: engagement(id: 1, integratedAccountId: 1) { contacts { ...C } }`);
    const query = `{ ${fields} } fragment C on Contact { ${leaves.map(({ name }) => name).join(' ')} }`;
    const operations = new PreparedOperations(schema);
    const heapMegabytes = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    operations.note({ query, variables: {} });
    const before = heapMegabytes();
    for (let index = 0; index < 1_000; index += 1) operations.note({ query: `#${index}\n${query}`, variables: {} });
    expect(operations.find({ query: `#999\n${query}`, variables: {} })).toBeDefined();
    // 80, and what else the process keeps.
    expect(heapMegabytes() - before).toBeLessThan(95);
  });

  it.each<[string, (index: number) => string, number]>([
    [
      'text',
      (index) =>
        `mutation { deleteEngagement(id: ${index}, integratedAccountId: 1) { __typename } } #${' '.repeat(250_000)}`,
      100,
    ],
    [
      'arguments',
      (index) =>
        `mutation { deleteEngagement(id: ${index}, integratedAccountId: 1, remoteQuery: { a: [${times(4_000, String)}] }) { __typename } }`,
      300,
    ],
    [
      'fields',
      (index) =>
        `mutation { ${times(10, (key) => `a${key}: deleteEngagement(id: ${index}, integratedAccountId: 1) { ... on Error { message __typename } }`)} }`,
      800,
    ],
  ])('is stored until the %s of others need its room, and longer when it is used', (_what, operation, count) => {
    const operations = new PreparedOperations(schema);
    const request = (index: number) => ({ query: operation(index), variables: {} });
    for (let index = 0; index < count; index += 1) {
      operations.note(request(index));
      expect(operations.find(request(0))).toBeDefined();
    }
    expect(operations.find(request(1))).toBeUndefined();
    expect(operations.find(request(count - 1))).toBeDefined();
  });
});

/** Sends the same operation twice: the executor takes the first, and the second is prepared. */
async function bothWays(url: string, query: string, headers: Record<string, string> = {}): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const _way of ['executor', 'prepared']) {
    const response = await fetchGraphQL(`${url}/graphql`, query, { headers });
    texts.push(await response.text());
  }
  return texts;
}

describe('an operation with several deletes, one with a top-level error,', () => {
  const names = ['a', 'b', 'c'];
  const query = `mutation { ${names.map((name) => `${name}: deleteEngagement(id: "${name}", integratedAccountId: "x") { __typename }`).join(' ')} }`;

  it.each(names)('runs each delete once, and returns the same when it is prepared: %s', async (failing) => {
    const answer: Answer = (request, response) =>
      (request.path.endsWith(`/${failing}`) ? truto(401) : json(204, undefined))(request, response);
    await using facade = await startFacadeOver(answer, { AUTH_MODE: 'passthrough' }, 'capsule');
    const texts = await bothWays(facade.url, query, { authorization: 'Bearer canary-of-a-caller' });
    expect(texts[1]).toBe(texts[0]);
    const { data, errors } = JSON.parse(texts[1] ?? '');
    const done = { __typename: 'DeleteEngagementSuccess' };
    expect(data).toEqual({ a: done, b: done, c: done, [failing]: null });
    expect(errors).toMatchObject([{ path: [failing], extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(facade.upstream.deletes().map(({ path }) => path.at(-1))).toEqual([...names, ...names]);
  });
});

it('a mutation begins after all of the one before it, also when a related record of that cannot be read', async () => {
  let release = Promise.withResolvers<void>();
  await using upstream = await startUpstream(async (request, response) => {
    const [kind, id] = request.path.split('/').slice(-2);
    if (kind === 'users') return truto(404)(request, response);
    if (kind === 'accounts') await release.promise;
    json(200, { id, name: 'n', owner: { id: 'u' }, account: { id: 'c' } })(request, response);
  }, 'capsule');
  await using facade = await startTestFacade(upstream.url);
  const related = '... on DeleteEngagementSuccess { engagement { owner { name } account { name } } }';
  const query = `mutation { a: deleteEngagement(id: "1", integratedAccountId: "x") { ${related} } b: deleteEngagement(id: "2", integratedAccountId: "x") { __typename } }`;
  const texts: unknown[] = [];
  for (const _way of ['executor', 'prepared']) {
    release = Promise.withResolvers();
    const before = upstream.seen.length;
    const paths = () => upstream.seen.slice(before).map(({ path }) => path.split('/').slice(-2).join('/'));
    const answer = facade.post(query);
    await expect.poll(paths).toEqual(expect.arrayContaining(['users/u', 'accounts/c']));
    // Longer than the facade takes to read the answer about the user.
    for (let times = 0; times < 3; times += 1)
      await facade.post('{ engagement(id: "3", integratedAccountId: "x") { id } }');
    expect(paths()).not.toContain('engagements/2');
    release.resolve();
    texts.push((await answer).body);
    expect(paths()).toContain('engagements/2');
  }
  expect(texts[1]).toEqual(texts[0]);
});

it.each(['\\ud800', '\\udfff', 'a\\udc00\\ud800b'])(
  'half of a surrogate pair in a record is returned as an escape, prepared or not: %s',
  async (escaped) => {
    const body = answerText(200, `{"id":"e1","subject":"${escaped}"}`, ['content-type: application/json']);
    await using upstream = await startRawUpstream([bytes(body)]);
    await using facade = await startTestFacade(upstream.url);
    const query =
      'mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { ... on DeleteEngagementSuccess { engagement { subject } } } }';
    const texts = await bothWays(facade.url, query);
    expect(texts[0]).toContain(`"subject":"${escaped}"`);
    expect(texts[1]).toBe(texts[0]);
  },
);
