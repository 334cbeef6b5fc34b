import { describe, expect, it } from 'vitest';
import { outcomeOf, remote, truto } from './support/outcome.ts';
import { type Answer, json } from './support/upstream.ts';

describe('a 2xx answer is a success', () => {
  it.each([
    ['200 with a record', json(200, { id: 'e1', subject: 'Hello' }), 'DELETED', { id: 'e1', subject: 'Hello' }],
    ['200 with only an id', json(200, { id: 'e1' }), 'DELETED', { id: 'e1', subject: null }],
    ['200 without an id', json(200, { subject: 'Hello' }), 'DELETED', { id: 'e1', subject: 'Hello' }],
    ['200 empty', json(200, undefined), 'DELETED', { id: 'e1', subject: null }],
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
    // What the answer lacks is told, and nothing else.
    expect(result.warnings).toEqual([expect.stringContaining('snapshot: true')]);
    expect(result.errors).toBeUndefined();
  });

  const broken: [string, Answer, string][] = [
    ['is not JSON', (_request, response) => response.end('<html>'), 'not a JSON object'],
    ['is a JSON list', json(200, [1]), 'not a JSON object'],
    [
      'breaks off',
      (_request, response) =>
        response.writeHead(200, { 'content-length': 100 }).write('{"id":', () => response.destroy()),
      'broke',
    ],
    ['never ends', (_request, response) => response.writeHead(200).write('{"id":'), 'did not end in time'],
    ['is too large', (_request, response) => response.end(Buffer.alloc(5000, ' ')), 'larger than MAX_UPSTREAM_BYTES'],
    [
      'says that it is too large',
      (_request, response) => response.writeHead(200, { 'content-length': 5000 }).write('{'),
      'larger than MAX_UPSTREAM_BYTES',
    ],
    [
      'is compressed unasked',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'compressed',
    ],
  ];
  it.each(broken)(
    'R03 also when its body %s: a warning says so, and the record is missing',
    async (_how, answer, warning) => {
      const result = await outcomeOf(answer, { env: { REQUEST_TIMEOUT_MS: '1000', MAX_UPSTREAM_BYTES: '2048' } });
      expect(result).toMatchObject({
        __typename: 'DeleteEngagementSuccess',
        deletedEngagementId: 'e1',
        outcome: 'DELETED',
        engagement: null,
        warnings: [expect.stringContaining(warning)],
      });
    },
  );

  it('whose odd values cost those fields, never the result', async () => {
    const odd = { id: 17, subject: { nested: true }, created_at: 'yesterday', owner: 'somebody', duration: 30 };
    const { engagement, warnings, errors } = await outcomeOf(json(200, odd));
    expect(engagement).toEqual({ id: '17', subject: null, createdAt: null, owner: null, duration: '30' });
    expect(warnings.join(' ')).toMatch(/subject.*created_at.*owner|owner.*subject.*created_at/);
    expect(errors).toBeUndefined();
  });

  it('that names another engagement is told in a warning', async () => {
    const { deletedEngagementId, warnings } = await outcomeOf(json(200, { id: 'e2' }));
    expect(deletedEngagementId).toBe('e1');
    expect(warnings).toContainEqual(expect.stringContaining('another engagement'));
  });

  it.each(['identity', 'Identity', ' IDENTITY '])('is read when it says that it is encoded as %j', async (encoding) => {
    const { warnings } = await outcomeOf(
      json(
        200,
        { id: 'e1', subject: 'x', created_at: null, owner: null, duration: null },
        { 'content-encoding': encoding },
      ),
    );
    expect(warnings).toEqual([]);
  });

  it('brings the rate limit along', async () => {
    const headers = { 'ratelimit-limit': '110;w=10', 'ratelimit-remaining': '108', 'ratelimit-reset': '3' };
    const { rateLimit } = await outcomeOf(json(200, { id: 'e1' }, headers));
    expect(rateLimit).toEqual({ limit: 110, windowMs: 10_000, remaining: 108, resetMs: 3000 });
  });

  it.each([
    ['JSON', json(200, { success: true }), { success: true }],
    ['a string when it is not JSON', ((_request, response) => response.end('<ok/>')) as Answer, '<ok/>'],
    ['nothing for a 204', json(204, undefined), null],
  ])('in the format RAW holds %s', async (_what, answer, raw) => {
    expect(await outcomeOf(answer, { variables: { format: 'RAW' } })).toMatchObject({
      outcome: 'DELETED',
      raw,
      engagement: null,
      // The document selects fields of the record too, which a raw answer does not have.
      warnings: [expect.stringContaining('snapshot: true')],
    });
  });
});

describe('a 2xx whose provider says that it did not delete is no success', () => {
  const denials: [string, unknown][] = [
    ['affinity', { success: false, error: 'Not found' }],
    ['highlevel', { succeded: false }],
    ['monday-crm', { errors: [{ message: 'not allowed' }], data: null }],
    ['zohocrm', { data: [{ code: 'INVALID_DATA', status: 'error' }] }],
  ];
  it.each(denials)('when it says so as %s does', async (integration, raw) => {
    const needsType = { format: 'RAW', type: 'CALL' };
    const known = await outcomeOf(json(200, raw), { variables: needsType, integration });
    expect(known).toMatchObject({ __typename: 'RemoteApiError', statusCode: 200, rawResponse: raw });
    const unknown = await outcomeOf(json(200, raw), { variables: needsType });
    expect(unknown).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 200, rawResponse: raw });
  });

  it("is not concluded from another provider's form, or from a record that has such a field", async () => {
    const record = { id: 'e1', success: false, errors: ['x'], remote_data: { type: 'call', success: false } };
    expect(await outcomeOf(json(200, record), { integration: 'capsule' })).toMatchObject({ outcome: 'DELETED' });
  });

  it.each([
    ["Truto's error form", { statusCode: 403, error: 'Forbidden', message: 'no' }],
    ['a remote error', { id: 'e1', truto_is_remote_error: true }],
    ['a denial without a record', { success: false }],
  ])('but of unknown outcome when it has %s', async (_what, body) => {
    expect(await outcomeOf(json(200, body))).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 200 });
  });

  it('but of unknown outcome for a 207, which may be partial', async () => {
    expect(await outcomeOf(json(207, { id: 'e1' }))).toMatchObject({
      __typename: 'OutcomeUnknownError',
      lastStatusCode: 207,
    });
  });

  it('but of unknown outcome for a page of HTML, which Truto never sends; in RAW it may be the provider that does', async () => {
    const page: Answer = (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    expect(await outcomeOf(page)).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 200 });
    const { outcome, warnings } = await outcomeOf(page, { variables: { format: 'RAW' } });
    expect([outcome, warnings]).toEqual([
      'DELETED',
      [expect.stringContaining('HTML'), expect.stringContaining('snapshot: true')],
    ]);
  });

  it.each([[{ success: true, data: null }], [{ data: { delete_item: { id: '1' } }, errors: [] }], [[false]], [null]])(
    'while %j is a success',
    async (raw) => {
      expect(await outcomeOf(json(200, raw), { variables: { format: 'RAW' } })).toMatchObject({
        outcome: 'DELETED',
        raw,
      });
    },
  );

  it.each(['RAW', 'UNIFIED'])(
    'and a body nested beyond reason is a success that cannot be read, in %s',
    async (format) => {
      const deep: Answer = (_request, response) =>
        response.end(`{"custom_fields":${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
      const { outcome, warnings, errors } = await outcomeOf(deep, { variables: { format } });
      expect([outcome, warnings, errors]).toEqual([
        'DELETED',
        [expect.stringContaining('nested too deeply')],
        undefined,
      ]);
    },
  );
});

describe('R05 a refusal becomes its own member, after one request', () => {
  it.each([
    ['400 of Truto', truto(400), { __typename: 'InvalidInputError', issues: [] }],
    [
      '400 that names a parameter',
      truto(400, {
        truto_error_insight: {
          missing_required_query_parameters: { description: 'd', value: ['engagement_type', 'workspace[id]'] },
        },
      }),
      { __typename: 'InvalidInputError', issues: [{ path: ['engagementType'] }, { path: ['remoteQuery'] }] },
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
      '429 with more seconds than there is time for',
      remote(429, {}, { 'retry-after': '17' }),
      { __typename: 'RateLimitedError', retryAfterMs: 17_000 },
    ],
    ['429 without a word', truto(429), { __typename: 'RateLimitedError', retryAfterMs: null }],
    ['503 for a blocked account', truto(503), { __typename: 'AccountBlockedError', reason: expect.any(String) }],
  ])('%s', async (_what, answer, expected) => {
    const result = await outcomeOf(answer);
    expect(result).toMatchObject(expected);
    expect(result.message).toContain('Nothing was deleted');
    expect(JSON.stringify(result), "S12 upstream's prose stays inside").not.toContain('canary');
  });
});
