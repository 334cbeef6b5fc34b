import type { Placed } from './collection.ts';

/** What a list is sorted by. */
export interface ListOrder {
  readonly field: string;
  readonly isDescending: boolean;
}

/** Where a record stands in a sorted list: it keeps its position when others are deleted. */
export interface Position {
  /** What it is sorted by; empty in a list that is not sorted. */
  readonly key: string;
  /** Tells records with the same key apart. */
  readonly place: number;
}

/** A record and its position. */
export interface Positioned<Item> extends Position {
  readonly record: Item;
}

/**
 * Sorts by the order, or by place alone without one. A record that lacks the date comes as if it were the oldest of all,
 * and among equals the provider's own order decides, whichever the direction. [inferred]
 */
export function sortRecords<Item extends object>(
  items: readonly Placed<Item>[],
  order: ListOrder | undefined,
): readonly Positioned<Item>[] {
  return items
    .map(({ place, record }) => ({ place, record, key: order === undefined ? '' : keyOf(record, order.field) }))
    .toSorted((left, right) => comparePositions(left, right, order));
}

/** Negative when the left one comes first. Keys compare as text, which is how dates of one form and zone compare in time. */
export function comparePositions(left: Position, right: Position, order: ListOrder | undefined): number {
  const byKey = left.key < right.key ? -1 : Number(left.key > right.key);
  return (order?.isDescending ? -byKey : byKey) || left.place - right.place;
}

function keyOf(record: object, field: string): string {
  return String(Reflect.get(record, field) ?? '');
}
