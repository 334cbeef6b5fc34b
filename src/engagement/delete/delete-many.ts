import { type AnswerRoom, leftOut } from '../answer-room.ts';
import { refusal } from '../finding.ts';
import type { DeleteEngagementInput } from '../input.ts';
import { refusedInput } from '../refusal.ts';
import type { DeleteEnd, InvalidInputError } from '../result.ts';
import { withoutRecord } from '../without-record.ts';

/** How many deletes one list may have. */
export const maxDeletes = 100;

const tooLarge = `The record was left out; the delete itself is as it says. ${leftOut}`;

/** One of many deletes in an integrated account. */
export type DeleteItem = Pick<DeleteEngagementInput, 'id' | 'engagementType' | 'parameters'>;

/** What names an engagement: some providers number each kind of them by itself. */
export function nameOf({ id, engagementType }: DeleteItem): string {
  return JSON.stringify([engagementType ?? null, id]);
}

/** Absent and null mean the same, and so do a literal and a variable. */
function plain({ parameters }: DeleteItem): string {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));
}

/**
 * Begins each delete of a list at once, and those that name the same engagement as one: how many are sent at a time is for
 * the account's lane to say. The same engagement with other parameters is refused.
 */
export function deleteEach<End extends DeleteEnd>(
  items: readonly DeleteItem[],
  deleteOne: (item: DeleteItem) => Promise<End>,
): readonly Promise<End | InvalidInputError>[] {
  const begun = new Map<string, { readonly place: number; readonly item: DeleteItem; readonly result: Promise<End> }>();
  return items.map((item, place) => {
    const name = nameOf(item);
    const first = begun.get(name) ?? { place, item, result: deleteOne(item) };
    begun.set(name, first);
    if (plain(first.item) === plain(item)) return first.result;
    const message = `It names the same engagement as items[${first.place}], with other parameters.`;
    return Promise.resolve(refusedInput([refusal(['items', String(place)], message)]));
  });
}

/** The result, without its record when the operation has no room for that. */
export function withinRoom<End extends DeleteEnd>(result: End, room: AnswerRoom): End {
  const without = withoutRecord(result, tooLarge);
  return without === result || room.take(result) ? result : without;
}
