import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeleteEngagementInput } from '../src/engagement/input.ts';
import { buildDeleteRequest, buildIntegratedAccountRequest } from '../src/engagement/request.ts';
import { checkWellFormed } from '../src/engagement/rules.ts';
import { hasDotSegment, refusedIds, takenIds } from './support/ids.ts';
import { runs } from './support/runs.ts';

const everything = { fields: new Set([] as const), noteFields: new Set([] as const), chunks: false };

function inputWith(rest: Partial<DeleteEngagementInput>): DeleteEngagementInput {
  return { id: 'e1', integratedAccountId: 'account-1', format: 'unified', ...rest };
}

function deleteRequest(rest: Partial<DeleteEngagementInput>) {
  return buildDeleteRequest(inputWith(rest), everything, 'Bearer token');
}

function isRefused(rest: Partial<DeleteEngagementInput>): boolean {
  return checkWellFormed(inputWith(rest)).length > 0;
}

/** Fails unless the request target addresses exactly the resource with that id, for a URL parser too. */
function expectOneSegment(target: string, collection: string, id: string): void {
  const path = target.split('?', 1)[0] ?? '';
  expect(path.startsWith(collection)).toBe(true);
  const segments = path.slice(collection.length).split('/');
  expect(segments.map(decodeURIComponent)).toEqual([id]);
  expect(new URL(target, 'http://h').pathname).toBe(path);
  expect(target).toMatch(/^[\x21-\x7e]+$/);
  expect(target).not.toContain('#');
}

function expectOneEngagement(id: string): void {
  expectOneSegment(deleteRequest({ id }).path, '/unified/crm/engagements/', id);
}

function expectOneAccount(id: string): void {
  expectOneSegment(buildIntegratedAccountRequest(id, 'Bearer token').path, '/integrated-account/', id);
}

/** Any UTF-16 text, with half pairs, whole pairs, and characters that are special in a path. */
const anyText = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: 'binary', size: 'medium' }),
  fc.string({ unit: 'grapheme', minLength: 480, maxLength: 540 }),
  fc.string({ unit: fc.constantFrom('.', '..', '/', '\\', '%', '%2e', '%2F', '?', '#', ';', ':', '@', ' ', 'a') }),
);

describe('S04 the id of an engagement', () => {
  it.each(refusedIds)('is refused when it is %s', (_what, id) => {
    expect(checkWellFormed(inputWith({ id }))).toMatchObject([{ severity: 'REFUSAL', path: ['id'] }]);
  });

  it.each(takenIds)('becomes one path segment: %j', (id) => {
    expect(isRefused({ id })).toBe(false);
    expectOneEngagement(id);
  });

  it('of any text is refused or becomes one path segment that decodes to it', () => {
    fc.assert(
      fc.property(anyText, (id) => {
        if (!isRefused({ id })) expectOneEngagement(id);
      }),
      { numRuns: runs(2000) },
    );
  });

  it('is accepted if it is well-formed text of 1 to 512 characters without control characters, U+FFFD and dot segments', () => {
    fc.assert(
      fc.property(anyText, (id) => {
        const isFit = id.isWellFormed() && id.length > 0 && id.length <= 512 && !/[\p{Cc}\ufffd]/u.test(id);
        expect(isRefused({ id })).toBe(!isFit || hasDotSegment(id));
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('S04 the id of an integrated account', () => {
  it.each(refusedIds)('is refused when it is %s', (_what, integratedAccountId) => {
    const found = checkWellFormed(inputWith({ integratedAccountId }));
    expect(found).toMatchObject([{ severity: 'REFUSAL', path: ['integratedAccountId'] }]);
  });

  it.each(takenIds)('becomes one path segment of the look-up: %j', (integratedAccountId) => {
    expect(isRefused({ integratedAccountId })).toBe(false);
    expectOneAccount(integratedAccountId);
  });

  it('of any text is refused or becomes one path segment of the look-up', () => {
    fc.assert(
      fc.property(anyText, (integratedAccountId) => {
        if (!isRefused({ integratedAccountId })) expectOneAccount(integratedAccountId);
      }),
      { numRuns: runs(2000) },
    );
  });
});

it('S04 the ids in the parameters are refused with their path', () => {
  const parameters = { account: { id: '' }, contacts: [{ id: 'fine' }, { id: '\ud800' }] };
  const found = checkWellFormed(inputWith({ parameters }));
  expect(found.map(({ path }) => path.join('.'))).toEqual(['parameters.account.id', 'parameters.contacts.1.id']);
});

describe('S06 text that a request line cannot contain', () => {
  /** Every position of a caller's text in a request. */
  const positions: readonly (readonly [position: string, (text: string) => Partial<DeleteEngagementInput>])[] = [
    ['parameters.content', (content) => ({ parameters: { content } })],
    ['parameters.subject', (subject) => ({ parameters: { subject } })],
    ['parameters.direction', (direction) => ({ parameters: { direction } })],
    ['parameters.status', (status) => ({ parameters: { status } })],
    ['remoteQuery.x', (x) => ({ remoteQuery: { x } })],
    ['remoteQuery.x.0', (item) => ({ remoteQuery: { x: [item] } })],
  ];
  /** Every position of a name that a caller makes up. */
  const names: typeof positions = [
    ['remoteQuery.x', (name) => ({ remoteQuery: { x: { [name]: 'y' } } })],
    ['remoteQuery', (name) => ({ remoteQuery: { [name]: 'y' } })],
    ['trutoQuery', (name) => ({ trutoQuery: { [name]: 'y' } })],
  ];

  it.each([...positions, ...names])('with half of a surrogate pair is refused in %s', (position, inputOf) => {
    for (const text of ['\ud800', 'a\udfff', '\udc00\ud800']) {
      const found = checkWellFormed(inputWith(inputOf(text)));
      expect(found.map(({ severity, path }) => [severity, path.join('.')])).toEqual([['REFUSAL', position]]);
    }
  });

  it.each(positions)('with line breaks and the end of a header block is escaped in %s', (_position, inputOf) => {
    const input = inputOf('a\r\nx-evil: 1\r\n\r\nDELETE /');
    expect(isRefused(input)).toBe(false);
    expect(deleteRequest(input).path).toMatch(/^[!-~]+$/);
    expect(deleteRequest(input).path).toContain('a%0D%0Ax-evil%3A%201%0D%0A%0D%0ADELETE%20%2F');
    expect(deleteRequest(input).headers).toEqual(deleteRequest({}).headers);
  });

  it.each(names)('with a control character is refused in a name in %s', (position, inputOf) => {
    for (const text of ['a\r\nx-evil: 1', 'a\0', '\u0085']) {
      const found = checkWellFormed(inputWith(inputOf(text)));
      expect(found.map(({ severity, path }) => [severity, path.join('.')])).toEqual([['REFUSAL', position]]);
    }
  });
});

describe('S06 with any input', () => {
  const mostlyFit = fc.oneof({ arbitrary: fc.string({ unit: 'binary', minLength: 1 }), weight: 9 }, anyText);
  const text = fc.oneof(mostlyFit, fc.constantFrom('\r\n', '\u0000', 'a\r\nx-evil: 1\r\n\r\nDELETE /'));
  const input = fc.record({
    id: fc.oneof({ arbitrary: fc.string({ unit: 'grapheme', minLength: 1 }), weight: 9 }, anyText),
    integratedAccountId: fc.constantFrom('account-1', 'a b&c=d#e?f/..', '🦊', '\r\n'),
    parameters: fc.record({ content: text, subject: text, direction: text, status: text }),
    remoteQuery: fc.dictionary(text, fc.oneof(text, fc.array(text), fc.dictionary(text, text))),
  });
  const { path: _path, ...usual } = deleteRequest({});

  it('the request is refused, or its method and headers stay the same and its target is printable ASCII without a fragment', () => {
    fc.assert(
      fc.property(input, (rest) => {
        if (isRefused(rest)) return;
        const { path, ...others } = deleteRequest(rest);
        expect(others).toEqual(usual);
        expect(path).toMatch(/^\/unified\/crm\/engagements\/[\x21-\x7e]+$/);
        expect(path).not.toContain('#');
        expectOneEngagement(rest.id);
      }),
      { numRuns: runs(1000) },
    );
  });
});
