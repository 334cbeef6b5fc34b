import { buildCursor, parseCursor } from './cursor.ts';
import { comparePositions, type ListOrder, type Position, type Positioned } from './list-order.ts';
import { type Query, readString } from './query.ts';
import { Refusal } from './refusal.ts';

/** Which part of a list is asked for. */
export interface Paging {
  readonly limit: number;
  /** The first position that may be on the page; absent for the first page. */
  readonly first?: Position;
  readonly order: ListOrder | undefined;
  /** Says which list it is; see {@link buildCursor}. */
  readonly fingerprint: string;
}

/** One page. A cursor is null where there is no page. */
export interface Page<Item> {
  readonly records: readonly Item[];
  readonly nextCursor: string | null;
  readonly prevCursor: string | null;
}

const defaultLimit = 25; // the default of Truto's command line; the API's own is NOT FOUND
const maxLimit = 100; // as documented for the log; beyond it the sandbox refuses rather than give less than asked for

/** Reads `limit` (1 to 100, default 25) and `next_cursor`. An empty cursor is the first page: Truto's SDK always sends one. */
export function readPaging(query: Query, list: Pick<Paging, 'order' | 'fingerprint'>): Paging {
  const limit = readString(query, 'limit') ?? String(defaultLimit);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > maxLimit) {
    throw new Refusal(400, `Query parameter limit must be a whole number from 1 to ${maxLimit}`);
  }
  const cursor = readString(query, 'next_cursor');
  return {
    ...list,
    limit: Number(limit),
    ...(cursor !== undefined && { first: parseCursor(cursor, list.fingerprint) }),
  };
}

/** Cuts the page out of all matching records. A record deleted in between is neither repeated nor makes another be skipped. */
export function pageOf<Item>(items: readonly Positioned<Item>[], paging: Paging): Page<Item> {
  const { limit, first, order, fingerprint } = paging;
  const start = first === undefined ? 0 : items.filter((item) => comparePositions(item, first, order) < 0).length;
  const next = items[start + limit];
  const previous = start === 0 ? undefined : items[Math.max(0, start - limit)];
  return {
    records: items.slice(start, start + limit).map(({ record }) => record),
    nextCursor: next === undefined ? null : buildCursor(next, fingerprint),
    prevCursor: previous === undefined ? null : buildCursor(previous, fingerprint),
  };
}
