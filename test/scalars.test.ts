import fc from 'fast-check';
import { GraphQLScalarType, parse, parseValue, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { serializeDateTime } from '../src/graphql/types/values.ts';
import { runs } from './support/runs.ts';
import { schema } from './support/schema.ts';

function scalar(name: string): GraphQLScalarType {
  const type = schema.getType(name);
  if (!(type instanceof GraphQLScalarType)) throw new Error(`${name} is no scalar`);
  return type;
}

const dateTime = scalar('DateTime');
const json = scalar('JSON');
const jsonObject = scalar('JSONObject');

const moment = fc.date({
  min: new Date('0000-01-02T00:00:00Z'),
  max: new Date('9999-12-30T23:59:59Z'),
  noInvalidDate: true,
});

const offset = fc.oneof(fc.constant(0), fc.integer({ min: -1439, max: 1439 }));

/** A moment with an offset in minutes, and that many digits of a second. */
const written = fc
  .tuple(moment, offset, fc.integer({ min: 0, max: 6 }), fc.boolean())
  .map(([date, aheadMinutes, digits, isUpperCase]) => {
    const local = new Date(date.getTime() + aheadMinutes * 60_000).toISOString();
    const fraction = digits === 0 ? '' : `.${`${local.slice(20, 23)}000`.slice(0, digits)}`;
    const two = (value: number) => String(value).padStart(2, '0');
    const minutes = Math.abs(aheadMinutes);
    const sign = aheadMinutes < 0 ? '-' : '+';
    const zone = aheadMinutes === 0 ? 'Z' : `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
    const text = `${local.slice(0, 19)}${fraction}${zone}`;
    const unit = digits === 0 ? 1_000 : 10 ** Math.max(3 - digits, 0);
    return { text: isUpperCase ? text : text.toLowerCase(), at: Math.floor(date.getTime() / unit) * unit };
  });

const noMoments: readonly unknown[] = [
  ...['', 'yesterday', '2026-11-31', '2026-11-23T12:00Z', '2026-11-23T24:00:00', '2026-11-23 12:00:00Z'],
  ...['2026-02-29T12:00:00Z', '2026-04-31T12:00:00Z', '1900-02-29T12:00:00Z', '2026-13-01T12:00:00Z'],
  ...['2026-11-23T24:00:00Z', '2026-11-23T23:59:60Z', '2026-11-23T12:60:00Z', '2026-11-23T12:00:00.Z'],
  ...['2026-11-23T12:00:00+24:00', '2026-11-23T12:00:00+0530', '2026-11-23T12:00:00|05:30', '+012026-11-23T12:00:00Z'],
  ...[1_795_435_200, true, null, {}, [], new Date(Number.NaN)],
];

describe('DateTime', () => {
  it('is parsed as a moment, with any offset, in upper and lower case', () => {
    fc.assert(
      fc.property(written, ({ text, at }) => {
        expect((dateTime.parseValue(text) as Date).getTime()).toBe(at);
        const literal = parseValue(JSON.stringify(text));
        expect((dateTime.parseLiteral(literal) as Date).getTime()).toBe(at);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it('is written in UTC to the millisecond, from a date or from text', () => {
    fc.assert(
      fc.property(moment, written, (date, { text, at }) => {
        expect(JSON.stringify(serializeDateTime(date))).toBe(JSON.stringify(date));
        expect(JSON.stringify(serializeDateTime(date.toISOString()))).toBe(JSON.stringify(date));
        expect(JSON.stringify(serializeDateTime(text))).toBe(JSON.stringify(new Date(at)));
      }),
      { numRuns: runs(2_000) },
    );
  });

  it.each(noMoments)('refuses %j, both ways', (value) => {
    expect(() => dateTime.parseValue(value)).toThrow();
    expect(() => dateTime.serialize(value)).toThrow();
  });

  it.each(['2026-11-23', '2026-11-23T12:00', '2026-11-23T12:00:00'])('parses %s as text, and serves none', (value) => {
    expect(dateTime.parseValue(value)).toBe(value);
    expect(() => dateTime.serialize(value)).toThrow();
  });

  it('accepts a date from a program', () => {
    const date = new Date('2026-11-23T12:00:00Z');
    expect(dateTime.parseValue(date)).toBe(date);
  });

  it.each(['1', 'true', 'null', 'NOW', '["2026-11-23T12:00:00Z"]'])('refuses the literal %s', (literal) => {
    expect(() => dateTime.parseLiteral(parseValue(literal))).toThrow();
  });
});

/** A JSON value as a literal of GraphQL: names of fields have no quotes. */
function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([name, each]) => `${name}: ${literalOf(each)}`)} }`;
}

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree')),
    fc.dictionary(fc.stringMatching(/^[A-Za-z]\w{0,8}$/), tie('tree')),
  ),
}));

describe('JSON', () => {
  it('is the same value as a literal, as a variable and in an answer', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const literal = json.parseLiteral(parseValue(literalOf(value)));
        expect(JSON.parse(JSON.stringify(literal))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(json.parseValue(value)).toBe(value);
        expect(json.serialize(value)).toBe(value);
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('accepts variables inside a literal', () => {
    expect(json.parseLiteral(parseValue('{ a: [$b] }'), { b: { c: 1 } })).toEqual({ a: [{ c: 1 }] });
  });
});

describe('JSONObject', () => {
  it('is always an object', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        const forms = [
          () => jsonObject.parseValue(value),
          () => jsonObject.serialize(value),
          () => jsonObject.parseLiteral(parseValue(literalOf(value))),
        ];
        for (const form of forms) {
          if (isObject) expect(JSON.stringify(form())).toBe(JSON.stringify(value));
          else expect(form).toThrow();
        }
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('reads a word without quotation marks in a literal as a string', () => {
    expect(jsonObject.parseLiteral(parseValue('{ a: [NAME] }'))).toEqual({ a: ['NAME'] });
  });

  it('S13 reads a field named __proto__ as data', () => {
    const before = Reflect.ownKeys(Object.prototype);
    const value = jsonObject.parseLiteral(parseValue('{ __proto__: { polluted: true } }')) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect({}).not.toHaveProperty('polluted');
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
  });
});

it.each([
  ['DateTime', 'filter: { createdAt: { gt: 2026 } }'],
  ['JSONObject', 'remoteQuery: [1]'],
])('a %s that is refused in a document has its location in the error', (_name, argument) => {
  const [field, operation] = argument.startsWith('filter')
    ? [`engagements(integratedAccountId: "1", ${argument}) { nodes { id } }`, 'query']
    : [`deleteEngagement(id: "1", integratedAccountId: "1", ${argument}) { __typename }`, 'mutation'];
  const errors = validate(schema, parse(`${operation} { ${field} }`));
  expect(errors.map(({ locations }) => locations)).toMatchObject([[{ line: 1 }]]);
});
