import { describe, expect, it } from 'vitest';
import { readBody } from '../src/engagement/body.ts';
import { buildSuccess } from '../src/engagement/delete/outcome.ts';
import { wireFieldsOf } from '../src/engagement/record.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { inTurn, lostAnswer } from './support/keyed-delete.ts';
import { mutation, outcomeOf, remote, truto } from './support/outcome.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

describe('a 2xx answer is a success', () => {
  it.each([
    ['200 with a record', json(200, { id: 'e1', subject: 'Hello' }), 'DELETED', { id: 'e1', subject: 'Hello' }],
    ['200 with only an id', json(200, { id: 'e1' }), 'DELETED', { id: 'e1', subject: null }],
    ['200 without an id', json(200, { subject: 'Hello' }), 'DELETED', { id: 'e1', subject: 'Hello' }],
    ['200 empty', json(200, undefined), 'DELETED', { id: 'e1', subject: null }],
    ['201', json(201, { id: 'e1' }), 'DELETED', { id: 'e1' }],
    ['202', json(202, { id: 'e1' }), 'ACCEPTED', { id: 'e1' }],
    ['204', json(204, undefined), 'DELETED', { id: 'e1', subject: null }],
  ])('R10 %s', async (_what, answer, outcome, engagement) => {
    const result = await outcomeOf(answer);
    expect(result).toMatchObject({
      __typename: 'DeleteEngagementSuccess',
      deletedEngagementId: 'e1',
      outcome,
      engagement,
    });
    // Only the missing fields have a warning.
    expect(result.warnings).toEqual([expect.stringContaining('snapshot: true')]);
    expect(result.errors).toBeUndefined();
  });

  it('with a JSON list as its body has a warning', async () => {
    const { outcome, engagement, warnings } = await outcomeOf(json(200, [1]));
    expect([outcome, engagement, warnings]).toEqual(['DELETED', null, [expect.stringContaining('not a JSON object')]]);
  });

  it('with malformed values loses those fields, never the result', async () => {
    const odd = { id: ['e1'], subject: { nested: true }, created_at: 'yesterday', owner: 'somebody', duration: 30 };
    const { engagement, warnings, errors } = await outcomeOf(json(200, odd));
    expect(engagement).toEqual({ id: 'e1', subject: null, createdAt: null, owner: null, duration: '30' });
    expect(warnings.join(' ')).toMatch(/id.*subject.*created_at.*owner|owner.*subject.*created_at/);
    expect(errors).toBeUndefined();
  });

  it.each(['identity', 'Identity', ' IDENTITY '])('is read with the Content-Encoding %j', async (encoding) => {
    const { warnings } = await outcomeOf(
      json(
        200,
        { id: 'e1', subject: 'x', created_at: null, owner: null, duration: null },
        { 'content-encoding': encoding },
      ),
    );
    expect(warnings).toEqual([]);
  });

  it('has the rate limit', async () => {
    const headers = { 'ratelimit-limit': '110;w=10', 'ratelimit-remaining': '108', 'ratelimit-reset': '3' };
    const { rateLimit } = await outcomeOf(json(200, { id: 'e1' }, headers));
    expect(rateLimit).toEqual({ limit: 110, windowMs: 10_000, remaining: 108, resetMs: 3000 });
  });

  it.each([
    ['JSON', json(200, { success: true }), { success: true }],
    ['nothing for a 204', json(204, undefined), null],
    [
      'JSON with its longest integers as text, and no other number',
      ((_request, response) => response.end('{"ticket":12345678901234567890,"n":5,"f":1.5,"e":1e30}')) as Answer,
      { ticket: '12345678901234567890', n: 5, f: 1.5, e: 1e30 },
    ],
  ])('in the format RAW contains %s', async (_what, answer, raw) => {
    expect(await outcomeOf(answer, { variables: { format: 'RAW' } })).toMatchObject({
      outcome: 'DELETED',
      raw,
      engagement: null,
      // The document also selects fields of the record, which a raw answer does not have.
      warnings: [expect.stringContaining('snapshot: true')],
    });
  });
});

describe('R03 a body nested too deeply leaves the outcome unknown', () => {
  it.each(['RAW', 'UNIFIED'])('in %s', async (format) => {
    const deep: Answer = (_request, response) =>
      response.end(`{"custom_fields":${'['.repeat(10_000)}${']'.repeat(10_000)}}`);
    const result = await outcomeOf(deep, { variables: { format } });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', rawResponse: null });
  });

  it.each([
    [200, 'DeleteEngagementSuccess'],
    [201, 'OutcomeUnknownError'],
  ])('from 201 levels on: %i are %s', async (levels, member) => {
    const lists = levels - 1;
    const nested: Answer = (_request, response) =>
      response.end(`{"beside":[],"custom_fields":${'['.repeat(lists)}${']'.repeat(lists)}}`);
    expect(await outcomeOf(nested, { variables: { format: 'RAW' } })).toMatchObject({ __typename: member });
  });
});

it.each([
  ['400 of Truto', truto(400), { __typename: 'InvalidInputError', issues: [] }],
  [
    '400 that names a parameter',
    truto(400, {
      truto_error_insight: {
        missing_required_query_parameters: { description: 'd', value: ['engagement_type', 'workspace[id]'] },
      },
    }),
    {
      __typename: 'InvalidInputError',
      issues: [
        { path: ['engagementType'], message: expect.any(String) },
        { path: ['trutoQuery', 'workspace', 'id'], message: expect.stringContaining('workspace[id]') },
      ],
    },
  ],
  [
    '400 with a message about a parameter',
    truto(400, { message: 'sort_by must be one of created_at, updated_at' }),
    { __typename: 'InvalidInputError', issues: [{ path: ['parameters', 'sortBy'] }] },
  ],
  [
    '400 with a message about a parameter that has no argument',
    truto(400, { message: 'tenant_region is required' }),
    { issues: [{ path: ['trutoQuery', 'tenant_region'], message: expect.stringContaining('tenant_region') }] },
  ],
  ['400 about the id', truto(400, { message: 'id must be a number' }), { issues: [{ path: ['id'] }] }],
  [
    '400 about an item of a list',
    truto(400, { details: { failures: [{ field: 'contact[0][id]' }, { path: ['query', 'sort_by'] }] } }),
    { issues: [{ path: ['parameters', 'contacts'] }, { path: ['parameters', 'sortBy'] }] },
  ],
  [
    '422 with failures of parameters',
    truto(422, {
      message: 'no',
      details: { failures: [{ field: 'status', message: 'no' }, { field: 'workspace' }] },
    }),
    {
      __typename: 'InvalidInputError',
      issues: [
        { path: ['parameters', 'status'] },
        { path: ['trutoQuery', 'workspace'], message: expect.stringContaining('workspace') },
      ],
    },
  ],
  ['422 of Truto', truto(422), { __typename: 'InvalidInputError' }],
  [
    '400 of the provider',
    remote(400),
    { __typename: 'RemoteApiError', statusCode: 400, rawResponse: { why: 'the provider says' } },
  ],
  ['409 of the provider', remote(409), { __typename: 'RemoteApiError', statusCode: 409 }],
  ['418 of Truto', truto(418), { __typename: 'RemoteApiError', statusCode: 418, rawResponse: null }],
  ['501', truto(501), { __typename: 'RemoteApiError', statusCode: 501 }],
  ['401 of the provider', remote(401), { __typename: 'AccountNeedsReauthError' }],
  ["401 for this server's own token", truto(401), { __typename: 'UpstreamUnavailableError' }],
  [
    '403',
    remote(403, {
      truto_error_insight: { forbidden_error: { description: 'd', value: { missing_scopes: ['crm.delete'] } } },
    }),
    { __typename: 'ForbiddenError', missingScopes: ['crm.delete'] },
  ],
  ['404 of Truto', truto(404), { __typename: 'NotFoundError' }],
  ['404 of the provider', remote(404), { __typename: 'NotFoundError' }],
  ['410', remote(410), { __typename: 'NotFoundError' }],
  ['405 for a sandbox account', truto(405), { __typename: 'ForbiddenError', missingScopes: [] }],
  ['405 of the provider', remote(405), { __typename: 'RemoteApiError', statusCode: 405 }],
  [
    '429 with a longer wait than the deadline allows',
    remote(429, {}, { 'retry-after': '17' }),
    { __typename: 'RateLimitedError', retryAfterMs: 17_000 },
  ],
  ['429 without a word', truto(429), { __typename: 'RateLimitedError', retryAfterMs: null }],
  ['503 for a blocked account', truto(503), { __typename: 'AccountBlockedError', reason: expect.any(String) }],
])('R05 a refusal returns its own member, after one request: %s', async (_what, answer, expected) => {
  const result = await outcomeOf(answer);
  expect(result).toMatchObject(expected);
  expect(result.message).toContain('Nothing was deleted');
  expect(JSON.stringify(result), "S12 upstream's prose stays inside").not.toContain('canary');
});

describe('R05 a refusal that is not in the form of Truto leaves the outcome unknown', () => {
  const forms: [string, (status: number) => Answer][] = [
    [
      'a page',
      (status) => (_request, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('<p>'),
    ],
    ['no body', (status) => json(status, undefined)],
    ["a proxy's JSON", (status) => json(status, { error: { code: status }, message: 'no' })],
    ["a gateway's JSON, much like Truto's", (status) => json(status, { statusCode: status, message: 'Access denied' })],
    ["Truto's form of another status", (status) => json(status, { statusCode: 599, error: 'x', message: 'x' })],
    ["Truto's form, cut off", (status) => (_request, response) => response.writeHead(status).end('{"statusCode":')],
  ];
  const statuses = [400, 401, 403, 404, 405, 407, 409, 410, 413, 422, 451, 499, 501, 503];

  it.each(forms)('of %s, with any status', async (_what, answerWith) => {
    let status = 0;
    await using upstream = await startUpstream((...args) => answerWith(status)(...args));
    await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' });
    for (status of statuses) {
      const { body } = await facade.post(mutation, {}, { authorization: 'Bearer a-token-of-a-caller' });
      expect(body.errors, String(status)).toBeUndefined();
      expect(body.data.deleteEngagement, String(status)).toMatchObject({
        __typename: 'OutcomeUnknownError',
        lastStatusCode: status,
        message: expect.stringContaining("not in Truto's form"),
      });
    }
    expect(upstream.deletes()).toHaveLength(statuses.length);
  });

  it('means an unavailable upstream to a read, never a 401 or 403 of the caller', async () => {
    await using facade = await startFacadeOver((...args) => forms[0]?.[1](401)(...args), { AUTH_MODE: 'passthrough' });
    const read = '{ engagement(id: "e1", integratedAccountId: "a") { id } }';
    const { body } = await facade.post(read, {}, { authorization: 'Bearer a-token-of-a-caller' });
    expect(body.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });

  it('of a router without such a path', async () => {
    const route = truto(404, { message: 'Route DELETE:/unified/crm/engagements/e1 not found' });
    expect(await outcomeOf(route)).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 404 });
  });

  it.each(forms)('but 429 is a rate limit, also in the form of %s', async (_what, answerWith) => {
    expect(await outcomeOf(answerWith(429))).toMatchObject({ __typename: 'RateLimitedError' });
  });

  it('but 499 proves nothing, also from the provider: nginx uses it for a client that disconnected', async () => {
    expect(await outcomeOf(remote(499))).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 499 });
  });
});

describe('an outcome without proof is unknown', () => {
  it.each([
    ['500', truto(500), 500, 2],
    ['500 of the provider', remote(500), 500, 2],
    ['502', truto(502), 502, 2],
    ['504', remote(504), 504, 2],
    [
      '503 of a proxy',
      ((_request, response) => response.writeHead(503).end('upstream connect error')) as Answer,
      503,
      1,
    ],
    ['503 of the provider', remote(503), 503, 1],
    ["404 that is not Truto's", json(404, undefined), 404, 1],
    ['408', truto(408), 408, 1],
    ['302', json(302, undefined, { location: 'http://127.0.0.1:1/elsewhere' }), 302, 1],
  ])('after a %s', async (_what, answer, lastStatusCode, attempts) => {
    expect(await outcomeOf(answer, { attempts })).toMatchObject({
      __typename: 'OutcomeUnknownError',
      retrySafe: true,
      lastStatusCode,
      upstreamIdempotencyKey: expect.any(String),
      message: expect.stringContaining('NotFoundError with accountFound: true'),
    });
  });

  it('and has the status of the refusal after an attempt without an answer', async () => {
    for (const status of [403, 409]) {
      const result = await outcomeOf(inTurn(lostAnswer, truto(status)), { attempts: 2 });
      expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: status });
    }
  });

  it('and warns if a later read would prove nothing', async () => {
    expect((await outcomeOf(remote(503), { integration: 'pipedrive' })).message).toContain('Pipedrive');
    expect((await outcomeOf(remote(503), { integration: 'capsule' })).message).not.toContain('Capsule');
  });
});

function engagementOf(body: string): unknown {
  const complete = { kind: 'complete', bytes: Buffer.from(body) } as const;
  const context = {
    input: { id: 'asked', integratedAccountId: 'account-1', format: 'unified' },
    selection: { fields: new Set(wireFieldsOf('engagements')), noteFields: new Set<never>(), chunks: false },
    ...{ integration: null, warnings: [], snapshot: null },
  } as const;
  const answer = { kind: 'answer', statusCode: 200, headers: {}, body: complete, disconnect() {} } as const;
  return buildSuccess(answer, readBody(complete), context, []).engagement;
}

describe('an id that upstream sends as a number', () => {
  it('has all digits when a JavaScript number can hold them', () => {
    const body = '{"id":9007199254740991,"owner":{"id":7},"contact":[{"id":-1}]}';
    const expected = { id: '9007199254740991', owner: { id: '7' }, contact: [{ id: '-1' }] };
    expect(engagementOf(body)).toMatchObject(expected);
  });

  it('has all digits beyond 2^53 too, or loses its field, but never becomes the id of another record', () => {
    const id = '1386586000002576001';
    const body = `{"id":${id},"owner":{"id":${id}},"contact":[{"id":${id}}],"phone_numbers":[{"id":${id}}]}`;
    const shown = JSON.stringify(engagementOf(body)).match(/\d{16,}/g) ?? [];
    expect(shown.filter((digits) => digits !== id)).toEqual([]);
  });
});
