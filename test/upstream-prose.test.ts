import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { type Answer, type FakeUpstream, startUpstream } from './support/upstream.ts';

/** Upstream's own prose, in every position that it can have. It quotes an address with a credential. */
const canary = 'canary https://user:pass@internal.example/?token=canary';

/** Headers in which servers write prose, and the headers that we read, with invalid values. */
const headers = Object.fromEntries(
  [
    ...['server', 'via', 'x-powered-by', 'x-request-id', 'x-error', 'x-debug', 'warning', 'www-authenticate', 'link'],
    ...[
      'location',
      'etag',
      'set-cookie',
      'truto-error',
      'cf-ray',
      'date',
      'server-timing',
      'access-control-allow-origin',
    ],
    ...[
      'retry-after',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'content-language',
      'idempotency-key',
    ],
  ].map((name) => [name, canary]),
);

/** All documented fields of Truto's errors, and more. */
const inTrutosForm = (statusCode: number) => ({
  statusCode,
  error: canary,
  message: canary,
  [canary]: canary,
  stack: canary,
  code: canary,
  truto_error_insight: {
    missing_required_query_parameters: { description: canary, value: [canary, 'workspace'] },
    forbidden_error: { description: canary, value: { missing_scopes: [], [canary]: canary } },
    [canary]: { description: canary, value: canary },
  },
});

const bodies: readonly (readonly [what: string, make: (statusCode: number) => string])[] = [
  ["Truto's form", (status) => JSON.stringify(inTrutosForm(status))],
  [
    "the provider's",
    (status) => JSON.stringify({ ...inTrutosForm(status), truto_is_remote_error: true, raw_response: canary }),
  ],
  ['another form', () => JSON.stringify({ errors: [{ message: canary }], success: false, [canary]: canary })],
  [
    'odd types',
    (status) =>
      JSON.stringify({
        statusCode: canary,
        truto_is_remote_error: canary,
        message: { canary },
        error: [canary, status],
      }),
  ],
  ['a list', () => JSON.stringify([canary])],
  ['a text', () => JSON.stringify(canary)],
  ['prose', () => canary],
  ['a page', () => `<html><title>${canary}</title></html>`],
  ['half of it', (status) => JSON.stringify(inTrutosForm(status)).slice(0, -9)],
];

/** A 2xx is an error if its body or its kind makes it one. */
const statuses = [
  ...[200, 203, 206, 207, 300, 302, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 418, 422, 423, 425, 429],
  ...[451, 500, 501, 502, 503, 504, 520],
];

const answerWith =
  (make: (statusCode: number) => string): Answer =>
  ({ path, query }, response) => {
    // Each status has its own integrated account, so that one does not affect the others.
    const status = Number(query.integrated_account_id ?? path.split('/').at(-1));
    response.writeHead(status, canary, { 'content-type': 'application/json', ...headers }).end(make(status));
  };

const failure =
  '... on Error { __typename message } ... on InvalidInputError { issues { path message allowedValues } } ... on ForbiddenError { missingScopes } ... on AccountBlockedError { reason } ... on RateLimitedError { retryAfterMs } ... on RemoteApiError { statusCode } ... on OutcomeUnknownError { retrySafe lastStatusCode }';
const success =
  '... on DeleteEngagementSuccess { outcome engagement { subject createdAt } rateLimit { limit windowMs remaining resetMs } warnings }';
const remove = (account: number, rest = '') =>
  `mutation { deleteEngagement(id: "e1", integratedAccountId: "${account}" ${rest}) { ${failure} ${success} } }`;
const documents: readonly (readonly [what: string, make: (account: number) => string])[] = [
  ['a delete', (account) => remove(account)],
  ['a delete with a snapshot', (account) => remove(account, 'snapshot: true')],
  ['a streamed delete', (account) => remove(account, 'format: STREAM')],
  ['a read', (account) => `{ engagement(id: "e1", integratedAccountId: "${account}") { subject createdAt } }`],
  [
    'a list',
    (account) =>
      `{ engagements(integratedAccountId: "${account}") { nodes { subject createdAt } pageInfo { endCursor } } }`,
  ],
];

/** Everything that a client receives. Fails if it contains upstream's prose. */
async function expectNoProse(facade: TestFacade, upstream: FakeUpstream, query: string): Promise<void> {
  const { headers: sent, body } = await facade.post(query);
  const shown = JSON.stringify([[...sent], body]);
  expect(shown).not.toMatch(/canary|internal\.example|truto_/i);
  expect(shown).not.toContain(new URL(upstream.url).port);
}

describe('S12 an answer of upstream', () => {
  describe.concurrent.each(bodies)('whose body is %s', (_what, make) => {
    it.each(documents)(
      'shows none of its prose, headers or address to the client of %s, with any status',
      async (_of, document) => {
        await using facade = await startFacadeOver(answerWith(make), {}, answerWith(make));
        await Promise.all(statuses.map((status) => expectNoProse(facade, facade.upstream, document(status))));
        expect(facade.upstream.seen.length).toBeGreaterThanOrEqual(statuses.length);
      },
    );
  });

  it('does not show them for a related record either', async () => {
    await using upstream = await startUpstream(({ path }, response) => {
      if (path.includes('/users/'))
        answerWith(bodies[1]?.[1] ?? String)({ path: '/409', query: {} } as never, response);
      else response.end(JSON.stringify({ id: 'e1', owner: { id: 'o1' } }));
    });
    await using facade = await startTestFacade(upstream.url);
    await expectNoProse(facade, upstream, '{ engagement(id: "e1", integratedAccountId: "a") { owner { id name } } }');
  });

  it.each([
    ['RemoteApiError', 409],
    ['OutcomeUnknownError', 500],
  ])("shows only the provider's own body in %s, when that is selected", async (member, status) => {
    const provider = { why: 'the provider says' };
    await using facade = await startFacadeOver((_request, response) => {
      const body = { ...inTrutosForm(status), truto_is_remote_error: true, raw_response: provider };
      response.writeHead(status, canary, headers).end(JSON.stringify(body));
    });
    const { body } = await facade.post(
      `mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { __typename ... on ${member} { message rawResponse } } }`,
    );
    expect(body.data.deleteEngagement).toMatchObject({ __typename: member, rawResponse: provider });
    expect(JSON.stringify(body)).not.toContain('canary');
  });
});
