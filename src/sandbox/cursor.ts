import { createHash } from 'node:crypto';
import type { Condition } from './list-filters.ts';
import type { ListOrder, Position } from './list-order.ts';
import type { RecordKind } from './record-kind.ts';
import { Refusal } from './refusal.ts';

/** What makes a list another list: its cursors are no good for this one. Neither `limit` nor the look of the answer does. */
export interface ListIdentity {
  readonly accountId: string;
  readonly kind: RecordKind;
  readonly conditions: readonly Condition[];
  readonly order: ListOrder | undefined;
}

/** Characters of the hash that a cursor carries: it guards against mix-ups, not against forgery. */
const fingerprintLength = 12;

/** A short text that is the same for the same list alone. */
export function fingerprintOf({ accountId, kind, conditions, order }: ListIdentity): string {
  const text = JSON.stringify([accountId, kind, conditions, order ?? null]);
  return createHash('sha256').update(text).digest('base64url').slice(0, fingerprintLength);
}

/** The cursor of the page that starts at a position of the list with that fingerprint. */
export function buildCursor({ key, place }: Position, fingerprint: string): string {
  return Buffer.from(`${fingerprint} ${place} ${key}`).toString('base64url');
}

/** The position in a cursor. Refuses with 400 what is no cursor, or one of another list. */
export function parseCursor(cursor: string, fingerprint: string): Position {
  const [, madeFor, place, key = ''] = /^(\S+) (\d{1,9}) (.*)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (place === undefined) {
    throw new Refusal(400, 'Query parameter next_cursor is not a cursor');
  }
  if (madeFor !== fingerprint) {
    throw new Refusal(400, 'Query parameter next_cursor belongs to a list with other filters');
  }
  return { key, place: Number(place) };
}
