import { type DeleteErrorKind, deleteErrors } from '../engagement/delete-errors.ts';
import type { DeleteEngagementResult } from '../engagement/result.ts';

/** How the program ends; the numbers are part of what it promises. Of many deletes, the highest counts. */
export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 3, notNow: 4, unknown: 5 } as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of `--help`. */
export const exitCodesText = `
Exit codes:
  0  done: deleted, accepted or already absent; a dry run that found nothing in the way
  1  a fault of this program, or of where it writes to
  2  used wrongly: an option, a setting or a token that is missing or cannot be. Nothing was sent
  3  refused: surely not deleted, and the same again would not be either
  4  not now: surely not deleted; the same again, later, may be
  5  unknown: it may be deleted. Run the same again: 0, or a NotFoundError, says that it is gone
  Of many deletes, the highest code counts.
`;

/** What becomes of a delete in the terminal: the result's member, or what keeps it from having one. */
export type EndKind = DeleteEngagementResult['kind'] | 'Unauthenticated' | 'NotSent';

const codes: Readonly<Record<Exclude<EndKind, DeleteErrorKind>, ExitCode>> = {
  DeleteEngagementSuccess: exitCodes.done,
  DeleteEngagementPlan: exitCodes.done,
  Unauthenticated: exitCodes.refused,
  NotSent: exitCodes.notNow,
};

/** The code for one delete by itself. */
export function exitCodeOf(kind: EndKind): ExitCode {
  return Object.hasOwn(deleteErrors, kind)
    ? exitCodes[deleteErrors[kind as DeleteErrorKind].ends]
    : codes[kind as Exclude<EndKind, DeleteErrorKind>];
}

/** Something was used wrongly, and the message says what to do about it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
