import { fieldRows } from './document.ts';

/** What REST calls a field, and what is to be selected for it here. */
interface MappedField {
  readonly rest: string;
  readonly graphql: string;
  readonly subfields: readonly string[];
  readonly selection: string;
}

/** The fields of an engagement, as the document maps them. */
export const mappedFields: readonly MappedField[] = fieldRows
  .filter(({ name }) => !name.includes('.'))
  .map(({ name, now }) => {
    const [graphql = '', ...subfields] = now.match(/\w+/g) ?? [];
    return { rest: name, graphql, subfields, selection: now };
  });

type Json = Readonly<Record<string, unknown>>;

/** The forms that the document announces: an enum, and moments in UTC with milliseconds. */
function convert(rest: string, value: unknown): unknown {
  if (rest === 'engagement_type') return String(value).toUpperCase();
  if (rest === 'created_at' || rest === 'updated_at') return new Date(String(value)).toISOString();
  return value;
}

function pick(value: Json, subfields: readonly string[]): Json {
  return Object.fromEntries(subfields.map((name) => [name, value[name] ?? null]));
}

/** What REST's record is in GraphQL, by the document: all of its fields, or those with the given names here. */
export function toGraphQL(record: Json, names?: readonly string[]): Json {
  const wanted = names ? mappedFields.filter(({ graphql }) => names.includes(graphql)) : mappedFields;
  const entries = wanted.map(({ rest, graphql, subfields }) => {
    const value = record[rest] ?? null;
    if (value === null) return [graphql, null];
    if (subfields.length === 0) return [graphql, convert(rest, value)];
    const found = Array.isArray(value) ? value.map((item) => pick(item, subfields)) : pick(value as Json, subfields);
    return [graphql, found];
  });
  return Object.fromEntries(entries);
}
