import { createHash } from 'node:crypto';
import { type Answer, invalidParameter, type PlainAnswer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { checkTimeWindow, type ListFilters, meetsConditions, readConditions } from './list-filters.ts';
import { checkRemoteQuery, type ListOrder, readAnswerShape, readSort } from './parameters.ts';
import { type Query, readString } from './query.ts';
import type { Numbered, RecordKind } from './records.ts';
import type { AccountRequest } from './request.ts';
import { isMapped, passThrough, shapeFields } from './show-record.ts';

/** What is listed, and how. */
export interface Listing<Item> {
  readonly kind: RecordKind;
  /** What is there when the list is made, in the provider's own order. */
  list(): readonly Numbered<Item>[];
  readonly filters: ListFilters;
  /** The record as the provider's own API shows it. */
  readonly show: (record: Item) => unknown;
}

/** Where a record is in a list, sorted by `key` (empty in one that is not sorted). It stays when others are deleted. */
type Position = { readonly key: string; readonly number: number };

const defaultLimit = 25; // the default of Truto's command line; the API's own is NOT FOUND
const maxLimit = 100; // as documented for the log; beyond it the sandbox refuses rather than give less than asked for
const fingerprintLength = 12; // guards against mix-ups, not against forgery

/** Answers one page of the records that meet the filters, sorted. A delete between two pages repeats and skips none. */
export function listRecords<Item extends object>(request: AccountRequest, listing: Listing<Item>): Answer {
  const { query, account } = request;
  const { kind, list, filters, show } = listing;
  checkRemoteQuery(query);
  const shape = readAnswerShape(query);
  const conditions = readConditions(query, filters);
  checkTimeWindow(conditions);
  const order = readSort(query);
  const fingerprint = fingerprintOf([account.id, kind, conditions, order ?? null]);
  const limit = readLimit(query);
  const cursor = readString(query, 'next_cursor');
  const first = cursor === undefined ? undefined : parseCursor(cursor, fingerprint);

  return injectFault(request, (): PlainAnswer => {
    const matching = list().filter(({ record }) => meetsConditions(record, conditions));
    const sorted = sort(matching, order);
    const start = first === undefined ? 0 : sorted.filter((item) => compare(item, first, order) < 0).length;
    const page = sorted.slice(start, start + limit).map(({ record }) => record);
    // The providers' own lists differ more than is documented; a bare array of their records is [inferred].
    if (!isMapped(shape)) return passThrough({ status: 200, body: page.map(show) }, shape);
    const cursorAt = (index: number) => buildCursor(sorted[index], fingerprint);
    const body = {
      result: page.map((record) => shapeFields(record, show(record), shape)),
      next_cursor: cursorAt(start + limit),
      prev_cursor: start === 0 ? null : cursorAt(Math.max(0, start - limit)),
      result_count: page.length, // of this page: whether upstream counts the page or the whole is NOT FOUND
    };
    return { kind: 'plain', status: 200, body };
  });
}

/** Reads `limit`: 1 to 100, default 25. */
function readLimit(query: Query): number {
  const limit = readString(query, 'limit') ?? String(defaultLimit);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > maxLimit) {
    throw invalidParameter('limit', `must be a whole number from 1 to ${maxLimit}`);
  }
  return Number(limit);
}

/**
 * Sorts by the order, or by number alone without one. A record that lacks the date comes as if it were the oldest of all, and
 * among equals the provider's own order decides in both directions. [inferred]
 */
function sort<Item extends object>(items: readonly Numbered<Item>[], order: ListOrder | undefined) {
  const keyOf = (record: Item) => (order === undefined ? '' : String(Reflect.get(record, order.field) ?? ''));
  const positioned = items.map(({ number, record }) => ({ number, record, key: keyOf(record) }));
  return positioned.toSorted((left, right) => compare(left, right, order));
}

/** Negative when the left one comes first. Dates of one form and zone compare as text. */
function compare(left: Position, right: Position, order: ListOrder | undefined): number {
  const byKey = left.key < right.key ? -1 : Number(left.key > right.key);
  return (order?.isDescending ? -byKey : byKey) || left.number - right.number;
}

/** The same for the same list alone, whatever the limit and the shape of the answer: another list refuses its cursors. */
function fingerprintOf(identity: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, fingerprintLength);
}

/** The cursor of the page that starts at a position; null where there is none. */
function buildCursor(position: Position | undefined, fingerprint: string): string | null {
  if (position === undefined) return null;
  return Buffer.from(`${fingerprint} ${position.number} ${position.key}`).toString('base64url');
}

function parseCursor(cursor: string, fingerprint: string): Position {
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, madeFor, number, key = ''] = /^(\S+) (\d{1,9}) (.*)$/.exec(text) ?? [];
  if (number === undefined) throw invalidParameter('next_cursor', 'is not a cursor');
  if (madeFor !== fingerprint) {
    throw invalidParameter('next_cursor', 'belongs to a list with other filters');
  }
  return { key, number: Number(number) };
}
