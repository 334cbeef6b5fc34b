import { maskError as yogaMaskError } from 'graphql-yoga';

/**
 * What a client sees of an error: those made for clients as they are, anything else as "Unexpected error." The
 * original goes to the log. Yoga alone would show it, with its stack, when NODE_ENV is `development`.
 */
export function maskError(error: unknown, message: string): Error {
  return yogaMaskError(error, message, false);
}
