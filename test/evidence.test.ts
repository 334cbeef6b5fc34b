import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/*
 * What a 2xx proves, with one upstream and one facade. Each account belongs to one integration, and each case sets what
 * upstream answers next.
 */

const deletion = `mutation ($id: ID!, $account: ID!, $format: ResponseFormat!, $remote: Boolean!) {
  deleteEngagement(id: $id, integratedAccountId: $account, format: $format, engagementType: CALL) {
    __typename
    ... on DeleteEngagementSuccess { outcome raw warnings engagement { id subject status remoteData @include(if: $remote) } }
    ... on RemoteApiError { rawResponse }
    ... on OutcomeUnknownError { message lastStatusCode rawResponse }
  }
}`;

let answer: Answer = json(204, undefined);
const account: Answer = (request, response) => {
  const id = request.path.split('/').at(-1) ?? '';
  json(200, { id, integration: { name: id } })(request, response);
};
const env = { REQUEST_TIMEOUT_MS: '3000', MAX_UPSTREAM_BYTES: '4096', TRUTO_RATE_LIMITS: '0' };
const upstream = await shared(startUpstream((request, response) => answer(request, response), account));
const facade = await shared(startTestFacade(upstream.url, env));

interface Case {
  readonly format?: string;
  readonly integration?: string;
  readonly id?: string;
  readonly remote?: boolean;
}

async function deleted(
  next: Answer,
  { format = 'UNIFIED', integration = 'unheard-of', id = 'e1', remote = false }: Case = {},
) {
  answer = next;
  const { body } = await facade.post(deletion, { id, account: integration, format, remote });
  expect(body.errors).toBeUndefined();
  return body.data.deleteEngagement;
}

const typed =
  (contentType: string | string[] | undefined, text: string | Buffer, headers: object = {}): Answer =>
  (_request, response) => {
    if (contentType !== undefined) response.setHeader('content-type', contentType);
    response.writeHead(200, { ...headers }).end(text);
  };

/** The ways in which a provider's body reaches a caller, each with its wrapper. */
const ways: readonly (readonly [string, Case, (body: unknown) => unknown])[] = [
  ['in RAW', { format: 'RAW' }, (body) => body],
  ['in UNIFIED', { format: 'UNIFIED' }, (body) => body],
  ['in NORMALIZED', { format: 'NORMALIZED' }, (body) => body],
  ['in remote_data', { remote: true }, (body) => ({ id: 'e1', remote_data: body })],
];

/** Bodies that read like a refusal, from any sender. */
const refusals: readonly unknown[] = [
  { statusCode: 403, error: 'Forbidden', message: 'no' },
  { statusCode: '500' },
  { truto_is_remote_error: true },
  { http_status: 404 },
  { status: 404 },
  { error: 'no' },
  { error: { code: 404 } },
  { id: 'e1', error: 'no' },
  { errors: ['no'] },
  { errors: { base: ['no'] } },
  { error_code: 'UserUnauthorizedException', error_message: 'no', status_code: 403 },
  { errorMessage: 'no' },
  { success: false },
  { success: 'false' },
  { succeeded: false },
  { succeded: false },
  { ok: false },
  { id: 'e1', deleted: false },
  { status: 'error' },
  { status: 'fail' },
  { status: 'ERROR' },
  { data: [{ code: 'INVALID_DATA', status: 'error' }] },
  { data: [{ id: 'e1' }, { error: 'no' }] },
  { data: { success: false } },
  { data: [], errors: [{ message: 'no' }] },
  { data: { delete_item: null }, errors: [{ message: 'no' }] },
  { data: {}, errors: [{ message: 'no' }] },
  [{ error: 'no' }],
  { status: 'fail', data: { id: 'e1' } },
];

/** Bodies that must be a success, from any sender. */
const successes: readonly unknown[] = [
  {},
  { id: 'e1' },
  { success: true, data: null },
  { success: true, data: { id: 'e1' } },
  { id: 'e1', is_deleted: true },
  { id: 'e1', error: null, errors: [] },
  { id: 'e1', error: '', errors: {} },
  { data: [{ code: 'SUCCESS', details: { id: 'e1' }, message: 'record deleted', status: 'success' }] },
  { data: { delete_item: { id: 'e1' } }, errors: [] },
  { succeded: true },
  { status: 200 },
  { status_code: 200, http_status: '204' },
  // Half of a page is no page.
  { result: [{ id: 'e2' }] },
  { next_cursor: null },
  true,
];

const integrations = ['unheard-of', 'affinity', 'capsule', 'close', 'mondaycrm', 'pipedrive', 'planhat', 'zohocrm'];

describe.each(ways)('R10 a 2xx %s', (_where, options, wrap) => {
  it.each(refusals)('is never a success with %j, for any integration', async (body) => {
    for (const integration of integrations) {
      const { __typename } = await deleted(json(200, wrap(body)), { ...options, integration });
      expect(['OutcomeUnknownError', 'RemoteApiError'], integration).toContain(__typename);
    }
  });

  it.each(successes)('is a success with %j, for any integration', async (body) => {
    for (const integration of integrations) {
      const result = await deleted(json(200, wrap(body)), { ...options, integration });
      expect(result, integration).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    }
  });
});

describe('R10 a 2xx of a page, a portal or a proxy leaves the outcome unknown', () => {
  const page = '<!doctype html><title>Sign in</title>';
  it.each<[string, Answer]>([
    ['TEXT/HTML', typed('TEXT/HTML; charset=utf-8', page)],
    ['application/xhtml+xml', typed('application/xhtml+xml', page)],
    ['no type', typed(undefined, page)],
    ['the type of JSON', typed('application/json', page)],
    ['two types', typed(['application/json', 'text/html'], '{}')],
    ['two types in one header', typed('application/json, text/html', '{}')],
    ['the type of a page and JSON', typed('text/html', '{"id":"e1"}')],
    ['the type of a page and no body', typed('text/html', '')],
    ['a byte order mark in front', typed('text/plain', `\uFEFF${page}`)],
    ['gzip', typed('text/html', 'x', { 'content-encoding': 'gzip' })],
    ['plain text', typed('text/plain', 'OK')],
    ['a text in JSON', json(200, 'deleted')],
    ['null', typed('application/json', 'null')],
    ['false', json(200, false)],
    ['a number', json(200, 0)],
    ['half of its JSON', typed('application/json', '{"id":"e1"')],
  ])('with %s, in each format', async (_what, next) => {
    for (const format of ['UNIFIED', 'NORMALIZED', 'RAW']) {
      expect(await deleted(next, { format }), format).toMatchObject({
        __typename: 'OutcomeUnknownError',
        lastStatusCode: 200,
      });
    }
  });

  it.each([203, 205, 206, 207, 226, 299])('with status %i', async (status) => {
    const result = await deleted(json(status, status === 205 ? undefined : { id: 'e1' }));
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: status });
  });

  it("reads Truto's error form behind a byte order mark", async () => {
    const form = '\uFEFF{"statusCode":403,"error":"Forbidden","message":"no"}';
    expect(await deleted(typed('application/json', form))).toMatchObject({ __typename: 'OutcomeUnknownError' });
  });

  it('reads a record behind a byte order mark', async () => {
    const result = await deleted(typed('Application/JSON; charset=utf-8', '\uFEFF{"id":"e1","subject":"x"}'));
    expect(result).toMatchObject({ outcome: 'DELETED', engagement: { subject: 'x' } });
  });
});

describe('R10 a provider that documents its refusals with status 200', () => {
  const no = { message: 'no' };
  it.each([
    ['affinity', { success: false }],
    ['highlevel', { succeded: false }],
    ['pipedrive', { success: false, error: 'no' }],
    ['pipeliner', { success: false }],
    ['zohocrm', { data: [{ code: 'INVALID_DATA', status: 'error' }] }],
    ['zohocrm', { code: 'INVALID_DATA', status: 'error' }],
    ['mondaycrm', { data: [], errors: [no] }],
    ['mondaycrm', { data: null, errors: [no] }],
    ['mondaycrm', { data: {}, errors: [no] }],
    ['mondaycrm', { data: { delete_update: null }, errors: [no] }],
    ['mondaycrm', { data: { delete_update: null }, errors: [{ ...no, path: ['delete_update'] }] }],
    ['mondaycrm', { error_code: 'ItemsLimitationException', error_message: 'no', status_code: 400 }],
  ])('%s refuses with %j, in RAW and remoteData', async (integration, body) => {
    const refused = { __typename: 'RemoteApiError', rawResponse: body };
    expect(await deleted(json(200, body), { format: 'RAW', integration })).toMatchObject(refused);
    const record = { id: 'e1', remote_data: body };
    expect(await deleted(json(200, record), { remote: true, integration })).toMatchObject(refused);
  });

  it.each([
    ['a field that is null without an error', { data: { delete_update: null } }],
    ['an error that names another field', { data: { delete_update: null }, errors: [{ ...no, path: ['me'] }] }],
    ['a record and an error for it', { data: { delete_update: { id: 'e1' } }, errors: [{ path: ['delete_update'] }] }],
    ['an error code together with a record', { data: { delete_update: { id: 'e1' } }, error_code: 'X' }],
    [
      'one field of two',
      { data: { delete_item: null, delete_update: { id: 'e1' } }, errors: [{ ...no, path: ['delete_item'] }] },
    ],
    ['a record and a status of failure', { data: { delete_update: { id: 'e1' } }, errors: [no], status_code: 500 }],
  ])('leaves the outcome unknown when Monday answers %s', async (_what, body) => {
    const result = await deleted(json(200, body), { format: 'RAW', integration: 'mondaycrm' });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', rawResponse: body });
  });

  it.each([
    { data: { delete_update: { id: 'e1' } }, errors: [{ ...no, path: ['me'] }] },
    { data: { delete_update: { id: 'e1' } }, errors: [{ ...no, path: ['delete_update', 'creator'] }] },
  ])('has a success with a warning when Monday answers %j', async (body) => {
    const result = await deleted(json(200, body), { format: 'RAW', integration: 'mondaycrm' });
    expect(result).toMatchObject({ outcome: 'DELETED', raw: body });
    expect(result.warnings).toContainEqual(expect.stringContaining('lists errors'));
  });

  it('has no refusal when Zoho refuses one record of two', async () => {
    const body = { data: [{ code: 'SUCCESS', details: { id: 'e1' }, status: 'success' }, { status: 'error' }] };
    const result = await deleted(json(200, body), { format: 'RAW', integration: 'zohocrm' });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', rawResponse: body });
  });

  it('is refused only in its own form: with another integration the outcome is unknown', async () => {
    const result = await deleted(json(200, { success: false }), { format: 'RAW', integration: 'zohocrm' });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError' });
  });
});

it.each(['error', 'fail'])('R10 the record of an engagement may have its own status %j', async (status) => {
  expect(await deleted(json(200, { id: 'e1', status }))).toMatchObject({
    outcome: 'DELETED',
    engagement: { status },
  });
});

it.each([null, ''])("R10 a record without the provider's body is a success: remote_data is %j", async (remoteData) => {
  const result = await deleted(json(200, { id: 'e1', remote_data: remoteData }), { remote: true });
  expect(result).toMatchObject({ outcome: 'DELETED' });
});

describe('R10 an invalid id in an answer', () => {
  it.each([[{ toString: null }], [{ valueOf: 1 }], [['e2']], [[]], [true]])(
    '%j loses that field, never the result',
    async (id) => {
      for (const format of ['UNIFIED', 'RAW']) {
        const result = await deleted(json(200, { id, subject: 'x' }), { format });
        expect(result, format).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
      }
    },
  );

  it.each(['error', 'fail'])("and the status %j of the provider's own record is a success", async (status) => {
    const raw = { _id: 'e1', status };
    expect(await deleted(json(200, raw), { format: 'RAW', integration: 'planhat' })).toMatchObject({ raw });
  });
});

describe('R10 an answer with another id belongs to another request', () => {
  it.each<[string, Case, unknown]>([
    ['in UNIFIED', {}, { id: 'e2', subject: 'secret' }],
    ['in NORMALIZED', { format: 'NORMALIZED' }, { id: 'e2', subject: 'secret' }],
    ['as a number', {}, { id: 2, subject: 'secret' }],
    ['in RAW', { format: 'RAW' }, { id: 'e2', subject: 'secret' }],
    ["in RAW as Planhat's", { format: 'RAW' }, { _id: 'e2', subject: 'secret' }],
    ['in data', { format: 'RAW' }, { success: true, data: { id: 'e2', subject: 'secret' } }],
    [
      "in Zoho's details",
      { format: 'RAW' },
      { data: [{ details: { id: 'e2' }, status: 'success', subject: 'secret' }] },
    ],
    ['in data of UNIFIED', {}, { data: { id: 'e2', subject: 'secret' } }],
    ['in a list of UNIFIED', {}, [{ id: 'e2', subject: 'secret' }]],
    ['although remote_data has its id', { remote: true }, { id: 'e2', remote_data: { id: 'e1', subject: 'secret' } }],
    ['in remote_data alone', { remote: true }, { remote_data: { data: { id: 'e2', subject: 'secret' } } }],
    ['as a page of a list', {}, { result: [{ id: 'e1', subject: 'secret' }], next_cursor: null }],
    ['as a page of a list in RAW', { format: 'RAW' }, { result: [{ id: 'e1', subject: 'secret' }], next_cursor: null }],
    ["in Monday's field", { format: 'RAW' }, { data: { delete_update: { id: 'e2', text: 'secret' } } }],
    [
      'together with a refusal',
      { format: 'RAW', integration: 'pipedrive' },
      { success: false, data: { id: 'e2' }, of: 'secret' },
    ],
  ])('%s: the outcome is unknown, its record is dropped, its connection is closed', async (_where, options, body) => {
    let connection: Socket | null = null;
    const result = await deleted((request, response) => {
      connection = response.socket;
      json(200, body)(request, response);
    }, options);
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', rawResponse: null });
    expect(JSON.stringify(result)).not.toContain('secret');
    await expect.poll(() => connection?.destroyed).toBe(true);
  });

  it.each([
    ['12', '00012'],
    ['00012', 12],
    ['3F2504E0-4F89-41D3-9A0C-0305E82C3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', '{3F2504E0-4F89-41D3-9A0C-0305E82C3301}'],
    ['3F2504E04F8941D39A0C0305E82C3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['6E66C87E5CD13C3C79A3AE09', '6e66c87e5cd13c3c79a3ae09'],
  ])('but %j and %j are the same id', async (id, answered) => {
    expect(await deleted(json(200, { id: answered }), { id })).toMatchObject({ outcome: 'DELETED' });
  });

  it.each([
    ['12', '120'],
    ['0', ''],
    ['AbCdEfGhIjKlMnOpQrSt', 'abcdefghijklmnopqrst'],
  ])('and %j and %j are not', async (id, answered) => {
    const { __typename } = await deleted(json(200, { id: answered }), { id });
    expect(__typename).toBe(answered === '' ? 'DeleteEngagementSuccess' : 'OutcomeUnknownError');
  });
});

describe('R10 a 2xx after an attempt without a clear answer', () => {
  const body = { success: false, error: 'no' };
  it.each<[string, Answer, Case]>([
    ["the provider's own refusal", json(200, body), { format: 'RAW', integration: 'pipedrive' }],
    [
      "the provider's own refusal in remoteData",
      json(200, { remote_data: body }),
      { remote: true, integration: 'pipedrive' },
    ],
    ['an error form', json(200, { errorMessage: 'no' }), {}],
    ['a page', typed('text/html', '<html>'), {}],
    ['another id', json(200, { id: 'e2' }), {}],
    ['a 206', json(206, {}), {}],
  ])('leaves the outcome unknown when it is %s', async (_what, second, options) => {
    let attempts = 0;
    const result = await deleted((request, response) => {
      attempts += 1;
      if (attempts === 1) json(502, { statusCode: 502, error: 'Bad Gateway', message: '' })(request, response);
      else second(request, response);
    }, options);
    expect(result.__typename).toBe('OutcomeUnknownError');
    expect(attempts).toBe(2);
  });
});
