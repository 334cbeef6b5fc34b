import { fieldError } from '../errors.ts';

/**
 * Where a part of a list begins, and how long it is at most.
 * @throws {GraphQLError} `INVALID_INPUT` for a length or a cursor that cannot be.
 */
export function readPlace(
  { first, after }: { readonly first: number; readonly after?: string | null | undefined },
  maxFirst: number,
): { readonly from: number; readonly count: number } {
  if (first < 1 || first > maxFirst) throw fieldError('INVALID_INPUT', `first must be from 1 to ${maxFirst}.`);
  if (!/^\d{0,9}$/.test(after ?? '')) throw fieldError('INVALID_INPUT', 'after must be an endCursor of this list.');
  return { from: Number(after ?? 0), count: first };
}
