import { afterAll, describe, expect, it, vi } from 'vitest';
import { runPrepared } from '../src/graphql/prepared/prepared-operations.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { mutation, remote, truto } from './support/outcome.ts';
import { attemptsLogged } from './support/raw-upstream.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

vi.mock('../src/graphql/prepared/prepared-operations.ts', { spy: true });

const usual = { 'content-type': 'application/json' };

/** Sends the same request twice past the front door (Yoga has an address of its own by the question mark), and twice to it. */
async function bothWays(url: string, init: { headers?: Record<string, string>; body: string }) {
  // Makes the document known to the facade, also if the headers below are refused.
  await fetch(`${url}/graphql`, { method: 'POST', ...init, headers: usual });
  const answers = [];
  for (const path of ['/graphql?', '/graphql?', '/graphql', '/graphql']) {
    const response = await fetch(url + path, { method: 'POST', ...init, headers: { ...usual, ...init.headers } });
    const headers = Object.fromEntries(response.headers);
    for (const own of ['date', 'x-request-id', 'keep-alive', 'connection', 'transfer-encoding', 'content-length'])
      delete headers[own];
    answers.push({ status: response.status, headers, body: await response.text() });
  }
  return answers;
}

async function startOver(answer: Answer) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(answer, 'capsule'));
  const facade = stack.use(await startTestFacade(upstream.url, { EXPOSE_SCHEMA: '0' }));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** @param known bodies whose documents the front door knows by then. */
async function expectSame(
  { upstream, facade }: { readonly upstream: FakeUpstream; readonly facade: TestFacade },
  init: { headers?: Record<string, string>; body: string },
  known: readonly string[] = [],
) {
  for (const one of known) await fetch(`${facade.url}/graphql`, { method: 'POST', headers: usual, body: one });
  const before = upstream.deletes().length;
  const [past, ...others] = await bothWays(facade.url, init);
  // The server makes a new key for each delete.
  const comparable = (one: typeof past) => ({ ...one, body: one?.body.replace(/"[\da-f-]{36}"/g, '"a key"') });
  for (const other of others) expect(comparable(other)).toEqual(comparable(past));
  const [first, ...rest] = upstream
    .deletes()
    .slice(before)
    .map(({ path, rawQuery }) => `${path}?${rawQuery}`);
  expect(new Set(rest.length === 0 ? [first] : rest)).toEqual(new Set([first]));
  return past;
}

const body = (query: string, more: object = {}) => JSON.stringify({ query, ...more });
const success = json(200, { id: 'e1', subject: 'Hällo "there"\u2028', created_at: '2026-01-01T00:00:00Z' });

/** Shared by all tests of requests. Successes leave no state that a later test sees: no open breaker, and no pause. */
const succeeding = await startOver(success);
afterAll(() => succeeding[Symbol.asyncDispose]());

describe('the front door answers as Yoga does', () => {
  it('and itself, once it knows the operation', async () => {
    await using facade = await startFacadeOver(success, {}, 'capsule');
    const send = async (path: string) => {
      const response = await fetch(facade.url + path, { method: 'POST', headers: usual, body: body(mutation) });
      expect(await response.text()).toContain('DELETED');
      return vi.mocked(runPrepared).mock.calls.length;
    };
    const before = vi.mocked(runPrepared).mock.calls.length;
    const calls = [await send('/graphql'), await send('/graphql'), await send('/graphql?')];
    expect(calls.map((count) => count - before)).toEqual([0, 1, 1]);
    expect(await vi.mocked(runPrepared).mock.results.at(-1)?.value).toMatchObject({ text: expect.any(String) });
  });

  it.each<[string, Answer]>([
    ['a success', success],
    ['odd values', json(200, { id: 7, subject: { a: 1 }, created_at: 'yesterday', owner: [] })],
    ['half of a character', json(200, { id: 'e1', subject: 'a\ud83d', created_at: '\ude00' })],
    ['nothing', json(204, undefined)],
    ['400', truto(400)],
    ['401', truto(401)],
    ['403', remote(403)],
    ['404', truto(404)],
    ['409', remote(409)],
    ['429', truto(429)],
    ['503', truto(503)],
    ['a page', (_request, response) => response.writeHead(302, { location: '/' }).end()],
  ])('when upstream says %s', async (_what, answer) => {
    await using over = await startOver(answer);
    expect((await expectSame(over, { body: body(mutation) }))?.status).toBe(200);
  });

  it.each([
    [undefined],
    ['*/*'],
    ['application/json'],
    ['application/graphql-response+json'],
    ['application/graphql-response+json, application/json;q=0.9'],
    ['application/graphql-response+json,application/graphql+json,application/json,text/event-stream,multipart/mixed'],
    ['text/html,application/xhtml+xml,*/*;q=0.8'],
    ['application/json;charset=latin1, application/graphql-response+json'],
    ['multipart/mixed'],
    ['text/event-stream'],
    ['application/*'],
    ['image/png'],
    ['*/json'],
    ['image/png, */json;q=0.1'],
  ])('to Accept: %s', async (accept) => {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    const withoutBoundary = await expectSame(succeeding, { headers, body: body(mutation) });
    expect(withoutBoundary).toBeDefined();
  });

  const argument =
    'mutation D($id: ID!, $show: Boolean = true) { deleteEngagement(id: $id, integratedAccountId: "a") { __typename @include(if: $show) ... on Error { message } } }';
  const enumArgument =
    'mutation F($format: ResponseFormat!) { deleteEngagement(id: 5, integratedAccountId: "a", format: $format) { __typename } }';
  const known = [
    body(mutation),
    body(argument, { variables: { id: '5' } }),
    body(enumArgument, { variables: { format: 'RAW' } }),
  ];
  const refused = { code: expect.stringMatching(/^BAD_/) };

  it.each([
    [
      'a number that lost digits',
      body(argument, { variables: { id: 0 } }).replace('"id":0', '"id":12345678901234567890'),
    ],
    ['a value that its enum does not have', body(enumArgument, { variables: { format: 'OLD' } })],
    ['an unknown key', body(argument, { variables: { id: '5' }, query2: '' })],
    ['a missing variable', body(argument, { variables: {} })],
    ['a wrong variable', body(argument, { variables: { id: {} } })],
    ['variables that are a list', body(argument, { variables: [] })],
    ['variables that are a list, of which it needs none', body(mutation, { variables: [] })],
    ['variables that are a text, of which it needs none', body(mutation, { variables: 'x' })],
    ['extensions that are a list', body(argument, { variables: { id: '5' }, extensions: [] })],
  ])('to %s in an operation that it knows: refused with a code', async (_what, text) => {
    const answer = await expectSame(succeeding, { body: text }, known);
    expect(answer?.status).toBe(400);
    expect(JSON.parse(answer?.body ?? '')).toEqual({ errors: [expect.objectContaining({ extensions: refused })] });
  });

  it.each([
    ['variables', body(argument, { variables: { id: 5 } })],
    ['a condition', body(argument, { variables: { id: '5', show: false } })],
    ['a condition that is null', body(argument, { variables: { id: '5', show: null } })],
    ['an operation name', body(argument, { operationName: 'D', variables: { id: '5' } })],
    ['another operation name', body(argument, { operationName: 'E', variables: { id: '5' } })],
    ['an empty operation name', body(argument, { operationName: '', variables: { id: '5' } })],
    ['a name that is no text', body(argument, { operationName: 5 })],
    [
      'null everywhere',
      body('mutation { deleteEngagement(id: 1, integratedAccountId: 2) { __typename } }', {
        variables: null,
        operationName: null,
        extensions: null,
      }),
    ],
    [
      'a bad argument',
      body('mutation { deleteEngagement(id: 1, integratedAccountId: 2, format: OLD) { __typename } }'),
    ],
    [
      'what no rule allows',
      body(
        'mutation { deleteEngagement(id: ".", integratedAccountId: "a") { __typename ... on InvalidInputError { issues { path message } } } }',
      ),
    ],
    [
      'a body that is not read',
      body(
        'mutation { deleteEngagement(id: 1, integratedAccountId: "a", format: STREAM) { ... on DeleteEngagementSuccess { outcome stream { contentType contentLength } warnings } } }',
      ),
    ],
    [
      'two aliases',
      body(
        'mutation { a: deleteEngagement(id: 1, integratedAccountId: "a") { __typename } b: deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }',
      ),
    ],
    [
      'a plan',
      body(
        'mutation { deleteEngagement(id: 1, integratedAccountId: "a", dryRun: true) { ... on DeleteEngagementPlan { wouldBeSent method excludedFields findings { message } integration { name } } } }',
      ),
    ],
    [
      'a variable with the name of the prototype',
      body(
        'mutation ($__proto__: JSONObject, $id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a", remoteQuery: $__proto__) { __typename } }',
        { variables: JSON.parse('{"__proto__":{"a":"b"},"id":"5"}') },
      ),
    ],
    ['a query', body('{ integrations { name } }')],
    [
      'a list of deletes',
      body(
        'mutation { deleteEngagements(items: [{ id: 1 }, { id: "." }], integratedAccountId: "a") { results { __typename } } }',
      ),
    ],
    [
      'a create',
      body(
        'mutation { createEngagement(integratedAccountId: "a", engagement: { subject: "s" }, dryRun: true) { __typename } }',
      ),
    ],
    ['a read', body('{ engagement(id: "e1", integratedAccountId: "a") { id subject createdAt nodeId owner { id } } }')],
    ['introspection', body('{ __type(name: "Query") { name } }')],
    ['an unknown field', body('mutation { deleteEngagement(id: 1, integratedAccountId: 2) { nothing } }')],
    ['no query', JSON.stringify({ variables: {} })],
    ['a list', '[]'],
    ['a text', '"text"'],
    ['no JSON', '{"query":'],
    ['nothing', ''],
    ['a space', ' '],
  ])('to %s', async (_what, text) => {
    expect(await expectSame(succeeding, { body: text }, known)).toBeDefined();
  });
});

describe('a prepared read', () => {
  const page = {
    result: ['u1', 'u2', 'u1', 'u3'].map((id, index) => ({ id: `e${index}`, owner: { id }, account: { id: 'x' } })),
    next_cursor: null,
  };
  const answerBut =
    (failing: string): Answer =>
    (request, response) => {
      const [kind, id] = request.path.split('/').slice(-2);
      if (kind !== 'users') return json(200, page)(request, response);
      return (id === failing ? truto(404) : json(200, { id, name: `Name of ${id}` }))(request, response);
    };
  const query = (owner: string) =>
    `{ engagements(integratedAccountId: "a") { nodes { id account { id } owner { ${owner} } } pageInfo { hasNextPage } } }`;

  it.each([
    ['its related records', 'id name', 4, ''],
    ['a related record that cannot be read', 'id name', 4, 'u2'],
    ['only ids', 'id', 1, ''],
  ])('of %s sends the same requests, each once, and gives the same answer', async (_what, owner, count, failing) => {
    await using facade = await startFacadeOver(answerBut(failing), {}, 'capsule');
    const answers: string[] = [];
    for (const path of ['/graphql', '/graphql', '/graphql?']) {
      const before = facade.upstream.seen.length;
      const calls = vi.mocked(runPrepared).mock.calls.length;
      const response = await fetch(facade.url + path, { method: 'POST', headers: usual, body: body(query(owner)) });
      answers.push(await response.text());
      const paths = facade.upstream.seen.slice(before).map((request) => request.path);
      expect(paths.filter((one) => !one.includes('/integrated-account/'))).toHaveLength(count);
      expect(vi.mocked(runPrepared).mock.calls.length - calls).toBe(answers.length === 2 ? 1 : 0);
    }
    expect(new Set(answers).size).toBe(1);
    const { data, errors = [] } = JSON.parse(answers[1] ?? '');
    expect(data.engagements.nodes).toHaveLength(4);
    expect(errors).toHaveLength(failing === '' ? 0 : 1);
  });
});

it.each([
  ['an empty name', mutation, ''],
  ['a name with a line break', `#c\n${mutation}`, '\n#c'],
  ['a name that no operation can have', mutation, 'a b'],
])('an operation that is known is not run under %s', async (_what, known, operationName) => {
  await using facade = await startFacadeOver(success, {}, 'capsule');
  await facade.post(known);
  await facade.post(mutation);
  const before = facade.upstream.deletes().length;
  const response = await fetch(`${facade.url}/graphql`, {
    method: 'POST',
    headers: usual,
    body: body(mutation, { operationName }),
  });
  expect(await response.text()).toContain('errors');
  expect(facade.upstream.deletes()).toHaveLength(before);
});

it('S31 a token that expires while its delete is done does not hide the outcome, when its answer has an error', async () => {
  let takesHours = false;
  await using upstream = await startUpstream((request, response) => {
    if (takesHours) vi.setSystemTime(Date.now() + 3_600_000);
    json(200, { id: 'e1', large: 'x'.repeat(1_900) })(request, response);
  });
  const env = { ...serviceEnv, JWT_SECRET: jwtSecret, MAX_UPSTREAM_BYTES: '2000' };
  await using facade = await startTestFacade(upstream.url, env);
  // More than an answer has room for.
  const names = Array.from({ length: 10 }, (_, index) => `a${index}: raw`).join(' ');
  const query = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a", format: RAW) { ... on DeleteEngagementSuccess { outcome ${names} } } }`;
  const headers = bearer(await signToken({ integrated_accounts: ['a'] }));
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  try {
    for (takesHours of [false, true]) {
      const { status, body: answer } = await facade.post(query, {}, headers);
      expect(status).toBe(200);
      expect(answer.data.deleteEngagement).toMatchObject({ outcome: 'DELETED' });
      expect(answer.errors[0].extensions.code).toBe('RESPONSE_TOO_LARGE');
    }
  } finally {
    vi.useRealTimers();
  }
  expect(await vi.mocked(runPrepared).mock.results.at(-1)?.value).toMatchObject({ text: undefined });
  expect(upstream.deletes()).toHaveLength(2);
});

it('R11 a client that leaves a prepared operation has nothing further sent for it, and what was sent is finished and logged', async () => {
  const release = Promise.withResolvers<void>();
  await using facade = await startFacadeOver(async (request, response) => {
    if (request.path.endsWith('/2')) await release.promise;
    json(204, undefined)(request, response);
  });
  const aliases = ['a', 'b', 'c'].map(
    (name) => `${name}: deleteEngagement(id: $${name}, integratedAccountId: "a") { __typename }`,
  );
  const query = `mutation D($a: ID!, $b: ID!, $c: ID!) { ${aliases.join(' ')} }`;
  await facade.post(query, { a: 11, b: 12, c: 13 });
  const client = new AbortController();
  const gone = fetch(`${facade.url}/graphql`, {
    method: 'POST',
    headers: usual,
    body: body(query, { variables: { a: 1, b: 2, c: 3 } }),
    signal: client.signal,
  }).catch(() => 'gone');
  await expect.poll(() => facade.upstream.deletes().length).toBe(5);
  client.abort();
  expect(await gone).toBe('gone');
  await fetch(`${facade.url}/health`);
  release.resolve();
  await expect.poll(() => facade.logged().match(/"msg":"delete"/g)?.length).toBe(6);
  expect(facade.upstream.deletes()).toHaveLength(5);
  expect(attemptsLogged(facade).filter((attempts) => attempts === 0)).toHaveLength(1);
});
