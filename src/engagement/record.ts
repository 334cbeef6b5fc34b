import type { z } from 'zod';
import { type FieldValue, type Resource, type ResourceField, resources, type WireField } from './resources.ts';
import { type IsPlain, plainValues, shapes } from './shapes.ts';

/** A record as upstream sends it. GraphQL fields read from it directly. */
export type ResourceRecord<R extends Resource> = {
  /** The requested id if the answer has none. */
  readonly id: string;
  /** The integrated account of the record. Upstream does not send it, and ids are unique only within it. */
  readonly integratedAccountId: string;
} & {
  readonly [Field in Exclude<WireField<R>, 'id'>]?: FieldValue<R, Field> | null;
};

/** An engagement as upstream sends it. */
export type EngagementRecord = ResourceRecord<'engagements'> & {
  /** Its node id, if it was deleted, or read by that. */
  readonly nodeId?: string;
};

/** The key of a record. */
export interface RecordKey {
  readonly id: string;
  readonly integratedAccountId: string;
}

/** The fields that a client selected in a delete's result, by upstream's names. */
export interface Selection {
  /** The selected fields of the engagement. The id is always read. */
  readonly fields: ReadonlySet<WireField>;
  /** The selected fields of its notes, besides the id. */
  readonly noteFields: ReadonlySet<WireField<'notes'>>;
  readonly chunks?: boolean;
}

/** Selects nothing of the record. */
export const nothing: Selection = { fields: new Set(), noteFields: new Set() };

/** Hexadecimal ids, such as GUIDs. Only in these, the case of letters does not matter. */
const hexadecimalId = /^\{?[\da-f-]{24,36}\}?$/;

function comparableId(id: string): string {
  if (/^\d+$/.test(id)) return id.replace(/^0+(?=\d)/, '');
  const lower = id.toLowerCase();
  return hexadecimalId.test(lower) ? lower.replace(/[{}-]/g, '') : id;
}

/** True for a value that can be an id: a number, or text that is not empty. */
export function isIdValue(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

/** True for two spellings of one id: `00012` and `12`, or a GUID in upper and lower case. */
export function isSameId(one: unknown, other: unknown): boolean {
  if (!isIdValue(one) || !isIdValue(other)) return false;
  return one === other || comparableId(String(one)) === comparableId(String(other));
}

/** The wire names of all fields of a resource. */
export function wireFieldsOf<R extends Resource>(resource: R): readonly WireField<R>[] {
  return Object.keys(resources[resource]) as WireField<R>[];
}

/** The most excluded fields: many servers misread a longer list (ADR 19). */
export const maxExcludedFields = 20;

/**
 * Derives a value from the selected fields of a resource, once for each set: a prepared operation has the same set every time. No set
 * is used for two resources.
 */
function onceForEach<Value>(derive: (resource: Resource, selected: ReadonlySet<string>) => Value): typeof derive {
  const known = new WeakMap<object, Value>();
  return (resource, selected) => {
    const value = known.get(selected) ?? derive(resource, selected);
    known.set(selected, value);
    return value;
  };
}

/**
 * The fields that a request excludes because they are not selected, in the documentation's order. `remote_data` has its own parameter.
 * Upstream sends fields beyond the limit, and they are ignored.
 */
export const excludedFields = onceForEach((resource, selected): readonly string[] =>
  Object.keys(resources[resource])
    .filter((field) => field !== 'id' && field !== 'remote_data' && !selected.has(field))
    .slice(0, maxExcludedFields),
);

type ReadableField = readonly [field: string, shape: z.ZodType, isPlain: IsPlain];

const readableFieldsOf = onceForEach((resource, selected): readonly ReadableField[] => {
  const rows: Readonly<Record<string, ResourceField>> = resources[resource];
  return [...new Set(['id', ...selected])].map((field) => {
    const { kind } = rows[field] as ResourceField;
    return [field, shapes[kind], plainValues[kind] ?? (() => false)] as const;
  });
});

/** A record, and the selected fields that it lacks. */
export interface ReadRecord<R extends Resource> {
  readonly record: ResourceRecord<R>;
  /** Fields whose value does not have the documented form. They are left out of the record. */
  readonly unreadable: readonly WireField<R>[];
  /** Selected fields that are not in the answer, not even as null. */
  readonly absent: readonly WireField<R>[];
}

/**
 * Reads the selected fields of a record from upstream's JSON. A malformed value is left out. Never throws.
 * @param key has the id, in case the answer has none.
 */
export function readRecord<R extends Resource>(
  resource: R,
  json: Readonly<Record<string, unknown>>,
  selected: ReadonlySet<WireField<R>>,
  { id, integratedAccountId }: RecordKey,
): ReadRecord<R> {
  const fields = readableFieldsOf(resource, selected);
  const absent: string[] = [];
  const unreadable: string[] = [];
  const record: Record<string, unknown> = { id, integratedAccountId };
  for (const [field, shape, isPlain] of fields) {
    if (!Object.hasOwn(json, field)) {
      absent.push(field);
      continue;
    }
    const value = json[field];
    if (value === null || value === undefined) continue;
    if (isPlain(value)) {
      record[field] = value;
      continue;
    }
    const read = shape.safeParse(value);
    if (read.success) record[field] = read.data;
    else unreadable.push(field);
  }
  // The types of the fields come from the table of resources, which the compiler cannot follow.
  return { record, unreadable, absent } as unknown as ReadRecord<R>;
}
