import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkId } from '../src/engagement/rules.ts';
import { startTestFacade } from './support/facade.ts';
import { hasDotSegment, refusedIds, takenIds } from './support/ids.ts';
import { noContent, record, startRawUpstream } from './support/raw-upstream.ts';
import { runs } from './support/runs.ts';
import { shared } from './support/shared.ts';

const upstream = await shared(startRawUpstream([noContent], { onRead: record({ id: 'e1', subject: 'Hello' }) }));
const facade = await shared(startTestFacade(upstream.url, { TRUTO_RATE_LIMITS: '0' }));

const removal = `mutation ($id: ID! = "e1", $account: ID! = "a") {
  deleteEngagement(id: $id, integratedAccountId: $account) { __typename ... on InvalidInputError { issues { path } } } }`;
const reading = `query ($id: ID! = "e1", $account: ID! = "a") {
  engagement(id: $id, integratedAccountId: $account) { subject } }`;

const engagements = /^(DELETE|GET) \/unified\/crm\/engagements\/([^/?#\s]+)\?[\x21-\x7e]+ HTTP\/1\.1\r\n/;
const accounts = /^(GET) \/integrated-account\/([^/?#\s]+) HTTP\/1\.1\r\n/;

/** Positions of an id in a request, and the upstream requests with that path segment. */
const positions = [
  ['an engagement to delete', removal, 'id', /^DELETE /, engagements],
  ['an engagement to read', reading, 'id', /^GET \/unified/, engagements],
  ['the account of a delete', removal, 'account', /^GET \/integrated-account/, accounts],
] as const;

/** Posts it. Returns the requests upstream and the response. */
async function send(document: string, variables: object) {
  const before = upstream.requests.length;
  const { body } = await facade.post(document, variables);
  return { body, heads: upstream.requests.slice(before).map(({ head }) => head) };
}

describe.each(positions)('S04 the id of %s', (_what, document, variable, which, form) => {
  it.each(takenIds)('is the last path segment of one request, byte for byte: %j', async (id) => {
    const { heads } = await send(document, { [variable]: id });
    const [head = '', ...others] = heads.filter((one) => which.test(one));
    expect(others).toEqual([]);
    const segment = form.exec(head)?.[2] ?? '';
    expect(decodeURIComponent(segment)).toBe(id);
  });

  it.each(refusedIds)('costs no request when it is %s', async (_why, id) => {
    const { heads, body } = await send(document, { [variable]: id });
    expect(heads).toEqual([]);
    const [{ extensions } = { extensions: undefined }] = body.errors ?? [];
    if (document === reading) expect(extensions).toMatchObject({ code: 'INVALID_INPUT' });
    else expect(body.data.deleteEngagement.__typename).toBe('InvalidInputError');
  });
});

it('S04 the list of refused ids has every kind of them', () => {
  expect(refusedIds.length).toBeGreaterThanOrEqual(15);
  expect(new Set(refusedIds.map(([, id]) => id)).size).toBe(refusedIds.length);
});

describe('S04 of the accepted ids', () => {
  const pieces = [
    '.',
    '..',
    '/',
    '\\',
    ';',
    '%',
    '%2e',
    '%2E',
    '%2f',
    '%5C',
    '%25',
    '%3b',
    '%32',
    '%45',
    '%c0',
    '25',
    '2e',
    '2F',
    'a',
    ' ',
    '\u00e9',
  ];
  const id = fc.string({ unit: fc.constantFrom(...pieces), minLength: 1, maxLength: 8 });
  const isTaken = (text: string) => checkId(text, ['id']).length === 0;

  it('none has a dot segment, plain or decoded once or twice', () => {
    fc.assert(
      fc.property(id, (text) => {
        fc.pre(isTaken(text));
        expect(hasDotSegment(text)).toBe(false);
      }),
      { numRuns: runs(20_000) },
    );
  });

  it('none without a dot segment is missing', () => {
    fc.assert(
      fc.property(id, (text) => {
        fc.pre(!hasDotSegment(text));
        expect(isTaken(text)).toBe(true);
      }),
      { numRuns: runs(20_000) },
    );
  });
});
