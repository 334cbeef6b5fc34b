import { once } from 'node:events';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { jsonLines } from './support/json-lines.ts';
import { connectRaw } from './support/raw-client.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

/** A text in every position of a request, and nowhere else. */
const canary = 'zyxCanary';

/** The longest line that the log may have, in characters. */
const maxLineCharacters = 16_384;

/** While this is set, every request fails by a fault of this server. */
let planted: Error | undefined;
const upstream = await shared(startUpstream(json(200, { id: 'e1', subject: canary, result: [] }), 'capsule'));
const facade = await shared(
  startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' }, (log) => {
    log.level = 'trace';
    const write = log.info.bind(log) as (...args: unknown[]) => void;
    log.info = ((...args: unknown[]) => {
      if (planted) throw planted;
      write(...args);
    }) as typeof log.info;
  }),
);

/** Posts a body unchanged, and waits for the whole answer. */
async function post(body: string, headers: Record<string, string> = {}, path = '/graphql'): Promise<void> {
  const outgoing = request(facade.url + path, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', authorization: 'Bearer t', ...headers },
  });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
}

/** Fails if the log has the canary, or a line that is too long. */
function expectNothingLogged(): void {
  expect(facade.logged()).not.toContain(canary);
  for (const line of facade.logged().split('\n')) expect(line.length).toBeLessThanOrEqual(maxLineCharacters);
}

const remove = `mutation ${canary}($id: ID! = "e1", $q: JSONObject, $p: DeleteEngagementParameters, $n: Int! = 0) { # ${canary}
  ${canary}: deleteEngagement(id: $id, integratedAccountId: "a", remoteQuery: $q, parameters: $p) {
    __typename ... on DeleteEngagementSuccess { outcome engagement { ${canary}: subject contacts @stream(initialCount: $n) { id } } } } }`;
const operation = (query: string, variables: object = {}, rest: object = {}) =>
  JSON.stringify({ query, variables, ...rest });
const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`[${canary}${index}`, canary]));
const long = canary.repeat(20_000);

const requests: readonly (readonly [where: string, body: string, headers?: Record<string, string>, path?: string])[] = [
  ['a document that succeeds, and its values', operation(remove, { q: { [canary]: canary }, p: { subject: canary } })],
  ['the names of values that are refused', operation(remove, { q: many })],
  ['a value that is refused', operation(remove, { q: { '': canary }, p: { account: { id: `../${canary}` } } })],
  [
    'a value of a wrong type',
    operation(remove, { p: { [canary]: canary, subject: [canary] }, id: { [canary]: canary } }),
  ],
  ['a value that is too long', operation(remove, { q: { [canary]: long } })],
  ['a number that lost digits', operation(remove, { q: { [canary]: 2 ** 60 } })],
  ['a variable that nothing declares', operation(remove, { [canary]: canary })],
  ['a directive that cannot be carried out', operation(remove, { n: -1 }), { accept: 'multipart/mixed' }],
  ['a document that cannot be parsed', operation(`{ "${canary}" ${canary}`)],
  ['a document that is not valid', operation(`query ($${canary}: ${canary}) { ${canary}(a: "${canary}") @${canary} }`)],
  ['a literal of a wrong type', operation(`{ engagement(id: {a: "${canary}"}, integratedAccountId: "a") { id } }`)],
  ['a long literal', operation(`{ engagement(id: "${long}", integratedAccountId: "a") { id } }`)],
  ['a record that is read', operation(`{ ${canary}: engagement(id: "e1", integratedAccountId: "a") { subject } }`)],
  ['the name of an operation that is not there', operation(remove, {}, { operationName: canary })],
  ['extensions', operation(remove, {}, { extensions: { [canary]: canary, idempotencyKey: `${canary} ` } })],
  ['a persisted query', operation(remove, {}, { extensions: { persistedQuery: { version: 1, sha256Hash: canary } } })],
  ['a document id', JSON.stringify({ documentId: canary })],
  ['a key of the body that is none', operation(remove, {}, { [canary]: canary })],
  ['variables that are none', operation(remove, [canary])],
  ['a query that is none', JSON.stringify({ query: { [canary]: canary } })],
  ['a body that is no JSON', `{"query": "${canary}", ${canary}`],
  ['a long body that is no JSON', `${canary.repeat(20_000)}`],
  ['a body that is a text', JSON.stringify(canary)],
  ['a list of operations', JSON.stringify([{ query: canary }])],
  ['the query of the address', operation(remove), {}, `/graphql?query=${canary}&variables=${canary}`],
  ['the path', operation(remove), {}, `/${canary}`],
  ...[
    ['content-type', `application/json; charset=${canary}`],
    ['content-type', canary],
    ['content-encoding', canary],
    ['accept', canary],
    ['x-request-id', `${canary} ${canary}`],
    ['idempotency-key', `${canary} ${canary}`],
    ['traceparent', canary],
    ['tracestate', canary],
    ['user-agent', canary],
    ['host', `${canary}:${canary}`],
    ['x-forwarded-for', canary],
    ['cookie', canary],
    [canary, canary],
  ].map(([name = '', value = '']) => [`the header ${name}: ${value}`, operation(remove), { [name]: value }] as const),
];

describe('S22 the log has no content of', () => {
  it.each(requests.map(([where, ...rest]) => ({ where, rest })))('$where', async ({ rest }) => {
    const [body, headers, path] = rest;
    // Twice: the second request runs as a prepared operation.
    await post(body, headers, path);
    await post(body, headers, path);
    expectNothingLogged();
  });

  it.each([
    ['an error', new TypeError('planted')],
    ['an error of the parser of JSON', new SyntaxError(`Unexpected token, "${canary}" is not valid JSON`)],
    [
      'an error with an address',
      Object.assign(new TypeError('Invalid URL'), { input: canary, code: 'ERR_INVALID_URL' }),
    ],
    [
      'an error with a header, as a cause',
      new Error('planted', {
        cause: Object.assign(new TypeError(`Invalid value "${canary}" for header`), {
          code: 'ERR_HTTP_INVALID_HEADER_VALUE',
        }),
      }),
    ],
  ])('a request that fails by a fault of this server, with %s; the log names the fault', async (_what, error) => {
    planted = error;
    const before = facade.logged().length;
    await post(operation(remove, { q: { [canary]: canary } }));
    await post(operation(remove, { q: { [canary]: canary } }));
    planted = undefined;
    expectNothingLogged();
    const lines = jsonLines(facade.logged().slice(before));
    const errors = lines.filter(({ level }) => level === 50);
    expect(errors.map(({ err }) => err.type)).toEqual([error.name, error.name]);
    for (const { err } of errors) expect(err.stack).toContain('log-content.test.ts');
  });

  it.each([`${canary} / ${canary}\r\n\r\n`, `GET / HTTP/1.1\r\n${canary}\r\n\r\n`, canary.repeat(5_000)])(
    'invalid HTTP: %.20s',
    async (bytes) => {
      using client = await connectRaw(facade.url);
      client.send(bytes);
      client.socket.end();
      await client.closed;
      expectNothingLogged();
    },
  );

  it('all these, and still has lines for each delete and each step', () => {
    expect(facade.logged()).toContain('"result":"DeleteEngagementSuccess"');
    expect(facade.logged()).toContain('"result":"InvalidInputError"');
    expect(facade.logged()).toContain('"level":20');
  });
});
