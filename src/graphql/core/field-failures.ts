import { type GraphQLResolveInfo, locatedError, responsePathAsArray } from 'graphql';

/** How many errors an answer shows: one for each record of the largest page. */
export const maxErrors = 100;

/** The operations with failed fields, by their contexts. `common` is the error of all fields beyond the shown ones. */
const failures = new WeakMap<object, { count: number; common: Error | undefined }>();

/**
 * The error of a field that fails because of upstream. Beyond the errors that an answer shows, all fields of an operation have the same
 * one: upstream decides how many fail, and the executor takes 50 microseconds to make the error of each.
 */
export function failedField(makeError: () => Error, context: object, info: GraphQLResolveInfo): Error {
  const seen = failures.get(context) ?? { count: 0, common: undefined };
  failures.set(context, seen);
  seen.count += 1;
  if (seen.count <= maxErrors) return makeError();
  // The executor makes no error for one that has a path.
  seen.common ??= locatedError(makeError(), info.fieldNodes, responsePathAsArray(info.path));
  return seen.common;
}
