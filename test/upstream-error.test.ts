import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deletePaths } from '../src/engagement/input.ts';
import { readUpstreamError, type UpstreamError } from '../src/engagement/refusal.ts';
import { runs } from './support/runs.ts';

const nothing: UpstreamError = {
  statusCode: undefined,
  isFromTruto: false,
  isRemote: false,
  missing: undefined,
  rawResponse: undefined,
  missingParameters: [],
  missingFields: [],
  refusedParameters: [],
  missingScopes: [],
};
const plain = { statusCode: 400, error: 'Bad Request', message: 'no' };
const saying = (message: unknown) => ({ ...plain, message });
const failures = (...failures: unknown[]) => ({ ...plain, details: { failures } });
const notFound = (message: string) => ({ statusCode: 404, error: 'Not Found', message });
const insight = (truto_error_insight: unknown) => ({ ...plain, truto_error_insight });
const missing = (value: unknown) => insight({ missing_required_query_parameters: value });
const scopes = (value: unknown) => insight({ forbidden_error: value });

describe('readUpstreamError', () => {
  it.each<[string, unknown, Partial<UpstreamError>]>([
    ['a refusal of Truto itself', plain, {}],
    ['a refusal that denies being remote', { ...plain, truto_is_remote_error: false }, {}],
    [
      "a provider's refusal with its JSON",
      { ...plain, truto_is_remote_error: true, raw_response: { code: 'INVALID_DATA', details: {} } },
      { isRemote: true, rawResponse: { code: 'INVALID_DATA', details: {} } },
    ],
    [
      "a provider's refusal with its text, and no message",
      { statusCode: 502, message: '', truto_is_remote_error: true, raw_response: '<html>' },
      { isRemote: true, rawResponse: '<html>' },
    ],
    [
      'a provider without an answer',
      { ...plain, truto_is_remote_error: true, raw_response: null },
      { isRemote: true, rawResponse: null },
    ],
    [
      'missing parameters with their description',
      missing({ description: 'These are required.', value: ['engagement_type', 'sort_by'] }),
      { missingParameters: ['engagement_type', 'sort_by'] },
    ],
    ['a message that begins with a parameter', saying('subject is required'), { refusedParameters: ['subject'] }],
    [
      'a message that quotes parameters',
      saying('Bad "status" or `contact`'),
      { refusedParameters: ['status', 'contact'] },
    ],
    ['messages of a list', saying(['engagement_type must be', 'x']), { refusedParameters: ['engagement_type'] }],
    ['words of English in a message as words', saying('The account has no status or subject'), {}],
    ['a message that names no argument', saying('tenant_region is required'), { refusedParameters: ['tenant_region'] }],
    ['a name in the middle of a message as a word', saying('The call_id is unknown'), {}],
    [
      "a provider's message as its own",
      { ...saying('subject is required'), truto_is_remote_error: true, raw_response: null },
      { isRemote: true, rawResponse: null },
    ],
    [
      'failures that name their field',
      failures({ field: 'status' }, { path: ['query', 'workspace[id]'] }, { property: 'x y' }, 'z', { name: 7 }),
      { refusedParameters: ['status', 'query.workspace[id]'] },
    ],
    [
      'missing body fields',
      insight({ missing_required_body_fields: { description: 'd', value: ['reason'] } }),
      { missingFields: ['reason'] },
    ],
    ['missing parameters as a bare list', missing(['engagement_type']), { missingParameters: ['engagement_type'] }],
    [
      'missing scopes',
      scopes({ description: 'Not permitted.', value: { missing_scopes: ['crm.delete', 'engagements:delete'] } }),
      { missingScopes: ['crm.delete', 'engagements:delete'] },
    ],
    ['an account that is missing', notFound('Integrated account not found'), { statusCode: 404, missing: 'account' }],
    ['a route that is missing', notFound('Cannot GET /integrated-account/a'), { statusCode: 404, missing: 'route' }],
    ['a record that is missing', notFound('Engagement not found in integrated account a'), { statusCode: 404 }],
    [
      'a missing record, not a missing account',
      notFound('Integrated account has no such engagement'),
      { statusCode: 404 },
    ],
    ['the words of another status', { ...plain, message: 'Integrated account not found' }, {}],
    [
      "the provider's words",
      { ...notFound('Integrated account not found'), truto_is_remote_error: true },
      { statusCode: 404, isRemote: true },
    ],
    [
      'conditionally required parameters, which are no violation',
      insight({ conditionally_required_query_parameters: { description: 'x', value: { sort_by: {} } } }),
      {},
    ],
    [
      'insights that have a description only',
      insight({ rate_limit_error: { description: 'x' }, remote_error: { description: 'x' } }),
      {},
    ],
    [
      'a valid insight together with a malformed one',
      insight({ missing_required_query_parameters: 7, forbidden_error: { value: { missing_scopes: ['a'] } } }),
      { missingScopes: ['a'] },
    ],
    ['missing scopes that are the insight itself', scopes({ missing_scopes: ['a'] }), { missingScopes: ['a'] }],
    ['missing parameters that are a text', missing('engagement_type'), {}],
    ['missing parameters that are null', missing(null), {}],
    ['an insight of another form', insight('engagement_type'), {}],
    ['an insight that is a list', insight([]), {}],
    ['missing parameters that are no texts', missing({ value: [1, 2] }), {}],
    ['missing parameters without a value', missing({ description: 'x' }), {}],
    ['more missing parameters than any resource has', missing(Array(101).fill('x')), {}],
    ['missing parameters with prose for names', missing(['a name of words']), {}],
    ['missing parameters with endless names', missing(['x'.repeat(201)]), {}],
    ['missing scopes that are a text', scopes({ value: { missing_scopes: 'crm.delete' } }), {}],
    ['a doubtful claim to be remote', { ...plain, truto_is_remote_error: 'true' }, {}],
    ['undocumented members', { ...plain, details: { failures: [] }, token: 'x', '': 1 }, {}],
  ])('reads %s', (_what, body, expected) => {
    expect(readUpstreamError(body, deletePaths)).toEqual({
      ...nothing,
      statusCode: (body as { statusCode?: number }).statusCode,
      isFromTruto: true,
      ...expected,
    });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'upstream connect error'],
    ['a number', 502],
    ['a list', [plain]],
    ['an empty object', {}],
    ['an error body of another server', { error: { code: 404 } }],
    ['a status that is a text', { statusCode: '400', message: 'x' }],
  ])('recognizes that %s is not from Truto, and reads nothing of it', (_what, body) => {
    expect(readUpstreamError(body, deletePaths)).toEqual(nothing);
  });

  it('still reads the rest if the status is missing or malformed', () => {
    for (const statusCode of [undefined, null, '404', [404]]) {
      const body = { ...scopes(['x']), statusCode, truto_is_remote_error: true, raw_response: 'gone' };
      expect(readUpstreamError(body, deletePaths)).toEqual({ ...nothing, isRemote: true, rawResponse: 'gone' });
    }
  });

  it('S13 takes nothing from __proto__', () => {
    const body = JSON.parse('{"__proto__":{"statusCode":503,"truto_is_remote_error":true},"constructor":{}}');
    expect(readUpstreamError(body, deletePaths)).toEqual(nothing);
  });
});

describe('S12 readUpstreamError', () => {
  const any = fc.jsonValue();
  const value = fc.oneof(any, fc.record({ description: any, value: any }), fc.array(fc.string()));
  const nearly = fc.record(
    {
      statusCode: fc.oneof(fc.integer(), any),
      truto_is_remote_error: fc.oneof(fc.boolean(), any),
      raw_response: any,
      truto_error_insight: fc.oneof(
        any,
        fc.record({ missing_required_query_parameters: value, forbidden_error: value }, { requiredKeys: [] }),
      ),
    },
    { requiredKeys: [] },
  );

  it('never throws and always returns the same form, for any JSON', () => {
    fc.assert(
      fc.property(fc.oneof(any, nearly), (json) => {
        const error = readUpstreamError(json, deletePaths);
        expect(Object.keys(error).sort()).toEqual(Object.keys(nothing).sort());
        expect([typeof error.isFromTruto, typeof error.isRemote]).toEqual(['boolean', 'boolean']);
        for (const name of [...error.missingParameters, ...error.missingScopes]) expect(typeof name).toBe('string');
        if (typeof (json as { statusCode?: unknown } | null)?.statusCode !== 'number')
          expect(error.isFromTruto).toBe(false);
      }),
      { numRuns: runs(2000) },
    );
  });

  it("leaves out upstream's own prose", () => {
    const canary = 'https://user:CANARY@internal.example';
    const described = { description: canary, value: ['sort_by'] };
    const body = { ...missing(described), error: canary, message: canary, headers: { authorization: canary } };
    expect(JSON.stringify(readUpstreamError(body, deletePaths))).not.toContain('CANARY');
    expect(readUpstreamError(body, deletePaths).missingParameters).toEqual(['sort_by']);
  });
});
