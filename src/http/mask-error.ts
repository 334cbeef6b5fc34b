import { GraphQLError } from 'graphql';
import { maskError as yogaMaskError } from 'graphql-yoga';

/**
 * What a client sees of an error: those made for clients as they are, anything else as "Unexpected error." The
 * original goes to the log. Yoga alone would show it, with its stack, when NODE_ENV is `development`; and of a body that
 * is no JSON, the parser's words with a piece of the body.
 */
export function maskError(error: unknown, message: string): Error {
  const masked = yogaMaskError(error, message, false);
  if (masked instanceof GraphQLError && masked.extensions.originalError) {
    const { originalError: _hidden, http, ...extensions } = masked.extensions;
    // Yoga takes the status as it is from one without `spec`; else it would look for the original error.
    const { status } = (http ?? { status: 500 }) as { status: number };
    return new GraphQLError(masked.message, { extensions: { ...extensions, http: { status } } });
  }
  return masked;
}
