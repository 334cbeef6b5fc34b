import fc from 'fast-check';
import { parse } from 'qs';
import { describe, expect, it } from 'vitest';
import type { DeleteEngagementInput } from '../src/engagement/input.ts';
import { excludedFields } from '../src/engagement/record.ts';
import { buildDeleteRequest, encodeQuery } from '../src/engagement/request.ts';
import { checkWellFormed } from '../src/engagement/rules.ts';

/** A request with all parameters except `remote_query`, and two fields selected. */
const full: DeleteEngagementInput = {
  id: 'e1',
  integratedAccountId: 'account-1',
  format: 'unified',
  engagementType: 'email',
  parameters: {
    sortBy: 'created_at',
    content: 'a & b',
    subject: 'c#d',
    direction: 'inbound',
    createdAt: new Date('2026-01-02T03:04:05.678Z'),
    updatedAt: new Date('2026-01-03T00:00:00Z'),
    status: 'done',
    account: { id: 'acme' },
    contacts: [{ id: 'ann' }, { id: 'bob' }],
  },
};

function queryOf(input: DeleteEngagementInput): string {
  const selection = { fields: new Set(['id', 'subject'] as const), noteFields: new Set<never>(), chunks: false };
  const { path } = buildDeleteRequest(input, selection, 'Bearer x');
  return path.slice(path.indexOf('?') + 1);
}

/** Reads a query the way a qs-like server does, without its limits. */
function asServer(query: string): Record<string, unknown> {
  return parse(query, { arrayLimit: 1000, depth: 50, parameterLimit: 100_000, allowPrototypes: true });
}

function isRemote(name: string): boolean {
  return name.startsWith('remote_query[');
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const name = fc.oneof(
  fc.constantFrom('integrated_account_id', '][integrated_account_id', ']&integrated_account_id=evil&a[', '][', '['),
  fc.constantFrom(']', '&', '#', '=', ']=', '%', '%5D', '%5D=', '?', ' ', '+', ';', '\r\n', '\u0000', '0', 'é', '🦊'),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'remote_query', 'truto_exclude_fields[]', ''),
  text,
);
const remoteQuery = fc.dictionary(
  name,
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  })).value,
  { maxKeys: 5 },
);

describe('encodeQuery, as Truto documents it', () => {
  it.each<[string, unknown, string]>([
    ['a scalar plain', 'bar', 'foo=bar'],
    ['a number', 1.5, 'foo=1.5'],
    ['a boolean', false, 'foo=false'],
    ['null as an empty value', null, 'foo='],
    ['an object in brackets', { bar: 'x' }, 'foo[bar]=x'],
    ['objects in objects', { b1: { b2: 'x' } }, 'foo[b1][b2]=x'],
    ['a list in empty brackets', ['a', 'b'], 'foo[]=a&foo[]=b'],
    ['a list of objects with indexes', [{ id: 7 }, { id: 8 }], 'foo[0][id]=7&foo[1][id]=8'],
    ['a list of lists with indexes', [['a'], ['b', 'c']], 'foo[0][]=a&foo[1][]=b&foo[1][]=c'],
    ['a mixed list with indexes', ['a', { b: 'c' }], 'foo[0]=a&foo[1][b]=c'],
    ['undefined, an empty list and an empty object as nothing', { a: undefined, b: [], c: {} }, ''],
    ['reserved characters escaped', 'a b&c=d#e+f%', 'foo=a%20b%26c%3Dd%23e%2Bf%25'],
    ['brackets of a caller escaped', { 'a][b': 'c]' }, 'foo[a%5D%5Bb]=c%5D'],
    ['a line break escaped', 'a\r\nb\u0000', 'foo=a%0D%0Ab%00'],
  ])('writes %s', (_what, value, query) => {
    expect(encodeQuery([['foo', value]])).toBe(query);
  });

  it('keeps the order and joins with &', () => {
    expect(encodeQuery(Object.entries({ b: 1, gone: undefined, a: 2 }))).toBe('b=1&a=2');
  });

  it('writes the excluded fields one by one', () => {
    const excluded = excludedFields('engagements', new Set(['subject'] as const));
    expect(queryOf(full)).toContain(excluded.map((field) => `truto_exclude_fields[]=${field}`).join('&'));
    expect(new URLSearchParams(queryOf(full)).getAll('truto_exclude_fields[]')).toEqual(excluded);
  });

  it('writes every scalar as text', () => {
    fc.assert(
      fc.property(fc.dictionary(name, scalar), (remote) => {
        const sent = new URLSearchParams(encodeQuery([['remote_query', remote]]));
        expect(sent.size).toBe(Object.keys(remote).length);
        for (const [key, value] of Object.entries(remote)) {
          expect(sent.get(`remote_query[${key}]`)).toBe(value === null ? '' : String(value));
        }
      }),
    );
  });

  it('preserves lists and objects for a server with qs', () => {
    const key = fc.stringMatching(/^[a-z_]{1,4}$/);
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        text,
        fc.array(tie('value'), { minLength: 1, maxLength: 4 }),
        fc.dictionary(key, tie('value'), { minKeys: 1, maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, (sent) => {
        expect(asServer(encodeQuery([['q', sent]])).q).toEqual(sent);
      }),
    );
  });

  it('stops beyond any valid length, with any length of names', () => {
    const many = Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, 1]));
    const { length } = encodeQuery([['q', { ['x'.repeat(16_000)]: { ['y'.repeat(16_000)]: many } }]]);
    expect(length).toBeGreaterThan(16_384);
    expect(length).toBeLessThan(100_000);
  });

  it('throws for half of a surrogate pair, which the rules refuse before', () => {
    for (const remote of [{ a: '\ud800' }, { '\udfff': 1 }, { a: [{ b: ['x\ud800'] }] }]) {
      expect(() => encodeQuery([['remote_query', remote]])).toThrow(URIError);
      expect(checkWellFormed({ ...full, remoteQuery: remote })).toHaveLength(1);
    }
  });
});

describe('S05 with any remoteQuery', () => {
  it('integrated_account_id occurs once, with the authorised value', () => {
    fc.assert(
      fc.property(remoteQuery, text, (remote, integratedAccountId) => {
        const sent = new URLSearchParams(queryOf({ ...full, integratedAccountId, remoteQuery: remote }));
        expect(sent.getAll('integrated_account_id')).toEqual([integratedAccountId]);
      }),
    );
  });

  it('every other parameter is the same as without it', () => {
    const usual = [...new URLSearchParams(queryOf(full))];
    expect(usual.map(([key]) => key).filter(isRemote)).toEqual([]);
    fc.assert(
      fc.property(remoteQuery, (remote) => {
        const sent = [...new URLSearchParams(queryOf({ ...full, remoteQuery: remote }))];
        expect(sent.filter(([key]) => !isRemote(key))).toEqual(usual);
      }),
    );
  });

  it('a server with qs reads all others the same', () => {
    const usual = asServer(queryOf(full));
    fc.assert(
      fc.property(remoteQuery, (remote) => {
        const { remote_query: _own, ...rest } = asServer(queryOf({ ...full, remoteQuery: remote }));
        expect(rest).toEqual(usual);
      }),
    );
  });

  it('and with any other texts, no parameter is added', () => {
    const names = [...new URLSearchParams(queryOf(full)).keys()];
    const nasty = fc.oneof(name, text);
    fc.assert(
      fc.property(nasty, nasty, nasty, nasty, (content, status, accountId, contactId) => {
        const account = { id: accountId };
        const parameters = { ...full.parameters, content, status, account, contacts: [{ id: contactId }, { id: '2' }] };
        const sent = new URLSearchParams(queryOf({ ...full, parameters }));
        expect([...sent.keys()]).toEqual(names);
        const given = ['content', 'status', 'account[id]', 'contact[0][id]'].map((key) => sent.get(key));
        expect(given).toEqual([content, status, accountId, contactId]);
      }),
    );
  });
});
