import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FieldKind, plainValues, shapes } from '../src/engagement/resources.ts';

const text = fc.oneof(fc.string(), fc.constantFrom('', '7', '2026-01-01T00:00:00Z', '2026-02-29T00:00:00.000Z'));
const key = fc.constantFrom('id', 'number', 'type', 'extension', '__proto__', 'other');
const flat = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
const object = fc.array(fc.tuple(key, flat), { maxLength: 3 }).map((entries) => {
  const members = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return JSON.parse(`{${members.join()}}`) as unknown;
});
const value = fc.oneof(flat, object, fc.array(fc.oneof(flat, object), { maxLength: 3 }));

it.each(Object.entries(plainValues).map(([kind, isPlain]) => [kind, shapes[kind as FieldKind], isPlain] as const))(
  'a value that is accepted unchanged is the same after parsing it by its shape (%s)',
  (_kind, shape, isPlain) => {
    let plainCount = 0;
    fc.assert(
      fc.property(value, (given) => {
        if (!isPlain(given)) return;
        plainCount += 1;
        expect(shape.safeParse(given)).toEqual({ success: true, data: given });
      }),
      { numRuns: 3_000 },
    );
    expect(plainCount).toBeGreaterThan(0);
  },
);

it('S24 a list with many wrong items is refused with one error, and a long one is parsed whole', () => {
  const wrong = shapes.tags.safeParse(Array(20_000).fill(1));
  expect(wrong.error?.issues).toHaveLength(1);
  expect(shapes.references.safeParse([...Array(250).fill({ id: 7 }), 7]).success).toBe(false);
  const ids = Array.from({ length: 250 }, (_, id) => ({ id }));
  expect(shapes.references.parse(ids)).toEqual(ids.map(({ id }) => ({ id: String(id) })));
});
