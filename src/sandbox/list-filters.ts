import { isQueryObject, parseDate, type Query } from './query.ts';
import { Refusal } from './refusal.ts';

/**
 * How a list can be narrowed by a field:
 * `whole` by the text as it is; a list of choices too, and by no other text; `part` by a piece of it in any case
 * [inferred]; `date` by `[eq]`, `[gt]` and `[lt]`, and by `[eq]` when there is no operator; `start` and `end` as
 * `date`, but without an operator they bound a window: what starts then or later, what ends then or earlier [inferred
 * from the notes "start before end" and "at most a year"]; `reference` by the id of a record referred to, or by several
 * ids of which any will do.
 */
export type FilterKind = 'whole' | 'part' | 'date' | 'start' | 'end' | 'reference' | readonly string[];

/** The fields that a list can be narrowed by. */
export type ListFilters<Item> = { readonly [Name in keyof Item & string]?: FilterKind };

/** What one query parameter demands of one field; plain data, so that a cursor can be bound to it. */
export type Condition = { readonly field: string } & (
  | { readonly test: 'is' | 'has'; readonly text: string }
  | { readonly test: DateTest; readonly ms: number }
  | { readonly test: 'refers'; readonly ids: readonly string[] }
);

/** `from` and `to` include the moment itself, `gt` and `lt` do not. */
type DateTest = 'eq' | 'gt' | 'lt' | 'from' | 'to';

/**
 * Reads the conditions out of a query, in the order of `filters`. An empty parameter is an absent one, since Truto's
 * SDK sends null like that; what is malformed, or has an operator that the field does not know, is refused with 400.
 */
export function readConditions<Item>(query: Query, filters: ListFilters<Item>): readonly Condition[] {
  const kinds: [string, FilterKind][] = Object.entries(filters);
  return kinds.flatMap(([field, kind]) => {
    const value = query[field];
    return value === undefined || value === '' ? [] : readField(field, kind, value);
  });
}

function readField(field: string, kind: FilterKind, value: unknown): readonly Condition[] {
  switch (kind) {
    case 'date':
    case 'start':
    case 'end':
      return readDates(field, kind, value);
    case 'reference':
      return [{ field, test: 'refers', ids: [...new Set(readIds(field, value))].toSorted() }];
    case 'part':
      return readOperators(field, value, ['eq']).map(([, text]) => ({
        field,
        test: 'has',
        text: readText(field, text),
      }));
    default:
      return readOperators(field, value, ['eq']).map(([, text]) => ({
        field,
        test: 'is',
        text: kind === 'whole' ? readText(field, text) : readKnown(field, text, kind),
      }));
  }
}

function readDates(field: string, kind: 'date' | 'start' | 'end', value: unknown): readonly Condition[] {
  const bare = { date: 'eq', start: 'from', end: 'to' } as const;
  return readOperators(field, value, ['eq', 'gt', 'lt']).map(([operator, date]) => ({
    field,
    test: operator ?? bare[kind],
    ms: parseDate(date, field),
  }));
}

/** The operators of `field[operator]=value`; none for `field=value`. */
function readOperators<Operator extends string>(
  field: string,
  value: unknown,
  known: readonly Operator[],
): readonly (readonly [operator: Operator | undefined, value: unknown])[] {
  if (!isQueryObject(value)) {
    return [[undefined, value]];
  }
  return Object.entries(value).map(([name, operand]) => {
    const operator = known.find((candidate) => candidate === name);
    if (operator === undefined) {
      throw new Refusal(400, `Query parameter ${field} knows the operators: ${known.join(', ')}`);
    }
    return [operator, operand] as const;
  });
}

function readText(field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new Refusal(400, `Query parameter ${field} must be a string that is not empty`);
  }
  return value;
}

function readKnown(field: string, value: unknown, choices: readonly string[]): string {
  const text = readText(field, value);
  if (!choices.includes(text)) {
    throw new Refusal(400, `Query parameter ${field} must be one of: ${choices.join(', ')}`);
  }
  return text;
}

/** The ids in `7`, `{id: 7}` or a list of either. */
function readIds(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => readIds(field, item));
  }
  if (isQueryObject(value) && Object.keys(value).join() === 'id') {
    return readIds(field, value.id);
  }
  if (typeof value !== 'string' || value === '') {
    throw new Refusal(400, `Query parameter ${field} must be an id, an object with an id, or a list of them`);
  }
  return [value];
}
