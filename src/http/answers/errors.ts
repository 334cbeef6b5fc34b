import { mapAsyncIterator } from '@graphql-tools/utils';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin, maskError as yogaMaskError } from 'graphql-yoga';
import { maxErrors } from '../../graphql/core/answer-room.ts';
import { fieldError } from '../../graphql/core/top-level-errors.ts';
import { shortened } from '../../log/foreign-text.ts';

/** How the executor's messages about a bad `@stream` begin. */
const aboutStream = /^initialCount must be /;

/** The code of an error that graphql-js or the executor made: all other errors with a path are from this server. */
const defaultCodeOf = ({ path, message }: GraphQLError): string =>
  path === undefined || message.startsWith('Argument "') ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR';

/**
 * The error as a client sees it. Errors made for clients stay as they are, others become "Unexpected error."; each has a code. The
 * original is logged. Yoga's own masking shows it, with its stack, when NODE_ENV is `development`, and quotes bodies that are not
 * JSON.
 */
export function maskError(error: unknown, message: string): Error {
  if (error instanceof GraphQLError && aboutStream.test(error.originalError?.message ?? '')) {
    // The same object: Yoga logs any other as unexpected, and this is a mistake of the caller.
    error.message = 'The initialCount of @stream must be a whole number, 0 or more.';
    error.extensions.code = 'BAD_USER_INPUT';
    return error;
  }
  const masked = yogaMaskError(error, message, false);
  if (!(masked instanceof GraphQLError)) return masked;
  if (masked.extensions.originalError) {
    const { originalError: _hidden, http, ...extensions } = masked.extensions;
    // Without `spec`, Yoga takes this status; with it, Yoga would look for the original error.
    const { status } = (http ?? { status: 500 }) as { status: number };
    return clearError(new GraphQLError(masked.message, { extensions: { ...extensions, http: { status } } }));
  }
  masked.extensions.code ??= defaultCodeOf(masked);
  return clearError(masked);
}

/** What a client should know instead of Yoga's own words, which do not say what to send. */
const clearMessages: Readonly<Record<string, string>> = {
  'Could not determine what operation to execute.':
    'operationName names no operation of the document, or is missing although there are several. Nothing was executed.',
  'Must provide query string.': 'The request has no query. Nothing was executed. Send the document as `query`.',
  'Batching is not supported.':
    'The body is a list of operations. Nothing was executed. Send each in a request of its own.',
  'POST body sent invalid JSON.':
    'The body is not JSON. Nothing was executed. Send an object with query and variables.',
};

/** Makes an error of Yoga's clear, without its header `Allow`, which promises GET. The same object: a copy would lose what Yoga reads from it. */
function clearError(error: Writable<GraphQLError>): GraphQLError {
  error.message = clearMessages[error.message] ?? error.message;
  const { headers } = (error.extensions.http ?? {}) as { headers?: Record<string, string> };
  if (headers) delete headers.Allow;
  return error;
}

/** How many locations in the document an error has at most. */
const maxLocations = 10;

/** The longest message of an error, and the longest name in its path: they may quote what a caller sent. */
const maxMessageCharacters = 1_000;
const maxNameCharacters = 100;

/** A result, or a part of one; of a deferred or streamed part, `incremental` has the errors. */
type Result = ExecutionResult & { readonly incremental?: readonly ExecutionResult[] };

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** graphql-js suggests names of the schema. */
function withoutSuggestion(message: string): string {
  const at = message.indexOf('Did you mean ');
  return at < 0 ? message : message.slice(0, at).trimEnd();
}

/** Changes the error itself: a copy would lose what Yoga reads from it. */
function boundError(error: Writable<GraphQLError>, hidesSuggestions: boolean): void {
  const { path, nodes, positions, locations } = error;
  // Before the message is cut: a suggestion is recognized by its beginning.
  const message = hidesSuggestions ? withoutSuggestion(error.message) : error.message;
  error.message = shortened(message, maxMessageCharacters);
  if (path) error.path = path.map((key) => (typeof key === 'string' ? shortened(key, maxNameCharacters) : key));
  // Yoga derives the locations from these again.
  if (nodes) error.nodes = nodes.slice(0, maxLocations);
  if (positions) error.positions = positions.slice(0, maxLocations);
  if (locations) error.locations = locations.slice(0, maxLocations);
}

function boundErrors(errors: readonly GraphQLError[], hidesSuggestions: boolean): readonly GraphQLError[] {
  const isBounded = errors.length <= maxErrors;
  // Errors of whole results come before errors of values in them: such an error may be all that is known of a delete.
  const byDepth = () =>
    [...new Set(errors)].sort(({ path: one = [] }, { path: other = [] }) => one.length - other.length);
  const shown = isBounded ? errors : byDepth().slice(0, maxErrors);
  for (const error of shown) boundError(error, hidesSuggestions);
  if (isBounded) return shown;
  const hidden = `${errors.length - maxErrors} more errors are not shown.`;
  const advice =
    'If a delete has neither a result nor an error, send it again with its Idempotency-Key, or read the engagement.';
  return [...shown, fieldError('TOO_MANY_ERRORS', `${hidden} ${advice}`)];
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

/** Bounds the errors of each result and part: their number and text. @param hidesSuggestions removes "Did you mean …?". */
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

/** Sends each GraphQL response with 200: with others, gateways show this server's address, or lose the message or the code. */
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
