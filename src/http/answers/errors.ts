import { GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin, maskError as yogaMaskError } from 'graphql-yoga';

/** How the executor begins what it says of an argument that a variable made wrong; all else that has a path is ours. */
const aboutArgument = /^Argument "/;

/** How the executor begins what it says of a `@stream` that it cannot carry out. */
const aboutStream = /^initialCount must be /;

/** The code of an error that graphql-js or the executor made: they give none to the values of a request. */
function codeOf({ path, message }: GraphQLError): string {
  return path === undefined || aboutArgument.test(message) ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR';
}

/**
 * What a client sees of an error: those made for clients as they are, anything else as "Unexpected error.", each with a
 * code. The original goes to the log. Yoga alone would show it, with its stack, when NODE_ENV is `development`; and of a
 * body that is no JSON, the parser's words with a piece of the body.
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
