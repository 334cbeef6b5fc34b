import type { DeleteEngagementInput } from '../input.ts';
import { refusedInput } from '../refusal.ts';
import { type DeleteEnd, type InvalidInputError, refusal } from '../result.ts';

/** How many deletes one list may have. */
export const maxDeletes = 100;

/** One of many deletes in an integrated account. */
export type DeleteItem = Pick<DeleteEngagementInput, 'id' | 'engagementType' | 'parameters'>;

/** Names the engagement of an item: some providers number each kind of them by itself. */
export function nameOf({ id, engagementType }: DeleteItem): string {
  return JSON.stringify([engagementType ?? null, id]);
}

/** The same text for the same parameters, in any order: absent and null mean the same. */
function parametersOf({ parameters }: DeleteItem): string {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));
}

/**
 * Begins all deletes of a list at once; the account's lane limits how many are sent at a time. Items that name the same engagement are
 * one delete, and are refused where their parameters differ from those of the first.
 */
export function deleteEach<End extends DeleteEnd>(
  items: readonly DeleteItem[],
  deleteOne: (item: DeleteItem) => Promise<End>,
): readonly Promise<End | InvalidInputError>[] {
  const begun = new Map<string, { readonly index: number; readonly item: DeleteItem; readonly end: Promise<End> }>();
  return items.map((item, index) => {
    const name = nameOf(item);
    const first = begun.get(name) ?? { index, item, end: deleteOne(item) };
    begun.set(name, first);
    if (parametersOf(first.item) === parametersOf(item)) return first.end;
    const message = `It names the same engagement as items[${first.index}], with other parameters.`;
    return Promise.resolve(refusedInput([refusal(['items', String(index)], message)]));
  });
}
