import { GraphQLError } from 'graphql';

/**
 * Every top-level error this server raises on purpose: `extensions.code` to message, and the HTTP status where the
 * whole request fails. What a caller can act on inside one delete is a member of `DeleteEngagementResult` instead.
 */
const errors = {
  UNAUTHENTICATED: { status: 401, message: 'Send a valid token in the Authorization header, as "Bearer <token>".' },
  AUTHENTICATION_UNAVAILABLE: { status: 503, message: 'Tokens cannot be verified at the moment; try again.' },
  BAD_USER_INPUT: { status: 400, message: 'The request has a value that is not allowed.' },
  NOT_ACCEPTABLE: {
    status: 406,
    message:
      'The Accept header allows none of application/graphql-response+json, application/json, multipart/mixed, text/event-stream.',
  },
  RESPONSE_TOO_LARGE: {
    status: 200,
    message: "The delete succeeded, but upstream's body is larger than MAX_UPSTREAM_BYTES; select chunks with @stream.",
  },
  RESPONSE_INTERRUPTED: { status: 200, message: "The delete succeeded, but upstream's body ended early." },
} as const;

/** The codes of this server's own top-level errors. */
export type ErrorCode = keyof typeof errors;

/**
 * An error of one field: the response stays 200, so that what other fields report is not lost on clients that give up
 * at the status.
 * @param message replaces the code's own where more can be said.
 */
export function fieldError(code: ErrorCode, message: string = errors[code].message): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** An error of the whole request: nothing was executed, and the HTTP status says so. */
export function requestError(code: ErrorCode): GraphQLError {
  const { status, message } = errors[code];
  const http = { status, ...(status === 401 && { headers: { 'www-authenticate': 'Bearer' } }) };
  return new GraphQLError(message, { extensions: { code, http } });
}
