/** The fields of a record that may be null or absent. */
export type OptionalField<Item> = {
  [Name in keyof Item]-?: null extends Item[Name] ? Name : never;
}[keyof Item] &
  string;

/**
 * The record at that place with one of the fields null and another left out, in turn: over enough places each is at
 * least once null and once left out. The record at place 0 stays whole.
 */
export function withGaps<Item extends object>(
  record: Item,
  place: number,
  fields: readonly OptionalField<Item>[],
): Item {
  if (place === 0 || fields.length === 0) {
    return record;
  }
  const absent = fields[(place + Math.min(7, Math.floor(fields.length / 2))) % fields.length] ?? '';
  const copy = { ...record, [fields[place % fields.length] ?? '']: null };
  Reflect.deleteProperty(copy, absent);
  return copy;
}
