import { mapAsyncIterator } from '@graphql-tools/utils';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin, maskError as yogaMaskError } from 'graphql-yoga';
import { fieldError } from '../../graphql/core/top-level-errors.ts';
import { shortened } from '../../log/foreign-text.ts';

/** How the executor's messages begin about an argument that a variable made wrong; all other errors with a path are ours. */
const aboutArgument = /^Argument "/;

/** How the executor's messages begin about a `@stream` that it cannot carry out. */
const aboutStream = /^initialCount must be /;

/** The code of an error that graphql-js or the executor made without one. */
function codeOf({ path, message }: GraphQLError): string {
  return path === undefined || aboutArgument.test(message) ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR';
}

/**
 * What a client sees of an error: those made for clients as they are, any other as "Unexpected error.", each with a code. The
 * original goes to the log. Yoga alone shows it, with its stack, when NODE_ENV is `development`, and quotes a body that is no JSON.
 */
export function maskError(error: unknown, message: string): Error {
  if (error instanceof GraphQLError && aboutStream.test(error.originalError?.message ?? '')) {
    // The same error: Yoga logs every other as unexpected, and this one is the caller's.
    error.message = 'The initialCount of @stream must be a whole number, 0 or more.';
    error.extensions.code = 'BAD_USER_INPUT';
    return error;
  }
  const masked = yogaMaskError(error, message, false);
  if (!(masked instanceof GraphQLError)) return masked;
  if (masked.extensions.originalError) {
    const { originalError: _hidden, http, ...extensions } = masked.extensions;
    // Yoga takes the status as it is from one without `spec`; else it would look for the original error.
    const { status } = (http ?? { status: 500 }) as { status: number };
    return new GraphQLError(masked.message, { extensions: { ...extensions, http: { status } } });
  }
  masked.extensions.code ??= codeOf(masked);
  return masked;
}

/** How many errors a result has at most: one for each record of the largest page. */
const maxErrors = 100;

/** The longest message of an error: it may quote what a caller sent. */
const maxMessageCharacters = 1_000;

/** The longest name in the path of an error: a caller's alias. */
const maxNameCharacters = 100;

/** How many locations in the document an error names at most. */
const maxLocations = 10;

/** A result, or a part of one; of a deferred or streamed part, `incremental` has the errors. */
type Result = ExecutionResult & { readonly incremental?: readonly ExecutionResult[] };

/** graphql-js' suggestions give away the schema's names. */
function withoutSuggestion(message: string): string {
  const at = message.indexOf('Did you mean ');
  return at < 0 ? message : message.slice(0, at).trimEnd();
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Changes the error itself: another would lose what Yoga reads off this one. */
function boundError(error: Writable<GraphQLError>, hidesSuggestions: boolean): void {
  const { path, nodes, positions, locations } = error;
  // Before it is cut: a suggestion is known by its beginning.
  const message = hidesSuggestions ? withoutSuggestion(error.message) : error.message;
  error.message = shortened(message, maxMessageCharacters);
  if (path) error.path = path.map((key) => (typeof key === 'string' ? shortened(key, maxNameCharacters) : key));
  // Yoga makes the locations of an error anew from these.
  if (nodes) error.nodes = nodes.slice(0, maxLocations);
  if (positions) error.positions = positions.slice(0, maxLocations);
  if (locations) error.locations = locations.slice(0, maxLocations);
}

function boundErrors(errors: readonly GraphQLError[], hidesSuggestions: boolean): readonly GraphQLError[] {
  // An error in the place of a whole result comes before those of values in results: it may be all that is known of a delete.
  const byDepth = errors.toSorted(({ path: one = [] }, { path: other = [] }) => one.length - other.length);
  const shown = errors.length > maxErrors ? byDepth.slice(0, maxErrors) : errors;
  for (const error of shown) boundError(error, hidesSuggestions);
  if (shown === errors) return shown;
  const advice =
    'Where a delete has neither a result nor an error, its outcome is not said: ask again with its Idempotency-Key, or look whether the engagement is there.';
  const hiddenCount = errors.length - maxErrors;
  return [...shown, fieldError('TOO_MANY_ERRORS', `${hiddenCount} more errors are not shown. ${advice}`)];
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
 * Bounds the errors of every answer, and of each part of a result in parts: how many there are, and how much
 * each repeats of what the caller sent.
 * @param hidesSuggestions removes "Did you mean …?".
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

/**
 * Answers every error in a GraphQL response with 200, for gateways: at 400, 401 and others Apollo Gateway shows this server's
 * address and answer to its own clients, and other gateways lose message or code.
 */
export function useGatewayStatus(): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;
      for (const { extensions } of result.errors ?? []) {
        const { headers } = (extensions.http ?? {}) as { headers?: Record<string, string> };
        extensions.http = { ...(headers && { headers }) };
      }
      setResult({ ...result, extensions: { ...result.extensions, http: { status: 200 } } });
    },
  };
}
