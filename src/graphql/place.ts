import { builder } from './builder.ts';
import { fieldError } from './top-level-errors.ts';

/** The largest part of a list of our own that is told at once. */
const maxFirst = 1_000;

/** The arguments of a field that tells a list of our own, a part at a time. */
export const placeArgs = builder.args((t) => ({
  first: t.int({ required: true, defaultValue: 100, description: `How many at most, from 1 to ${maxFirst}.` }),
  after: t.string({ description: 'The `endCursor` of the part before; absent for the first.' }),
}));

/**
 * Where a part of a list begins, and how long it is at most.
 * @throws {GraphQLError} `INVALID_INPUT` for a length or a cursor that cannot be.
 */
export function readPlace({ first, after }: { readonly first: number; readonly after?: string | null | undefined }): {
  readonly from: number;
  readonly count: number;
} {
  if (first < 1 || first > maxFirst) throw fieldError('INVALID_INPUT', `first must be from 1 to ${maxFirst}.`);
  if (!/^\d{0,9}$/.test(after ?? '')) throw fieldError('INVALID_INPUT', 'after must be an endCursor of this list.');
  return { from: Number(after ?? 0), count: first };
}
