import type { z } from 'zod';
import { type FieldValue, type Resource, type ResourceField, resources, type WireField } from './resources.ts';
import { type IsPlain, plainValues } from './shapes.ts';

/** A record as upstream sends it; GraphQL fields read from it directly. */
export type ResourceRecord<R extends Resource> = {
  /** Always there: what was asked for stands in when the answer has none. */
  readonly id: string;
  /** The integrated account it was read from or deleted in. Upstream does not send it; an id means nothing without it. */
  readonly integratedAccountId: string;
} & {
  readonly [Field in Exclude<WireField<R>, 'id'>]?: FieldValue<R, Field> | null;
};

/** An engagement as upstream sends it. */
export type EngagementRecord = ResourceRecord<'engagements'>;

/** What names a record. */
export interface RecordKey {
  readonly id: string;
  readonly integratedAccountId: string;
}

/** Ids in hexadecimal, as GUIDs are: their letters' case means nothing, as it does in others. */
const hexadecimalId = /^\{?[\da-f-]{24,36}\}?$/;

function spellingOf(text: string): string {
  if (/^\d+$/.test(text)) return text.replace(/^0+(?=\d)/, '');
  const lower = text.toLowerCase();
  return hexadecimalId.test(lower) ? lower.replace(/[{}-]/g, '') : text;
}

/** True for a value that can be an id: a text or a number that says something. */
export function isIdValue(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

/** True for two spellings of one id: providers write `00012` as `12`, and GUIDs in capitals or not. */
export function isSameId(one: unknown, other: unknown): boolean {
  return isIdValue(one) && isIdValue(other) && spellingOf(String(one)) === spellingOf(String(other));
}

/** Every field of a resource, by its wire name. */
export function wireFieldsOf<R extends Resource>(resource: R): readonly WireField<R>[] {
  return Object.keys(resources[resource]) as WireField<R>[];
}

/**
 * The fields upstream may be told to leave out one by one: all but the id, and `remote_data`, which has a switch of its
 * own. No resource has more than 20: a qs-like parser makes an object of a longer list, and would lose the exclusion.
 */
export function excludableFieldsOf<R extends Resource>(resource: R): readonly WireField<R>[] {
  return wireFieldsOf(resource).filter((field) => field !== 'id' && field !== 'remote_data');
}

type ReadableField = readonly [field: string, shape: z.ZodType, isPlain: IsPlain];

/** What there is to read for each selection that was seen: a prepared operation has the same one every time. */
const readableFields = new WeakMap<object, readonly ReadableField[]>();

/** @param selected is one resource's: a set is never used for two, as its type says. */
function readableFieldsOf(resource: Resource, selected: ReadonlySet<string>): readonly ReadableField[] {
  const known = readableFields.get(selected);
  if (known) return known;
  const rows: Readonly<Record<string, ResourceField>> = resources[resource];
  const fields = [...new Set(['id', ...selected])].map((field) => {
    const { shape } = rows[field] as ResourceField;
    return [field, shape, plainValues.get(shape) ?? (() => false)] as const;
  });
  readableFields.set(selected, fields);
  return fields;
}

/** A record that was read, and what of it could not be. */
export interface ReadRecord<R extends Resource> {
  readonly record: ResourceRecord<R>;
  /** Fields whose value is not of the documented form: they are left out of the record. */
  readonly unreadable: readonly WireField<R>[];
  /** Selected fields that the answer does not have at all, not even as null. */
  readonly absent: readonly WireField<R>[];
}

/** True when nothing has to be read into what is selected, or left out of it. */
function isPlainRecord(json: Readonly<Record<string, unknown>>, fields: readonly ReadableField[]): boolean {
  return fields.every(([field, , isPlain]) => {
    const value = json[field];
    return value === undefined || isPlain(value);
  });
}

/**
 * Reads the selected fields of a record out of upstream's JSON. A value that is not what the documentation says costs
 * that field; nothing here throws.
 * @param key stands in when the answer has no id.
 */
export function readRecord<R extends Resource>(
  resource: R,
  json: Readonly<Record<string, unknown>>,
  selected: ReadonlySet<WireField<R>>,
  key: RecordKey,
): ReadRecord<R> {
  const { id, integratedAccountId } = key;
  const fields = readableFieldsOf(resource, selected);
  const absent = fields.filter(([field]) => !Object.hasOwn(json, field)).map(([field]) => field);
  // Fields go by names here whose types the table of resources has: the compiler cannot follow that.
  const result = (record: object, unreadable: readonly string[]) =>
    ({ record, unreadable, absent }) as unknown as ReadRecord<R>;
  const hasNothingElse = Object.keys(json).length + absent.length === fields.length;
  if (hasNothingElse && isPlainRecord(json, fields)) {
    return result({ ...json, id: json.id ?? id, integratedAccountId }, []);
  }
  const record: Record<string, unknown> = { id, integratedAccountId };
  const unreadable: string[] = [];
  for (const [field, shape, isPlain] of fields) {
    const value = Object.hasOwn(json, field) ? json[field] : null;
    if (value === null || value === undefined) continue;
    const read = isPlain(value) ? { success: true, data: value } : shape.safeParse(value);
    if (read.success) record[field] = read.data;
    else unreadable.push(field);
  }
  return result(record, unreadable);
}
