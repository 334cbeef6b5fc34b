/** Ids are as long as Truto's. */
const prefix = '6e66c87e5cd13c3c';

/** The id of the engagement at a place of the list. */
export const idOf = (index: number): string => `${prefix}${String(index).padStart(8, '0')}`;

/** The place of the engagement with that id. */
export const indexOf = (id: string): number => Number(id.slice(prefix.length));
