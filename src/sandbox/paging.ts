import { type Query, readString } from './query.ts';
import { Refusal } from './refusal.ts';
import type { Placed } from './store.ts';

/** Which part of a list is asked for. */
export interface Paging {
  readonly limit: number;
  /** The first place that may be on the page. */
  readonly firstPlace: number;
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
export function readPaging(query: Query): Paging {
  const limit = readString(query, 'limit') ?? String(defaultLimit);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > maxLimit) {
    throw new Refusal(400, `Query parameter limit must be a whole number from 1 to ${maxLimit}`);
  }
  const cursor = readString(query, 'next_cursor');
  return { limit: Number(limit), firstPlace: cursor === undefined ? 0 : parseCursor(cursor) };
}

/** Cuts the page out of all matching records. A record deleted in between is neither repeated nor makes another be skipped. */
export function pageOf<Item>(items: readonly Placed<Item>[], { limit, firstPlace }: Paging): Page<Item> {
  const before = items.filter(({ place }) => place < firstPlace);
  const rest = items.slice(before.length);
  const next = rest[limit];
  const previous = before.at(-limit) ?? before[0];
  return {
    records: rest.slice(0, limit).map(({ record }) => record),
    nextCursor: next === undefined ? null : buildCursor(next.place),
    prevCursor: previous === undefined ? null : buildCursor(previous.place),
  };
}

function buildCursor(place: number): string {
  return Buffer.from(`place:${place}`).toString('base64url');
}

function parseCursor(cursor: string): number {
  const place = /^place:(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1];
  if (place === undefined) {
    throw new Refusal(400, 'Query parameter next_cursor is not a cursor of this list');
  }
  return Number(place);
}
