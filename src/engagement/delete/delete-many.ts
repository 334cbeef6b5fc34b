import { type DeleteEngagementInput, sentType } from '../input.ts';
import { refusedInput } from '../refusal.ts';
import { type DeleteEnd, type InvalidInputError, refusal, withEngagementId } from '../result.ts';

/** How many deletes one list may have. */
export const maxDeletes = 100;

type DeleteItem = Pick<DeleteEngagementInput, 'id' | 'engagementType' | 'rawEngagementType' | 'parameters'>;
/** Identifies the engagement of an item. Some providers number each type by itself. */
export const itemKey = (item: DeleteItem): string => JSON.stringify([sentType(item), item.id]);

/** Equal for equal parameters, in any order. Absent and null mean the same. */
function comparableParameters({ parameters }: DeleteItem): string {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => (value ?? null) !== null);
  return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));
}

/**
 * Starts all deletes of a list at once; the account's lane limits how many are in flight. Items with the same engagement are one
 * delete. An item whose parameters differ from those of the first is refused.
 */
export function deleteEach<End extends DeleteEnd>(
  items: readonly DeleteItem[],
  deleteOne: (item: DeleteItem) => Promise<End>,
): readonly Promise<End | InvalidInputError>[] {
  const begun = new Map<string, { readonly index: number; readonly item: DeleteItem; readonly end: Promise<End> }>();
  return items.map((item, index) => {
    const key = itemKey(item);
    const first = begun.get(key) ?? { index, item, end: deleteOne(item) };
    begun.set(key, first);
    if (comparableParameters(first.item) === comparableParameters(item)) return first.end;
    const message = `It has the same engagement as items[${first.index}], with other parameters. Remove one of them.`;
    return Promise.resolve(withEngagementId(refusedInput([refusal(['items', String(index)], message)]), item.id));
  });
}
