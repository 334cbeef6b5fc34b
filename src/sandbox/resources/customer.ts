import type { RecordReference } from '../../engagement/input.ts';
import type { SandboxAccount } from '../accounts.ts';
import { relatedIds } from '../related.ts';
import type { NamedReference } from '../related-records.ts';

/**
 * The records of an integrated account are those of four customers, in turn: that is how an opportunity's contacts are
 * people of its account, and one user looks after all of it. As many customers as an account has accounts and users.
 */
const customerCount = 4;

/** Which customer the record at a place belongs to, counted from 0. */
export function customerAt(place: number): number {
  return place % customerCount;
}

/** Out of an account's records of one kind, in the order of their places: those of the same customer as `place`. */
export function withSameCustomer<Item>(items: readonly Item[], place: number): readonly Item[] {
  return items.filter((_item, other) => customerAt(other) === customerAt(place));
}

/** References to the records of one kind that belong to the same customer as the record at a place. */
export function ofSameCustomer(
  account: SandboxAccount,
  place: number,
  kind: 'contacts' | 'opportunities' | 'leads',
): readonly RecordReference[] {
  return withSameCustomer(relatedIds(account, kind), place).map((id) => ({ id }));
}

/** The account of the customer that the record at a place belongs to. */
export function accountOf(account: SandboxAccount, place: number): RecordReference {
  return referenceAt(relatedIds(account, 'accounts'), place);
}

/** The user who looks after that customer. */
export function ownerOf(account: SandboxAccount, place: number): RecordReference {
  return referenceAt(relatedIds(account, 'users'), place);
}

/** The reference that names the record too. */
export function named({ id, name }: NamedReference): NamedReference {
  return { id, name: name ?? null };
}

function referenceAt(ids: readonly string[], place: number): RecordReference {
  const id = ids[customerAt(place)];
  if (id === undefined) {
    throw new RangeError(`There is no record for customer ${customerAt(place)}`);
  }
  return { id };
}
