import { invalidParameter, Refusal } from './answer.ts';
import { readableTypes } from './parameters.ts';
import { isQueryObject, parseDate, type Query } from './query.ts';

/**
 * How a list can be narrowed by a field:
 * - `type` by one of the engagement types, `whole` by the text as it is, `part` by a piece of it in any case [inferred];
 * - `reference` by the id of a record referred to, or by several ids of which any will do;
 * - `date` by `[eq]`, `[gt]` and `[lt]`, and by `[eq]` without an operator. So do `start` and `end`, but without an operator they
 *   bound a window: what starts then or later, what ends then or earlier. [inferred from the notes "start before end" and "at most a year"]
 */
type FilterKind = 'type' | 'whole' | 'part' | 'reference' | 'date' | 'start' | 'end';

/** The fields that a list can be narrowed by, besides the times that every record has. */
export type ListFilters = { readonly [Kind in FilterKind]?: readonly string[] };

/** What one query parameter demands of one field; plain data, so that a cursor can be bound to it. */
export type Condition = { readonly field: string } & (
  | { readonly test: 'is' | 'has'; readonly text: string }
  | { readonly test: keyof typeof dateTests; readonly ms: number }
  | { readonly test: 'refers'; readonly ids: readonly string[] }
);

const dateTests = {
  eq: (ms: number, bound: number) => ms === bound,
  gt: (ms: number, bound: number) => ms > bound,
  lt: (ms: number, bound: number) => ms < bound,
  from: (ms: number, bound: number) => ms >= bound,
  to: (ms: number, bound: number) => ms <= bound,
};

const bareDateTests = { date: 'eq', start: 'from', end: 'to' } as const;

/** Reads the conditions, in the order of `filters`. An empty parameter is an absent one: Truto's SDK sends null like that. */
export function readConditions(query: Query, filters: ListFilters): readonly Condition[] {
  const all = Object.entries({ ...filters, date: ['created_at', 'updated_at'] }) as [FilterKind, readonly string[]][];
  return all.flatMap(([kind, fields]) =>
    fields.flatMap((field) => {
      const value = query[field];
      return value === undefined || value === '' ? [] : readField(field, kind, value);
    }),
  );
}

function readField(field: string, kind: FilterKind, value: unknown): readonly Condition[] {
  switch (kind) {
    case 'date':
    case 'start':
    case 'end':
      return readOperators(field, value, ['eq', 'gt', 'lt']).map(([operator, date]) => ({
        field,
        test: operator ?? bareDateTests[kind],
        ms: parseDate(date, field),
      }));
    case 'reference':
      return [{ field, test: 'refers', ids: [...new Set(readIds(field, value))].toSorted() }];
    default:
      return readOperators(field, value, ['eq']).map(([, text]) => ({
        field,
        test: kind === 'part' ? 'has' : 'is',
        text: readText(field, text, kind),
      }));
  }
}

/** The operators of `field[operator]=value`; none for `field=value`. */
function readOperators<T extends string>(
  field: string,
  value: unknown,
  known: readonly T[],
): [T | undefined, unknown][] {
  if (!isQueryObject(value)) return [[undefined, value]];
  return Object.entries(value).map(([name, operand]) => {
    const operator = known.find((candidate) => candidate === name);
    if (operator === undefined) {
      throw invalidParameter(field, `knows the operators: ${known.join(', ')}`);
    }
    return [operator, operand];
  });
}

function readText(field: string, value: unknown, kind: FilterKind): string {
  if (typeof value !== 'string' || value === '') {
    throw invalidParameter(field, 'must be a string that is not empty');
  }
  if (kind === 'type' && !readableTypes.some((type) => type === value)) {
    throw invalidParameter(field, `must be one of: ${readableTypes.join(', ')}`);
  }
  return value;
}

/** The ids in `7`, `{id: 7}` or a list of either. */
function readIds(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => readIds(field, item));
  if (isQueryObject(value) && Object.keys(value).join() === 'id') return readIds(field, value.id);
  if (typeof value !== 'string' || value === '') {
    throw invalidParameter(field, 'must be an id, an object with an id, or a list of them');
  }
  return [value];
}

/** True when the record meets every condition. A field that is null or absent meets none. */
export function meetsConditions(record: object, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) => meets(Reflect.get(record, condition.field), condition));
}

function meets(value: unknown, condition: Condition): boolean {
  if (condition.test === 'refers') {
    return [value].flat().some((item) => isQueryObject(item) && condition.ids.some((id) => id === item.id));
  }
  if (typeof value !== 'string') return false;
  if ('ms' in condition) return dateTests[condition.test](Date.parse(value), condition.ms);
  if (condition.test === 'is') return value === condition.text;
  return value.toLowerCase().includes(condition.text.toLowerCase());
}

/** Refuses a window that ends before it starts or is longer than a year: of each time, and from one to the other [inferred]. */
export function checkTimeWindow(conditions: readonly Condition[]): void {
  const bound = (field: string, ...tests: string[]) => {
    const found = conditions.find((condition) => condition.field === field && tests.includes(condition.test));
    return found !== undefined && 'ms' in found ? found.ms : undefined;
  };
  const startsAfter = bound('start_time', 'from', 'gt', 'eq');
  const endsBefore = bound('end_time', 'to', 'lt', 'eq');
  checkWindow(startsAfter, bound('start_time', 'lt'), 'start_time');
  checkWindow(bound('end_time', 'gt'), endsBefore, 'end_time');
  checkWindow(startsAfter, endsBefore, 'start_time to end_time');
}

function checkWindow(fromMs: number | undefined, toMs: number | undefined, name: string): void {
  if (fromMs === undefined || toMs === undefined) return;
  if (fromMs > toMs) throw new Refusal(400, `The range of ${name} must start before it ends`);
  const latest = new Date(fromMs);
  latest.setUTCFullYear(latest.getUTCFullYear() + 1);
  if (toMs > latest.getTime()) throw new Refusal(400, `The range of ${name} must not be longer than a year`);
}
