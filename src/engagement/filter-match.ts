import { type EngagementFilter, filterArguments, typeNamed } from './input.ts';
import { type EngagementRecord, isSameId } from './record.ts';
import { typeOnly, type WireField } from './resources.ts';

/** Provider's times may lack their zone. A filter that is ignored shows records that are further away. */
const maxZoneMs = 24 * 3_600_000;

type Range = NonNullable<EngagementFilter['createdAt']>;
type Reference = { readonly id: string };

/** True when a record's value is another than the filter asks for. Of other kinds, the provider decides what matches. */
const differs: Readonly<Record<string, (wanted: never, found: never) => boolean>> = {
  type: (wanted: string, found: string) => (typeNamed(found) ?? wanted) !== wanted,
  id: (wanted: string, found: Reference) => !isSameId(wanted, found.id),
  idInList: (wanted: string, found: readonly Reference[]) =>
    found.length > 0 && !found.some(({ id }) => isSameId(wanted, id)),
  range: ({ gt, lt }: Range, found: string) =>
    Date.parse(found) < Number(gt ?? Number.NEGATIVE_INFINITY) - maxZoneMs ||
    Date.parse(found) > Number(lt ?? Number.POSITIVE_INFINITY) + maxZoneMs,
};

/** The conditions of a filter that a record can contradict: the name of each, the field that shows it, and whether a value of that does. */
function conditionsOf(filter: EngagementFilter) {
  return Object.entries(filterArguments).flatMap(([name, { wireName, kind }]) => {
    const [wanted, isOther] = [filter[name as keyof EngagementFilter] ?? null, differs[kind]];
    if (wanted === null || !isOther) return [];
    const isContradicted = (found: unknown) => isOther(wanted as never, found as never);
    return [{ name, field: wireName as WireField, isContradicted }];
  });
}

/** The fields that show whether records match a filter, and the type. */
export const filterFields = (filter: EngagementFilter): ReadonlySet<WireField> =>
  new Set<WireField>([...typeOnly, ...conditionsOf(filter).map(({ field }) => field)]);

/**
 * Finds a condition that a listed record contradicts: each integration supports some filters only, and Truto does not document what it does
 * with others. A field that the record lacks contradicts nothing.
 */
export function findContradicted(record: EngagementRecord, filter: EngagementFilter): string | undefined {
  return conditionsOf(filter).find(({ field, isContradicted }) => {
    const found = record[field] ?? null;
    return found !== null && isContradicted(found);
  })?.name;
}
