import fc from 'fast-check';
import { isEnumType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { type DeleteEngagementInput, type EngagementType, engagementTypes } from '../src/engagement/input.ts';
import { findIntegration, type IntegrationSupport, integrations } from '../src/engagement/integrations.ts';
import {
  checkEmailOnly,
  checkIntegration,
  checkLength,
  checkWellFormed,
  findContradicted,
} from '../src/engagement/rules.ts';
import { documented, withoutDelete, words } from './support/documented-integrations.ts';
import { runs } from './support/runs.ts';
import { schema } from './support/schema.ts';

const everyParameter = {
  sortBy: 'created_at',
  content: 'c',
  subject: 's',
  direction: 'inbound',
  createdAt: new Date(0),
  updatedAt: new Date(0),
  status: 'done',
  account: { id: 'a' },
  contacts: [{ id: 'b' }],
} as const;

function inputWith(rest: Partial<DeleteEngagementInput>): DeleteEngagementInput {
  return { id: 'e1', integratedAccountId: 'account-1', format: 'unified', ...rest };
}

function check(name: string, rest: Partial<DeleteEngagementInput>) {
  return checkIntegration(inputWith(rest), findIntegration(name));
}

describe.each(documented)('%s', (name, need, types, listed) => {
  const allowed = words(types).map((type) => type.toUpperCase());

  it.each([undefined, null])('with engagementType %s refuses only if the type is required', (engagementType) => {
    const expected = need === 'REQUIRED' ? [{ severity: 'REFUSAL', allowedValues: allowed }] : [];
    expect(check(name, { engagementType })).toMatchObject(expected);
  });

  it.each(engagementTypes)('with engagementType %s finds what the table documents', (engagementType) => {
    const refused = { severity: 'REFUSAL', path: ['engagementType'], allowedValues: allowed };
    const warned = { severity: 'WARNING', path: ['engagementType'], allowedValues: [] };
    const expected = need === '' ? [warned] : words(types).includes(engagementType) ? [] : [refused];
    expect(check(name, { engagementType })).toMatchObject(expected);
  });

  it('warns about exactly the parameters it does not list, and refuses none', () => {
    const engagementType = words(types)[0] as EngagementType | undefined;
    const found = check(name, { engagementType, parameters: everyParameter });
    const unlisted = Object.keys(everyParameter).filter((parameter) => !words(listed).includes(parameter));
    expect(found.map(({ path }) => path)).toEqual(unlisted.map((parameter) => ['parameters', parameter]));
    expect(new Set(found.map(({ severity }) => severity))).toEqual(new Set(['WARNING']));
  });

  it('names itself and every accepted value in its message', () => {
    for (const { severity, message } of check(name, { engagementType: need === '' ? 'call' : undefined })) {
      expect(message).toContain(name);
      if (severity === 'REFUSAL') expect(message).toContain(allowed.join(', '));
    }
  });
});

it('a parameter that is null or undefined counts as absent', () => {
  const parameters = { sortBy: null, content: null, subject: undefined, contacts: null };
  expect(check('Capsule', { parameters })).toEqual([]);
  expect(checkEmailOnly(inputWith({ parameters }))).toEqual([]);
});

describe('content, subject and direction', () => {
  const emailOnly = ['content', 'subject', 'direction'].map((parameter) => ['parameters', parameter]);
  const check = (engagementType: EngagementType | null | undefined) =>
    checkEmailOnly(inputWith({ engagementType, parameters: everyParameter }));

  it('have no finding with EMAIL', () => {
    expect(check('email')).toEqual([]);
  });

  it.each(engagementTypes.filter((type) => type !== 'email'))('are refused with engagementType %s', (type) => {
    expect(check(type).map(({ path }) => path)).toEqual(emailOnly);
    for (const finding of check(type)) {
      expect(finding).toMatchObject({ severity: 'REFUSAL', message: expect.stringContaining('engagementType: EMAIL') });
    }
  });

  it.each([undefined, null])('have a warning with engagementType %s', (type) => {
    expect(check(type).map(({ path }) => path)).toEqual(emailOnly);
    for (const finding of check(type)) {
      expect(finding).toMatchObject({ severity: 'WARNING', message: expect.stringContaining('engagementType: EMAIL') });
    }
  });
});

describe('an integration that', () => {
  it.each(withoutDelete)('cannot delete, like %s, is refused with any other arguments', (name) => {
    const found = check(name, { engagementType: 'call', parameters: everyParameter });
    expect(found).toMatchObject([{ severity: 'REFUSAL', path: ['integratedAccountId'] }]);
    expect(found[0]?.message).toContain(name);
  });

  it.each([undefined, ...engagementTypes])('is unknown has no findings, with engagementType %s', (engagementType) => {
    expect(check('brandnewcrm', { engagementType, parameters: everyParameter })).toEqual([]);
  });
});

it('allowedValues are names of the GraphQL enum', () => {
  const type = schema.getType('EngagementType');
  const names = isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
  const offered = integrations.flatMap(({ name }) => check(name, {})).flatMap(({ allowedValues }) => allowedValues);
  expect(new Set(offered)).toEqual(new Set(names));
});

describe('S12 the messages of the rules', () => {
  const supports: readonly IntegrationSupport[] = [...documented.map(([name]) => name), ...withoutDelete, '?'].map(
    findIntegration,
  );
  const anything = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
  const canary = fc.tuple(anything, fc.constantFrom(0, 600)).map(([text, n]) => `CANARY${text}${'x'.repeat(n)}`);
  const input = fc.record({
    id: canary,
    integratedAccountId: canary,
    format: fc.constant('unified' as const),
    engagementType: fc.constantFrom(undefined, ...engagementTypes),
    parameters: fc.record({
      ...{ content: canary, subject: canary, direction: canary, status: canary },
      ...{ account: fc.record({ id: canary }), contacts: fc.array(fc.record({ id: canary })) },
    }),
    remoteQuery: fc.dictionary(canary, fc.oneof(canary, fc.array(canary), fc.constant({ '': 'CANARY' }))),
  });

  it("never repeat one of the caller's values", () => {
    fc.assert(
      fc.property(input, fc.constantFrom(...supports), (given, support) => {
        const found = [
          ...checkWellFormed(given),
          ...checkEmailOnly(given),
          ...checkIntegration(given, support),
          ...checkLength(`/${JSON.stringify(given)}`, given),
        ];
        for (const { message, allowedValues } of found)
          expect([message, ...allowedValues].join()).not.toContain('CANARY');
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('a remoteQuery', () => {
  const nested = (depth: number): Record<string, unknown> => (depth === 1 ? { a: 1 } : { a: nested(depth - 1) });

  it.each<[string, Record<string, unknown>]>([
    ['is empty', {}],
    ['has values of every kind', { a: 'x', b: 1, c: true, d: null, e: ['y', null], f: [{ g: 'z' }], h: '', i: '\r\n' }],
    ['has names that mean something elsewhere', { integrated_account_id: 'x', 'a&b#=': 'y', constructor: 'z' }],
    ['is five levels deep', nested(5)],
    ['has a list of 20', { a: Array(20).fill('x') }],
    ['has 1,000 names', Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`a${index}`, 1]))],
  ])('that %s is accepted', (_what, remoteQuery) => {
    expect(checkWellFormed(inputWith({ remoteQuery }))).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['is six levels deep', nested(6), `remoteQuery${'.a'.repeat(5)}`],
    ['has a list of 21', { a: Array(21).fill('x') }, 'remoteQuery.a'],
    [
      'has 1,001 names',
      Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`a${index}`, 1])),
      'remoteQuery',
    ],
    ['has a name with brackets', { a: { 'b][c': 1 } }, 'remoteQuery.a'],
    ['has an empty list', { a: { b: [] } }, 'remoteQuery.a.b'],
    ['has an empty object', { a: [1, {}] }, 'remoteQuery.a.1'],
    ['has an empty name', { a: { '': 1 } }, 'remoteQuery.a'],
    ['has a name with a control character', { a: { 'b\0c': 1 } }, 'remoteQuery.a'],
    ['has a number that a double cannot hold', JSON.parse('{ "a": 1e400 }'), 'remoteQuery.a'],
  ])('that %s is refused, with its path', (_what, remoteQuery, wrongPath) => {
    const found = checkWellFormed(inputWith({ remoteQuery }));
    expect(found.map(({ severity, path }) => [severity, path.join('.')])).toEqual([['REFUSAL', wrongPath]]);
  });
});

it.each([
  [20, 20, 'parameters.contacts.0.id'],
  [21, 1, 'parameters.contacts'],
])(
  'a list of contacts of %i wrong ids gets %i findings: the items of a list that is too long are not checked',
  (size, count, first) => {
    const found = checkWellFormed(inputWith({ parameters: { contacts: Array(size).fill({ id: '' }) } }));
    expect(found).toHaveLength(count);
    expect(found[0]?.path.join('.')).toBe(first);
  },
);

describe('a request that is too long', () => {
  it('is refused from 12,001 characters on', () => {
    expect(checkLength('/'.repeat(12_000), {})).toEqual([]);
    expect(checkLength('/'.repeat(12_001), { filter: {} })).toMatchObject([{ severity: 'REFUSAL' }]);
  });

  it.each([
    ['parameters', { id: '1', parameters: { content: 'x'.repeat(99) }, remoteQuery: { a: 'b' } }],
    ['remoteQuery', { id: '1', parameters: null, remoteQuery: { a: 'b' } }],
    ['after', { integratedAccountId: '1', after: 'x'.repeat(99), filter: { content: 'x' } }],
  ])('names its longest argument: %s', (name, given) => {
    expect(checkLength('/'.repeat(12_001), given)).toMatchObject([{ path: [name] }]);
  });
});

it('a time contradicts a filter only in ISO form, and by more than a day', () => {
  const startTime = { gt: new Date('2026-02-01T00:00:00Z'), lt: new Date('2026-03-01T00:00:00Z') };
  const found = (start_time: string) =>
    findContradicted({ id: '1', integratedAccountId: 'a', start_time }, { startTime });
  expect(['2026-05-02T10:00:00Z', '2026-05-02'].map(found)).toEqual(['startTime', 'startTime']);
  const others = ['2026-02-05', '2026-01-31T02:00:00', '2026-03-01 20:00', '05/02/2026 10:00', '0', 'soon'];
  expect(others.filter(found)).toEqual([]);
});
