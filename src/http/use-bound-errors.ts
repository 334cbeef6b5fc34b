import { mapAsyncIterator } from '@graphql-tools/utils';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { fieldError } from '../graphql/core/top-level-errors.ts';
import { shortened } from '../log/foreign-text.ts';

/** How many errors a result has at most: one for each record of the largest page. */
const maxErrors = 100;

/** The longest message of an error: it may quote what a caller sent. */
const maxMessageCharacters = 1_000;

/** The longest name in the path of an error: a caller's alias. */
const maxNameCharacters = 100;

/** How many places in the document an error names at most. */
const maxLocations = 10;

/** A result, or a part of one; of a deferred or streamed part, `incremental` has the errors. */
type Result = ExecutionResult & { readonly incremental?: readonly ExecutionResult[] };

/** What begins graphql-js' suggestions. The names that it gives away are the schema's. */
const suggestion = 'Did you mean ';

function withoutSuggestion(message: string): string {
  const at = message.indexOf(suggestion);
  return at < 0 ? message : message.slice(0, at).trimEnd();
}

/** Changes the error itself: another would lose what Yoga reads off this one. */
function boundError(error: GraphQLError, hidesSuggestions: boolean): void {
  const { message, path, nodes, positions, locations } = error;
  const bounded: {
    -readonly [Key in 'message' | 'path' | 'nodes' | 'positions' | 'locations']?: GraphQLError[Key];
  } = error;
  // Before it is cut: a suggestion is known by its beginning.
  bounded.message = shortened(hidesSuggestions ? withoutSuggestion(message) : message, maxMessageCharacters);
  if (path) bounded.path = path.map((key) => (typeof key === 'string' ? shortened(key, maxNameCharacters) : key));
  // Yoga makes the locations of an error anew from these.
  if (nodes) bounded.nodes = nodes.slice(0, maxLocations);
  if (positions) bounded.positions = positions.slice(0, maxLocations);
  if (locations) bounded.locations = locations.slice(0, maxLocations);
}

/** An error in the place of a whole result comes before those of values in results: a delete's may be all that is said of it. */
function byDepth({ path: one = [] }: GraphQLError, { path: other = [] }: GraphQLError): number {
  return one.length - other.length;
}

function boundErrors(errors: readonly GraphQLError[], hidesSuggestions: boolean): readonly GraphQLError[] {
  const hidden = Math.max(0, errors.length - maxErrors);
  const shown = hidden === 0 ? errors : errors.toSorted(byDepth).slice(0, maxErrors);
  for (const error of shown) boundError(error, hidesSuggestions);
  if (hidden === 0) return shown;
  const advice =
    'Where a delete has neither a result nor an error, its outcome is not said: ask again with its Idempotency-Key, or look whether the engagement is there.';
  return [...shown, fieldError('TOO_MANY_ERRORS', `${hidden} more errors are not shown. ${advice}`)];
}

function boundResult(result: Result, hidesSuggestions: boolean): Result {
  const { errors, incremental } = result;
  if (!errors && !incremental) return result;
  return {
    ...result,
    ...(errors && { errors: boundErrors(errors, hidesSuggestions) }),
    ...(incremental && { incremental: incremental.map((part) => boundResult(part, hidesSuggestions)) }),
  };
}

/**
 * Bounds the errors of every answer, ours and libraries', of a document that is parsed, validated or executed, and of each part of
 * a result in parts: how many there are, and how much each repeats of what the caller sent.
 * @param hidesSuggestions takes "Did you mean …?" out of them.
 */
export function useBoundErrors(hidesSuggestions: boolean): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      // Operations come one by one.
      if (Array.isArray(result)) return;
      if (isAsyncIterable(result)) setResult(mapAsyncIterator(result, (part) => boundResult(part, hidesSuggestions)));
      else setResult(boundResult(result, hidesSuggestions));
    },
  };
}
