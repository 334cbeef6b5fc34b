import fc from 'fast-check';
import { parse } from 'qs';
import { describe, expect, it } from 'vitest';
import contract from '../schema/upstream.json' with { type: 'json' };
import { engagementTypes, typeNamed } from '../src/engagement/input.ts';
import { nodeKind } from '../src/engagement/node-id.ts';
import { excludedFields, readRecord, wireFieldsOf } from '../src/engagement/record.ts';
import { encodeQuery } from '../src/engagement/request.ts';
import { resources, type WireField } from '../src/engagement/resources.ts';
import { serializeDateTime } from '../src/graphql/types/values.ts';
import { runs } from './support/runs.ts';

const wireFields = wireFieldsOf('engagements');

const textFields = contract.responseFields
  .filter(({ name, type }) => type === 'string' && !name.endsWith('_at'))
  .map(({ name }) => name as WireField);
const referenceFields = ['owner', 'project', 'account'] satisfies WireField[];
const listFields = ['notes', 'contact', 'opportunity', 'lead'] satisfies WireField[];
const dateFields = ['created_at', 'updated_at'] satisfies WireField[];

/** A value of the documented form for every field. */
const documented: Record<WireField, unknown> = {
  ...Object.fromEntries(textFields.map((field) => [field, `some ${field}`])),
  ...Object.fromEntries(referenceFields.map((field) => [field, { id: `1-${field}` }])),
  ...Object.fromEntries(listFields.map((field) => [field, [{ id: `1-${field}` }, { id: `2-${field}` }]])),
  ...Object.fromEntries(dateFields.map((field) => [field, '2026-11-23T12:00:00Z'])),
  phone_numbers: [{ id: '1', number: '555', extension: null }, {}],
  custom_fields: { colour: 'red', nested: [{ deep: null }] },
  remote_data: { anything: ['at', 'all', 1, null] },
} as Record<WireField, unknown>;

/** Values that each kind of field must not accept, each with a text that no warning may repeat. */
const wrongText: readonly unknown[] = [['CANARY'], { text: 'CANARY' }, Number.POSITIVE_INFINITY];
const wrongReference = ['CANARY', 7, [{ id: 'CANARY' }], { name: 'CANARY' }, { id: { id: 'CANARY' } }];
const wrongList = ['CANARY', { id: 'CANARY' }, ['CANARY'], [{ id: '1' }, { name: 'CANARY' }], [{ id: '1' }, null]];
const wrongDate = ['CANARY', '2026-11-23', '2026-11-23T12:00:00', '2026-02-30T12:00:00Z', 'yesterday', 1_795_435_200];
const wrong: readonly (readonly [WireField, unknown])[] = [
  ...textFields.flatMap((field) => wrongText.map((value) => [field, value] as const)),
  ...referenceFields.flatMap((field) => wrongReference.map((value) => [field, value] as const)),
  ...listFields.flatMap((field) => wrongList.map((value) => [field, value] as const)),
  ...dateFields.flatMap((field) => wrongDate.map((value) => [field, value] as const)),
  ...['CANARY', ['CANARY'], [{ number: { n: 'CANARY' } }]].map((value) => ['phone_numbers', value] as const),
  ...['CANARY', ['CANARY'], 1].map((value) => ['custom_fields', value] as const),
];

function read(json: Record<string, unknown>, fields: readonly WireField[] = wireFields) {
  const key = { id: 'asked', integratedAccountId: 'account' };
  const { record, unreadable } = readRecord('engagements', json, new Set(fields), key);
  const { integratedAccountId, ...own } = record;
  expect(integratedAccountId).toBe('account');
  return { record: own, unreadable };
}

/** Text that is a date-time, or looks like one. */
const nearDate = fc
  .tuple(
    fc.constantFrom('2026', '2024', '1900', '2000', '0000', '9999', '10000', '26', '-001'),
    fc.constantFrom('00', '01', '02', '04', '12', '13', '1'),
    fc.constantFrom('00', '01', '28', '29', '30', '31', '32', '1'),
    fc.constantFrom('T', ' ', '', 'TT'),
    fc.constantFrom('00:00:00', '23:59:59', '24:00:00', '23:60:00', '23:59:60', '12:00', '120000', '1:00:00', ''),
    fc.constantFrom('', '.0', '.123', '.123456789012', '.', ',5'),
    fc.constantFrom('Z', '+00:00', '-00:00', '+05:30', '-23:59', '+24:00', '+0530', '+05', '|05:30', '', 'ZZ'),
  )
  .map(([year, month, day, ...rest]) => `${year}-${month}-${day}${rest.join('')}`);

function isServed(value: string): boolean {
  try {
    serializeDateTime(value);
    return true;
  } catch {
    return false;
  }
}

describe('excludedFields', () => {
  it('has every field that is not selected, without the id and remote_data, which has its own parameter', () => {
    const optional = wireFields.filter((field) => field !== 'id' && field !== 'remote_data');
    expect(excludedFields('engagements', new Set(wireFields.slice(0, 5)))).toEqual(
      optional.filter((field) => !wireFields.slice(0, 5).includes(field)),
    );
  });

  it('has at most as many fields as servers read as a list', () => {
    const more = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`field_${index}`, resources.notes.title]));
    Object.assign(resources.engagements, more);
    const fields = excludedFields('engagements', new Set());
    for (const name of Object.keys(more)) Reflect.deleteProperty(resources.engagements, name);
    const list = (names: readonly string[]) => parse(encodeQuery([['list', names]])).list;
    expect(list(fields)).toEqual(fields);
    expect(list([...fields, 'one_more'])).not.toBeInstanceOf(Array);
  });
});

describe('readRecord', () => {
  it('knows exactly the fields this test knows', () => {
    expect(Object.keys(documented).sort()).toEqual([...wireFields].sort());
  });

  it('returns every field of the documented form unchanged', () => {
    expect(read(documented)).toEqual({ record: documented, unreadable: [] });
  });

  it.each(wireFields)('reads only the id and %s when that is selected', (field) => {
    const expected = { id: documented.id, [field]: documented[field] };
    expect(read(documented, [field])).toEqual({ record: expected, unreadable: [] });
  });

  it('replaces a missing id by the requested one', () => {
    for (const json of [{}, { id: null }, { id: undefined }]) {
      expect(read(json)).toEqual({ record: { id: 'asked' }, unreadable: [] });
    }
    expect(read({ id: '' })).toEqual({ record: { id: 'asked' }, unreadable: ['id'] });
  });

  it('has no warning about null', () => {
    const nulls = Object.fromEntries(wireFields.map((field) => [field, null]));
    expect(read(nulls)).toEqual({ record: { id: 'asked' }, unreadable: [] });
  });

  it.each(textFields)('converts a number or boolean in %s to text', (field) => {
    fc.assert(
      fc.property(
        fc.oneof(fc.boolean(), fc.maxSafeInteger(), fc.double({ noNaN: true, max: 1e15, min: -1e15 })),
        (value) => {
          expect(read({ [field]: value })).toEqual({ record: { id: 'asked', [field]: String(value) }, unreadable: [] });
        },
      ),
    );
  });

  it('converts a number in a reference or a phone number to text', () => {
    const json = { owner: { id: 1 }, contact: [{ id: 2 }], phone_numbers: [{ number: 555, extension: 1 }] };
    expect(read(json).record).toEqual({
      ...{ id: 'asked', owner: { id: '1' }, contact: [{ id: '2' }] },
      phone_numbers: [{ number: '555', extension: '1' }],
    });
  });
});

describe('a malformed value', () => {
  it.each(wrong)('in %s (%j) loses only that field, and is reported once', (field, value) => {
    const { record, unreadable } = read({ ...documented, [field]: value });
    const { [field]: _lost, ...rest } = documented;
    expect(record).toEqual({ ...rest, id: field === 'id' ? 'asked' : documented.id });
    expect(unreadable).toEqual([field]);
  });

  it('of any form never throws: it is in its field, or it is reported once', () => {
    const value = fc.oneof(
      fc.anything(),
      fc.jsonValue(),
      fc.anything({ withNullPrototype: true, withSparseArray: true }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...wireFields.filter((field) => field !== 'id' && field !== 'remote_data')),
        value,
        (field, given) => {
          const { record, unreadable } = read({ ...documented, [field]: given }, [field]);
          const isAbsent = given === null || given === undefined;
          expect(Object.hasOwn(record, field)).toBe(!isAbsent && unreadable.length === 0);
          expect(unreadable.filter((name) => name !== field || isAbsent)).toEqual([]);
          expect(record.id).toBe(documented.id);
        },
      ),
      { numRuns: runs(2000) },
    );
  });
});

describe('a date', () => {
  it('is accepted exactly when the GraphQL layer can serialize it', () => {
    fc.assert(
      fc.property(nearDate, fc.constantFrom(...dateFields), (value, field) => {
        expect(Object.hasOwn(read({ [field]: value }).record, field)).toBe(isServed(value));
      }),
      { numRuns: runs(5000) },
    );
  });

  it('in lower case, as RFC 3339 allows, is serialized or reported, and never causes an error later', () => {
    for (const value of ['2026-11-23t12:00:00z', '2026-11-23T12:00:00z']) {
      const { record, unreadable } = read({ created_at: value });
      expect(Object.hasOwn(record, 'created_at') ? isServed(value) : unreadable.length === 1).toBe(true);
    }
  });
});

describe('S13 __proto__ and constructor in upstream JSON', () => {
  const evil = '{"polluted":true,"toString":"evil"}';
  const json = JSON.parse(`{"__proto__":${evil},"constructor":{"prototype":${evil}},"id":"e1",
    "owner":{"id":"o1","__proto__":${evil},"constructor":{"prototype":${evil}}},
    "contact":[{"id":"c1","__proto__":${evil}}], "phone_numbers":[{"id":"p1","__proto__":${evil}}],
    "custom_fields":{"__proto__":${evil},"constructor":{"prototype":${evil}},"kept":{"__proto__":${evil}}},
    "remote_data":{"__proto__":${evil},"kept":1}}`);

  function propertiesOf(prototype: object) {
    return Reflect.ownKeys(prototype).map((key) => [key, Reflect.getOwnPropertyDescriptor(prototype, key)]);
  }

  it('change no prototype', () => {
    const before = [Object.prototype, Array.prototype].map(propertiesOf);
    const { record } = read(json);
    expect([Object.prototype, Array.prototype].map(propertiesOf)).toEqual(before);
    const objects = [record, record.owner, record.contact?.[0], record.phone_numbers?.[0], record.custom_fields];
    for (const object of objects) {
      expect([Object.prototype, null]).toContain(Object.getPrototypeOf(object));
      expect(object).not.toHaveProperty('polluted');
    }
  });

  it('are dropped if a form is documented, and are plain data otherwise', () => {
    const { record, unreadable } = read(json);
    expect(unreadable).toEqual([]);
    expect(JSON.parse(JSON.stringify(record))).toEqual(
      JSON.parse(`{"id":"e1","owner":{"id":"o1"},"contact":[{"id":"c1"}],"phone_numbers":[{"id":"p1"}],
        "custom_fields":{"constructor":{"prototype":${evil}},"kept":{"__proto__":${evil}}},
        "remote_data":{"__proto__":${evil},"kept":1}}`),
    );
  });
});

describe('the type of a record', () => {
  const cased = (text: string) =>
    fc
      .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
      .map((flags) => [...text].map((letter, index) => (flags[index] ? letter.toUpperCase() : letter)).join(''));
  const space = fc.stringMatching(/^[ \t\n\u00a0]{0,3}$/);
  const kind = fc.constantFrom(...engagementTypes);

  it('is the documented one, in any case and with space around it', () => {
    const written = kind.chain((type) => fc.tuple(fc.constant(type), space, cased(type), space));
    fc.assert(
      fc.property(written, ([type, before, word, after]) => {
        const record = { engagement_type: `${before}${word}${after}` };
        expect(typeNamed(record.engagement_type)).toBe(type);
        expect(nodeKind(null, record.engagement_type)).toBe(type);
      }),
    );
  });

  it('is null for any other value', () => {
    const other = fc
      .string()
      .filter((word) => !(engagementTypes as readonly string[]).includes(word.trim().toLowerCase()));
    fc.assert(
      fc.property(other, (word) => {
        expect(typeNamed(word)).toBeNull();
      }),
    );
  });
});
