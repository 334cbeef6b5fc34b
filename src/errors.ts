import { GraphQLError } from 'graphql';

/**
 * Every top-level error this server raises on purpose: `extensions.code` to HTTP status and message.
 * What a caller can act on inside one delete is a member of `DeleteEngagementResult` instead.
 */
const errors = {
  UNAUTHENTICATED: { status: 401, message: 'Send a valid token in the Authorization header, as "Bearer <token>".' },
  AUTHENTICATION_UNAVAILABLE: { status: 503, message: 'Tokens cannot be verified at the moment; try again.' },
  NOT_ACCEPTABLE: {
    status: 406,
    message:
      'The Accept header allows none of application/graphql-response+json, application/json, multipart/mixed, text/event-stream.',
  },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'The request body is too large.' },
  RESPONSE_TOO_LARGE: {
    status: 200,
    message: "Upstream's body is larger than MAX_UPSTREAM_BYTES; select chunks with @stream.",
  },
  RESPONSE_INTERRUPTED: { status: 200, message: "Upstream's body ended early. The delete itself succeeded." },
  INTERNAL_SERVER_ERROR: { status: 500, message: 'Unexpected error.' },
} as const;

/** The codes of this server's own top-level errors. */
export type ErrorCode = keyof typeof errors;

/**
 * Makes the top-level error for a code: its message, `extensions.code`, and the HTTP status for Yoga to answer with.
 * @param message replaces the code's own message where more can be said.
 */
export function codedError(code: ErrorCode, message?: string): GraphQLError {
  const { status, message: usual } = errors[code];
  const headers = code === 'UNAUTHENTICATED' ? { headers: { 'www-authenticate': 'Bearer' } } : {};
  return new GraphQLError(message ?? usual, { extensions: { code, http: { status, ...headers } } });
}
