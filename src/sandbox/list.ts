import { createHash } from 'node:crypto';
import { isJsonObject } from '../engagement/body.ts';
import { type Answer, formatAnswer, invalidParameter, Refusal, shapeFields } from './answer.ts';
import type { RecordKind } from './providers.ts';
import {
  type AccountRequest,
  injectFault,
  type ListOrder,
  type Numbered,
  parseDate,
  type Query,
  readableTypes,
  readSort,
  readString,
} from './request.ts';

const defaultLimit = 25; // the default of Truto's command line; that of the API is NOT FOUND
const maxLimit = 100; // as documented for the log; the sandbox refuses more, so that no page is smaller than requested

const dateTests = {
  eq: (ms: number, bound: number) => ms === bound,
  gt: (ms: number, bound: number) => ms > bound,
  lt: (ms: number, bound: number) => ms < bound,
  from: (ms: number, bound: number) => ms >= bound,
  to: (ms: number, bound: number) => ms <= bound,
};

/**
 * The filters of each kind, besides `created_at` and `updated_at`. Those of engagements and users are documented, the others are
 * [inferred]. The documentation only counts how many a real integration supports; here every account has all.
 */
export const filtersByKind: Readonly<Record<RecordKind, string>> = {
  engagements: 'engagement_type start_time end_time contact opportunity account owner lead subject content status',
  users: 'name email',
  contacts: 'name account owner',
  accounts: 'owner name industry',
  opportunities: 'name status owner account contact',
  leads: 'status lead_source owner account contact',
  projects: 'name status owner account contact opportunity',
  notes: 'title content owner contact account opportunity lead',
};

/**
 * How a value without an operator is compared. `is`: with the whole text. `has`: with a part of it, in any case [inferred]. Dates also
 * have `[eq]`, `[gt]` and `[lt]`. Without these, `start_time` and `end_time` bound a window: records that start then or later, and that
 * end then or earlier [inferred from the notes "start before end" and "at most a year"]. All other filters are `refers`: the id of a
 * related record, or several ids of which one matches.
 */
const bareTests: Readonly<Record<string, 'is' | 'has' | keyof typeof dateTests>> = {
  ...{ engagement_type: 'is', status: 'is', email: 'is', industry: 'is', lead_source: 'is' },
  ...{ name: 'has', title: 'has', subject: 'has', content: 'has' },
  ...{ start_time: 'from', end_time: 'to', created_at: 'eq', updated_at: 'eq' },
};

/**
 * Returns one page of the records that match the filters, sorted. A delete between two pages repeats and skips no record. Sorting is
 * documented for engagements and users; for the others it is [inferred].
 * @param list returns all records, in the provider's own order.
 * @param show returns the record as the provider's own API shows it.
 */
export function listRecords<Item extends object>(
  request: AccountRequest,
  kind: RecordKind,
  list: () => readonly Numbered<Item>[],
  show: (record: Item) => unknown,
): Answer {
  const { query, account, shape } = request;
  const conditions = readConditions(query, kind);
  checkTimeWindow(conditions);
  const order = readSort(query);
  // Binds a cursor to its list, for any limit and shape. This prevents mix-ups, not forgery.
  const identity = JSON.stringify([account.id, kind, conditions, order ?? null]);
  const fingerprint = createHash('sha256').update(identity).digest('base64url').slice(0, 12);
  const limit = readLimit(query);
  const cursor = readString(query, 'next_cursor');
  const first = cursor === undefined ? undefined : parseCursor(cursor, fingerprint);

  return injectFault(request, () => {
    const sorted = list()
      .filter(({ record }) => conditions.every((condition) => meets(Reflect.get(record, condition.field), condition)))
      // A record without the date sorts as the oldest. [inferred]
      .map((item) => ({ ...item, key: order ? String(Reflect.get(item.record, order.field) ?? '') : '' }))
      .sort((left, right) => compare(left, right, order));
    const start = first === undefined ? 0 : sorted.filter((item) => compare(item, first, order) < 0).length;
    const page = sorted.slice(start, start + limit).map(({ record }) => record);
    const cursorAt = (index: number) => {
      const at = sorted[index];
      return at ? Buffer.from(`${fingerprint} ${at.number} ${at.key}`).toString('base64url') : null;
    };
    // The providers' own lists differ more than documented. A bare array of their records is [inferred].
    return formatAnswer(shape, { status: 200, body: page.map(show) }, () => ({
      result: page.map((record) => shapeFields(record, show(record), shape)),
      next_cursor: cursorAt(start + limit),
      prev_cursor: start === 0 ? null : cursorAt(Math.max(0, start - limit)),
      result_count: page.length, // of this page: whether upstream counts the page or the whole list is NOT FOUND
    }));
  });
}

function readLimit(query: Query): number {
  const limit = readString(query, 'limit') ?? String(defaultLimit);
  if (/^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= maxLimit) return Number(limit);
  throw invalidParameter('limit', `must be a whole number from 1 to ${maxLimit}`);
}

/** The position of a record in a list, sorted by `key` (empty without an order). Deletes of other records do not change it. */
type Position = { readonly key: string; readonly number: number };

/**
 * Negative when the left record comes first. Dates of one form and zone compare as text. Equal dates keep the provider's own order,
 * in both directions. [inferred]
 */
function compare(left: Position, right: Position, order: ListOrder | undefined): number {
  const byKey = left.key < right.key ? -1 : Number(left.key > right.key);
  return (order?.isDescending ? -byKey : byKey) || left.number - right.number;
}

function parseCursor(cursor: string, fingerprint: string): Position {
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, madeFor, number, key = ''] = /^(\S+) (\d{1,9}) (.*)$/.exec(text) ?? [];
  if (number === undefined) throw invalidParameter('next_cursor', 'is not a cursor');
  if (madeFor !== fingerprint) throw invalidParameter('next_cursor', 'belongs to a list with other filters');
  return { key, number: Number(number) };
}

/** The condition of one query parameter on one field. Plain data, so that a cursor can be bound to it. */
type Condition = { readonly field: string } & (
  | { readonly test: 'is' | 'has'; readonly text: string }
  | { readonly test: keyof typeof dateTests; readonly ms: number }
  | { readonly test: 'refers'; readonly ids: readonly string[] }
);

/** Reads the conditions. An empty parameter counts as absent: Truto's SDK sends null as an empty text. */
function readConditions(query: Query, kind: RecordKind): readonly Condition[] {
  return `${filtersByKind[kind]} created_at updated_at`
    .split(' ')
    .filter((field) => (query[field] ?? '') !== '')
    .flatMap((field) => readField(field, query[field]));
}

function readField(field: string, value: unknown): readonly Condition[] {
  const test = bareTests[field];
  if (test === undefined) return [{ field, test: 'refers', ids: [...new Set(readIds(field, value))].toSorted() }];
  if (test === 'is' || test === 'has')
    return readOperators(field, value, ['eq']).map(([, text]) => ({ field, test, text: readText(field, text) }));
  const operators = readOperators(field, value, ['eq', 'gt', 'lt']);
  return operators.map(([operator = test, date]) => ({ field, test: operator, ms: parseDate(date, field) }));
}

/** The operators of `field[operator]=value`; none for `field=value`. */
function readOperators<T extends string>(
  field: string,
  value: unknown,
  known: readonly T[],
): [T | undefined, unknown][] {
  if (!isJsonObject(value)) return [[undefined, value]];
  return Object.entries(value).map(([name, operand]) => {
    const operator = known.find((candidate) => candidate === name);
    if (operator === undefined) throw invalidParameter(field, `knows the operators: ${known.join(', ')}`);
    return [operator, operand];
  });
}

function readText(field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw invalidParameter(field, 'must be a string that is not empty');
  if (field !== 'engagement_type' || readableTypes.some((type) => type === value)) return value;
  throw invalidParameter(field, `must be one of: ${readableTypes.join(', ')}`);
}

/** The ids in `7`, `{id: 7}` or a list of either. */
function readIds(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => readIds(field, item));
  if (isJsonObject(value) && Object.keys(value).join() === 'id') return readIds(field, value.id);
  if (typeof value === 'string' && value !== '') return [value];
  throw invalidParameter(field, 'must be an id, an object with an id, or a list of them');
}

/** A field that is null or absent meets no condition. */
function meets(value: unknown, condition: Condition): boolean {
  if (condition.test === 'refers') {
    return [value].flat().some((item) => isJsonObject(item) && condition.ids.some((id) => id === item.id));
  }
  if (typeof value !== 'string') return false;
  if ('ms' in condition) return dateTests[condition.test](Date.parse(value), condition.ms);
  if (condition.test === 'is') return value === condition.text;
  return value.toLowerCase().includes(condition.text.toLowerCase());
}

/** Refuses a window that ends before it starts or is longer than a year: of each time, and between the two [inferred]. */
function checkTimeWindow(conditions: readonly Condition[]): void {
  const bound = (field: string, ...tests: string[]) => {
    const found = conditions.find((condition) => condition.field === field && tests.includes(condition.test));
    return found !== undefined && 'ms' in found ? found.ms : undefined;
  };
  const startsAfter = bound('start_time', 'from', 'gt', 'eq');
  const endsBefore = bound('end_time', 'to', 'lt', 'eq');
  const windows = [
    ['start_time', startsAfter, bound('start_time', 'lt')],
    ['end_time', bound('end_time', 'gt'), endsBefore],
    ['start_time to end_time', startsAfter, endsBefore],
  ] as const;
  for (const [name, fromMs, toMs] of windows) {
    if (fromMs === undefined || toMs === undefined) continue;
    if (fromMs > toMs) throw new Refusal(400, `The range of ${name} must start before it ends`);
    const latestMs = new Date(fromMs).setUTCFullYear(new Date(fromMs).getUTCFullYear() + 1);
    if (toMs > latestMs) throw new Refusal(400, `The range of ${name} must not be longer than a year`);
  }
}
