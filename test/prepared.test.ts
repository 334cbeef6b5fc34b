import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { execute, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { AnswerRoom } from '../src/engagement/answer-room.ts';
import { createDeleteMemory } from '../src/engagement/delete/delete-memory.ts';
import { deleteErrorKinds } from '../src/engagement/delete-errors.ts';
import { wireFieldsOf } from '../src/engagement/record.ts';
import { ChunkDeliveries } from '../src/graphql/core/chunk-delivery.ts';
import type { Context } from '../src/graphql/core/context.ts';
import { type PlanSize, prepareOperation } from '../src/graphql/prepared/prepare.ts';
import { createPreparedOperations } from '../src/graphql/prepared/prepared-operations.ts';
import { runPrepared } from '../src/graphql/prepared/run-prepared.ts';
import { SharedParts } from '../src/graphql/prepared/shared-parts.ts';
import type { Attempt } from '../src/upstream/attempt.ts';
import { runs } from './support/runs.ts';
import { schema } from './support/schema.ts';
import { documents, printDocument } from './support/selection-documents.ts';

setFlagsFromString('--expose-gc');

const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');

/** What a resolver needs, over an upstream that always answers so. */
function contextOver(attempt: Attempt): Context {
  const caller = { id: 'c', grants: 'all', authorization: new Secret('Bearer t'), bringsToken: false } as const;
  return {
    caller,
    deadlineAt: performance.now() + 60_000,
    upstreamUrl: 'http://upstream',
    maxUpstreamBytes: 1024,
    recordRoom: new AnswerRoom(2 ** 20),
    answerRoom: new AnswerRoom(2 ** 20),
    chunkDeliveries: new ChunkDeliveries(),
    deleteMemory: createDeleteMemory(),
    idempotencyKey: undefined,
    hasCallerLeft: () => false,
    findAccountIntegration: async () => ({ isShown: true, support: { kind: 'unknown' }, refusal: null }),
    send: async () => ({
      ...{ attempt, attemptCount: 1, answerCount: 1 },
      idempotencyKey: 'k',
      mayHaveActedBefore: false,
    }),
    readNote: () => Promise.reject(new Error('no note is read')),
    recordLoaders: { read: () => Promise.reject(new Error('nothing related is read')) },
    recordDelete: () => {},
    bulkDeletes: undefined,
    draining: new AbortController().signal,
    recordRepetition: () => {},
  };
}

/** One for all documents, as in a server: what they have in common is shared. */
const operations = createPreparedOperations(schema);

function prepare(query: string) {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  operations.note({ query });
  return { document, prepared: operations.find({ query }) };
}

/** Values as upstream documents them, and as it does not. */
const value = fc.oneof(
  fc.constantFrom(null, true, 7, 1.5, '', 'call', '"\\\u2028é', '2026-01-01T00:00:00Z', '2026-13-99', [], {}),
  fc.constantFrom({ id: '1' }, [{ id: 1 }, { id: 'x' }], [{ id: null }], [null], { id: {} }),
  fc.constantFrom([{ id: '1', number: '2', extension: null, type: 'mobile' }], [{ number: 5 }], [['x']]),
  fc.jsonValue({ maxDepth: 2 }),
);
const record = fc.dictionary(fc.constantFrom(...wireFieldsOf('engagements')), value, { noNullPrototype: true });
const bodies = fc.oneof(
  { arbitrary: record.map((fields) => JSON.stringify(fields)), weight: 8 },
  fc.constantFrom('', '[]', 'no json', '{"success":false}', '{"statusCode":404,"message":"x"}'),
);
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

describe('a prepared operation', () => {
  it.each([
    ['id', 'answer'],
    ['__typename id', 'answer'],
    ['name', 'uncovered'],
    ['id name', 'uncovered'],
    ['__typename name', 'uncovered'],
  ])(
    'of which a related record has %s selected is %s: what would have to be read is for the executor',
    async (...row) => {
      const [selection, kind] = row;
      const { prepared } = prepare(
        `mutation { deleteEngagement(id: 1, integratedAccountId: "a") { ... on DeleteEngagementSuccess { engagement { owner { ${selection} } } } } }`,
      );
      const bytes = Buffer.from('{"id":"1","owner":{"id":"u"}}');
      const answer = {
        kind: 'answer',
        statusCode: 200,
        headers: {},
        body: { kind: 'complete', bytes },
        disconnect() {},
      };
      const end = prepared && (await runPrepared(prepared, {}, contextOver(answer as Attempt)));
      expect(end?.kind ?? 'uncovered').toBe(kind);
    },
  );

  it('answers what the executor answers, to the byte, whatever the document and upstream say', async () => {
    const ends = { answer: 0, odd: 0, uncovered: 0 };
    await fc.assert(
      fc.asyncProperty(documents, attempts, async (generated, attempt) => {
        const query = printDocument(generated);
        const { document, prepared } = prepare(query);
        const variableValues = generated.variables;
        const execution = await execute({ schema, document, variableValues, contextValue: contextOver(attempt) });
        const end = prepared ? await runPrepared(prepared, variableValues, contextOver(attempt)) : undefined;
        ends[end?.kind ?? 'uncovered'] += 1;
        if (end?.kind === 'answer') expect(end.text).toBe(JSON.stringify(execution));
        else if (end?.kind === 'odd') {
          const contextValue = { ...contextOver(attempt), given: end.given };
          const again = await execute({ schema, document, variableValues, contextValue });
          expect(JSON.stringify(again)).toBe(JSON.stringify(execution));
          expect(again.errors).toBeDefined();
        } else expect(query).toMatch(/@defer|chunks/);
      }),
      { numRuns: runs(1000) },
    );
    // Otherwise the property would hold for want of anything to compare.
    expect(ends.answer).toBeGreaterThan(runs(1000) / 10);
  });

  it.each([
    ['a query', '{ integrations { name } }'],
    ['another field', 'mutation { __typename }'],
    [
      'a related record',
      'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ... on DeleteEngagementSuccess { engagement { owner { name } } } } }',
    ],
    [
      'a streamed list',
      'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ... on DeleteEngagementSuccess { stream { chunks @stream } } } }',
    ],
    [
      'a body in chunks',
      'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ... on DeleteEngagementSuccess { stream { chunks } } } }',
    ],
  ])('leaves %s to the executor', async (_what, query) => {
    const { prepared } = prepare(query);
    const attempt: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'refused' };
    const end = prepared ? await runPrepared(prepared, {}, contextOver(attempt)) : { kind: 'uncovered' };
    expect(end.kind).toBe('uncovered');
  });

  it('shares what it has in common with others, whatever they are called, and however their parts are combined', () => {
    const shared = new SharedParts();
    const fieldsOfItsOwn = (query: string) => {
      let own = 0;
      const onPlan = ({ fieldCount }: PlanSize) => {
        own += fieldCount;
      };
      prepareOperation(schema, { query }, shared, onPlan);
      return own;
    };
    const selected = '__typename ... on DeleteEngagementSuccess { engagement { id phoneNumbers { number } } }';
    const delete_ = (name: string, id: string, more = '') =>
      `mutation ${name} { ${name}: deleteEngagement(id: "${id}", integratedAccountId: "a") { ${selected} ${more} } }`;
    expect(fieldsOfItsOwn(delete_('A', '1'))).toBeGreaterThan(10);
    expect(fieldsOfItsOwn(delete_('B', '2'))).toBe(0);
    // Two fields of one member; and the union, which has the success and the plan besides the errors, is another one.
    expect(fieldsOfItsOwn(delete_('C', '3', '... on RateLimitedError { retryAfterMs }'))).toBe(
      2 + deleteErrorKinds.length + 2,
    );
  });

  it('keeps nothing of the variables of who sent it first', async () => {
    const collectGarbage = runInNewContext('gc') as () => void;
    const fields = times(200, (index) => `a${index}: subject`);
    const query = `mutation ($id: ID!, $c: Boolean!) { deleteEngagement(id: $id, integratedAccountId: 1) { ... on DeleteEngagementSuccess { engagement { id @include(if: $c) ${fields} } } } }`;
    const { prepared } = prepare(query);
    const attempt: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'refused' };
    const planFor = (id: string) => {
      const values = prepared?.readVariables({ id, c: id === '1' }) ?? {};
      expect(prepared?.plan(values)).toHaveLength(1);
      return new WeakRef(values);
    };
    const references = ['1', '2'].map(planFor);
    if (prepared) await runPrepared(prepared, { id: '3', c: true }, contextOver(attempt));
    // The engine may itself hold on to what it used last, for a moment: what is kept stays for ever.
    const left = () => {
      collectGarbage();
      return references.filter((reference) => reference.deref()).length;
    };
    await expect.poll(left).toBe(0);
    expect(prepared?.plan({ id: '3', c: true })).toHaveLength(1);
  });

  it('counts what its arguments hold, in each of its plans', () => {
    const operations = createPreparedOperations(schema);
    const list = times(800, (index) => String(index % 10));
    const operation = (index: number) => ({
      query: `mutation ($c: Boolean!) { deleteEngagement(id: ${index}, integratedAccountId: 1, remoteQuery: { a: [${list}] }) { __typename @include(if: $c) } }`,
    });
    for (let index = 0; index < 500; index += 1) {
      operations.note(operation(index));
      for (const c of [true, false]) operations.find(operation(index))?.plan({ c });
    }
    expect(operations.find(operation(0))).toBeUndefined();
    expect(operations.find(operation(499))).toBeDefined();
  });

  it('is planned for eight outcomes of its conditions, and left to the executor in others', () => {
    const conditions = ['a', 'b', 'c', 'd'];
    const { prepared } = prepare(
      `mutation (${conditions.map((name) => `$${name}: Boolean!`)}) { deleteEngagement(id: 1, integratedAccountId: 1) {
        ${conditions.map((name) => `${name}: __typename @include(if: $${name})`).join(' ')} __typename } }`,
    );
    const outcomes = Array.from({ length: 16 }, (_, bits) =>
      Object.fromEntries(conditions.map((name, place) => [name, (bits & (1 << place)) > 0])),
    );
    const isPlanned = () => outcomes.map((outcome) => prepared?.plan(outcome) !== null);
    expect(isPlanned().filter(Boolean)).toHaveLength(8);
    expect(isPlanned().slice(0, 8)).toEqual(Array(8).fill(true));
  });

  it('is kept until others have taken its room, and not those that were used since', () => {
    const operations = createPreparedOperations(schema);
    const operation = (index: number) => ({
      // As long as a request may be.
      query: `mutation { deleteEngagement(id: ${index}, integratedAccountId: 1) { __typename } } #${' '.repeat(250_000)}`,
    });
    operations.note(operation(0));
    operations.note(operation(1));
    for (let index = 2; index < 250; index += 1) {
      operations.note(operation(index));
      expect(operations.find(operation(0))).toBeDefined();
    }
    expect(operations.find(operation(1))).toBeUndefined();
  });
});
