import type { z } from 'zod';
import { type GivenType, sentType, type WithTrutoQuery, wireNames } from './input.ts';
import {
  type FieldKind,
  type FieldValue,
  type IsPlain,
  plainValues,
  type Resource,
  type ResourceField,
  resources,
  shapes,
  type WireField,
} from './resources.ts';

/** A record as upstream sends it. GraphQL fields read from it directly. */
export type ResourceRecord<R extends Resource> = {
  /** The requested id if the answer has none. */
  readonly id: string;
  /** The integrated account of the record. Upstream does not send it, and ids are unique only within it. */
  readonly integratedAccountId: string;
  /** The fields of the answer that Truto does not document, by their names in it. Only if they were selected. */
  readonly additionalFields?: Readonly<Record<string, unknown>>;
} & {
  readonly [Field in Exclude<WireField<R>, 'id'>]?: FieldValue<R, Field> | null;
};

/** An engagement as upstream sends it. */
export type EngagementRecord = ResourceRecord<'engagements'> & {
  /** Its node id, if it was deleted, or read by that. */
  readonly nodeId?: string;
  /** The type in the request, for a record without a type. Absent if none was given. */
  readonly askedType?: string;
};

/** The key of a record. */
export interface RecordKey {
  readonly id: string;
  readonly integratedAccountId: string;
}

/** The key of a record, with the type of an engagement if known. Some integrations need it. */
export interface TypedKey extends RecordKey, WithTrutoQuery, GivenType {}

/** The fields that a client selected in a delete's result, of the engagement and of its notes. Ids are always read. */
export interface Selection {
  readonly fields: ReadonlySet<WireField>;
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

/**
 * In a selection: all fields of an engagement that Truto does not document, or one of them, with its kind in its key, so that reading it
 * needs no table. A record has their values under the same keys.
 */
export type AdditionalKey = typeof additionalFields | `${string}:${FieldKind}`;
/** Selects all fields that Truto does not document. */
export const additionalFields = 'additionalFields';

/** True for a key in a selection that is no documented field. */
export function isAdditional(key: unknown): key is AdditionalKey {
  return typeof key === 'string' && (key === additionalFields || key.includes(':'));
}

/** The wire name of a selected field. */
export const wireNameOf = (key: string): string => key.split(':', 1)[0] ?? key;

/** The wire names of all fields of a resource. */
export function wireFieldsOf<R extends Resource>(resource: R): readonly WireField<R>[] {
  return Object.keys(resources[resource]) as WireField<R>[];
}

/** Selects all there is: what will have to be restored is not known before. */
export const wholeSelection: Selection = {
  // The compiler knows only the documented fields, by which most code reads records.
  fields: new Set([...wireFieldsOf('engagements'), additionalFields as WireField]),
  noteFields: new Set(wireFieldsOf('notes')),
};

/**
 * The record as Truto sends it, with the record of each note that was read with it. If it has no type, it gets that of the request: some
 * integrations find it only with its type.
 */
export function plainRecord(record: EngagementRecord) {
  const { integratedAccountId: _given, nodeId: _key, askedType, notes, additionalFields, ...engagement } = record;
  const whole = notes?.map((note) => {
    const { kept } = note as { readonly kept?: { readonly kind: string; readonly record?: object } };
    return kept?.kind === 'Found' ? { ...kept.record, integratedAccountId: undefined } : { id: note.id };
  });
  const type = !record.engagement_type && askedType !== undefined && { [wireNames.engagementType]: askedType };
  return { ...additionalFields, ...engagement, ...type, ...(whole && { notes: whole }) };
}

/** The most excluded fields: many servers misread a longer list (ADR 19). */
export const maxExcludedFields = 20;

/** Derives a value once for each resource and set of fields: a prepared operation has the same set every time. */
function onceForEach<Value>(derive: (resource: Resource, selected: ReadonlySet<string>) => Value): typeof derive {
  const names = Object.keys(resources) as Resource[];
  const known = new Map(names.map((resource) => [resource, new WeakMap<object, Value>()]));
  return (resource, selected) => {
    const value = known.get(resource)?.get(selected) ?? derive(resource, selected);
    known.get(resource)?.set(selected, value);
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

type ReadableField = readonly [key: string, wireName: string, shape: z.ZodType, isPlain: IsPlain];

const readableFieldsOf = onceForEach((resource, selected): readonly ReadableField[] => {
  const rows: Readonly<Record<string, ResourceField>> = resources[resource];
  const keys = [...new Set(['id', ...selected])].filter((key) => key !== additionalFields);
  return keys.map((key) => {
    const [name = key, additionalKind] = key.split(':');
    const kind = (additionalKind as FieldKind | undefined) ?? (rows[key] as ResourceField).kind;
    return [key, name, shapes[kind], plainValues[kind] ?? (() => false)] as const;
  });
});

/** The fields of an answer that are not documented. */
function undocumentedFields(resource: Resource, json: Readonly<Record<string, unknown>>) {
  const isUndocumented = (name: string) => !Object.hasOwn(resources[resource], name) && name !== '__proto__';
  return Object.entries(json).filter(([name]) => isUndocumented(name));
}

/** A record, and the selected fields that it lacks: those without the documented form, and those not in the answer, not even as null. */
export interface ReadRecord<R extends Resource> {
  readonly record: ResourceRecord<R>;
  readonly unreadable: readonly WireField<R>[];
  readonly absent: readonly WireField<R>[];
}

/** Reads the selected fields of a record from upstream's JSON. The key's id is for an answer without one. A malformed value is left out. Never throws. */
export function readRecord<R extends Resource>(
  resource: R,
  json: Readonly<Record<string, unknown>>,
  selected: ReadonlySet<WireField<R>>,
  key: RecordKey & GivenType,
): ReadRecord<R> {
  const fields = readableFieldsOf(resource, selected);
  const absent: string[] = [];
  const unreadable: string[] = [];
  const record: Record<string, unknown> = { id: key.id, integratedAccountId: key.integratedAccountId };
  const askedType = sentType(key);
  if (askedType !== null) record.askedType = askedType;
  for (const [field, name, shape, isPlain] of fields) {
    if (!Object.hasOwn(json, name)) {
      absent.push(name);
      continue;
    }
    const value = json[name];
    if (value === null || value === undefined) continue;
    if (isPlain(value)) {
      record[field] = value;
      continue;
    }
    const read = shape.safeParse(value);
    if (read.success) record[field] = read.data;
    else unreadable.push(name);
  }
  const more = selected.has(additionalFields as WireField<R>) ? undocumentedFields(resource, json) : [];
  if (more.length > 0) record[additionalFields] = Object.fromEntries(more);
  // The types of the fields come from the table of resources, which the compiler cannot follow.
  return { record, unreadable, absent } as unknown as ReadRecord<R>;
}
