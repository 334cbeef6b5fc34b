import { type Audit, type AuditResult, serverAudits } from 'graphql-http';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';

/** Audits that may end in `notice` (a MAY that is not taken up), each with the reason. */
const get = 'operations come by POST only, so that no link can execute one';
const allowedNotices: Readonly<Record<string, string>> = { '5A70': get, D6D5: get, '6A70': get };

const facade = await shared(startTestFacade('http://127.0.0.1:1', { EXPOSE_SCHEMA: '1' }));

describe('R20 GraphQL over HTTP', () => {
  // Audits need their address when they are made, the server has one only later: only the names are read here.
  const names = serverAudits({ url: '' }).map(({ id, name }) => [id, name] as const);

  it('has every audit', () => expect(names).toHaveLength(61));

  it.each(names)('%s %s', async (id) => {
    const audit: Audit | undefined = serverAudits({ url: `${facade.url}/graphql` }).find(
      (candidate) => candidate.id === id,
    );
    const result: AuditResult | undefined = await audit?.fn();
    const allowed = id in allowedNotices ? ['ok', 'notice'] : ['ok'];
    expect(allowed, result?.status === 'ok' ? '' : result?.reason).toContain(result?.status);
  });
});

describe('an error', () => {
  const mutation = `mutation D($id: ID!, $at: DateTime, $show: Boolean = true) {
    deleteEngagement(id: $id, integratedAccountId: "a", parameters: { createdAt: $at }, dryRun: true) { __typename @include(if: $show) } }`;
  const reading =
    'query ($id: ID = "x", $first: Int = 1) { engagement(id: $id, integratedAccountId: "a") { id } engagements(integratedAccountId: "a", first: $first) { nodes { id } } }';
  const deferred = '{ ... @defer { engagement(id: $id, integratedAccountId: "a") { id } } }';
  const cases: readonly (readonly [what: string, code: string, body: object | string])[] = [
    ['a missing variable', 'BAD_USER_INPUT', { query: mutation }],
    ['a bad date', 'BAD_USER_INPUT', { query: mutation, variables: { id: 1, at: 'yesterday' } }],
    ['null for what must not be', 'BAD_USER_INPUT', { query: mutation, variables: { id: null } }],
    ['an object for an id', 'BAD_USER_INPUT', { query: mutation, variables: { id: {} } }],
    ['null for an argument', 'BAD_USER_INPUT', { query: reading, variables: { id: null } }],
    [
      'null for an argument that is deferred',
      'BAD_USER_INPUT',
      { query: `query ($id: ID = "x") ${deferred}`, variables: { id: null } },
    ],
    ['null for a condition', 'BAD_USER_INPUT', { query: mutation, variables: { id: '1', show: null } }],
    ['an oversized number', 'BAD_USER_INPUT', { query: reading, variables: { first: 3_000_000_000 } }],
    ['a number beyond 2^53', 'BAD_USER_INPUT', { query: reading, variables: { id: 2 ** 60 } }],
    ['an operation that is not there', 'OPERATION_RESOLUTION_FAILURE', { query: mutation, operationName: 'X' }],
    ['no operation', 'OPERATION_RESOLUTION_FAILURE', { query: 'fragment F on Query { __typename }' }],
    ['a document that is none', 'GRAPHQL_PARSE_FAILED', { query: '{' }],
    ['a field that is not there', 'GRAPHQL_VALIDATION_FAILED', { query: '{ nothing }' }],
    [
      'a bad value in the document',
      'GRAPHQL_VALIDATION_FAILED',
      { query: '{ engagements(integratedAccountId: "a", first: 1.5) { nodes { id } } }' },
    ],
    [
      'a subscription that has no variable',
      'BAD_USER_INPUT',
      { query: 'subscription ($id: ID!) { bulkDeleteProgress(id: $id) { id } }' },
    ],
    ['no query', 'BAD_REQUEST', {}],
    ['a query that is no text', 'BAD_REQUEST', { query: 5 }],
    ['variables that are no object', 'BAD_REQUEST', { query: mutation, variables: 'x' }],
    ['a key that is none', 'BAD_REQUEST', { query: mutation, x: 1 }],
    ['no object', 'BAD_REQUEST', '5'],
    ['null', 'BAD_REQUEST', 'null'],
    ['no JSON', 'BAD_REQUEST', '{"query": canary-of-a-body}'],
    ['a list', 'BAD_REQUEST', '[]'],
    [
      'a hash of a query',
      'PERSISTED_QUERY_NOT_SUPPORTED',
      { extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } },
    ],
  ];

  // biome-ignore lint/suspicious/noExplicitAny: of any shape; every error in it is looked for.
  const errorsIn = (value: any): any[] =>
    typeof value !== 'object' || value === null
      ? []
      : Object.entries(value).flatMap(([key, item]) => [
          ...(key === 'errors' ? (item as unknown[]) : []),
          ...errorsIn(item),
        ]);

  it.each(cases)('of %s has the code %s, for any Accept', async (_what, code, body) => {
    const accepted = [
      'application/json',
      'application/graphql-response+json',
      'text/event-stream',
      'multipart/mixed',
      'multipart/mixed, application/graphql-response+json, text/event-stream',
    ];
    for (const accept of accepted) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const headers = { 'content-type': 'application/json', accept };
      const response = await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body: text });
      const answer = await response.text();
      // The parser's own words have a piece of the body.
      expect(answer).not.toContain('canary');
      const parts = answer.match(/^(data: )?\{.*\}\r?$/gm) ?? [];
      const errors = parts.flatMap((part) => errorsIn(JSON.parse(part.replace('data: ', ''))));
      expect(errors.length).toBeGreaterThan(0);
      const codes = errors.map(({ extensions }) => extensions?.code);
      const expected = accept.startsWith('application') && text.includes('subscription') ? 'NOT_ACCEPTABLE' : code;
      if (text.includes('first')) expect(codes).toContain(code);
      else expect([...new Set(codes)]).toEqual([expected]);
    }
  });

  it.each([
    [{}, 'Send the document as `query`.'],
    [[], 'Send each in a request of its own.'],
    ['{', 'Send an object with query and variables.'],
    [{ query: '{ __typename }', operationName: 'X' }, 'operationName names no operation of the document'],
    [{ query: '{ __typename }', variables: 'x' }, 'to be empty or an object'],
  ])('of %j says what to send, and does not promise GET', async (body, what) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body: text });
    expect((await response.json()).errors[0].message).toContain(what);
    expect(response.headers.get('allow')).toBeNull();
  });

  it.each([
    ['-1', {}],
    ['$n', { n: null }],
  ])('of @stream(initialCount: %s) is of the caller', async (count, variables) => {
    const declared = count === '$n' ? '($n: Int)' : '';
    const query = `query ${declared} { integrations @stream(initialCount: ${count}) { name } }`;
    const body = JSON.stringify({ query, variables });
    for (const accept of ['multipart/mixed', 'text/event-stream']) {
      const headers = { 'content-type': 'application/json', accept };
      const answer = await (await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body })).text();
      expect(answer).toContain('"extensions":{"code":"BAD_USER_INPUT"}');
    }
  });
});
