import { GraphQLError } from 'graphql';
import { type DeleteErrorKind, deleteErrors, detailsOf } from '../../engagement/delete-errors.ts';
import type { Refusal } from '../../engagement/result.ts';

/**
 * The default message of each top-level error, by `extensions.code`. Queries have no union to answer with: the errors that a delete has
 * as members have a code there, from the table `deleteErrors`.
 */
const messages = {
  UNAUTHENTICATED: 'Send a valid token in the Authorization header, as "Bearer <token>".',
  AUTHENTICATION_UNAVAILABLE: 'Tokens cannot be verified at the moment; try again.',
  NOT_ACCEPTABLE:
    'The Accept header allows none of application/graphql-response+json, application/json, multipart/mixed, text/event-stream. Nothing was executed. Allow one of them.',
  PATH_NOT_FOUND: 'There is nothing at this path. Nothing was executed. Send operations by POST to /graphql.',
  METHOD_NOT_ALLOWED:
    'Operations are sent by POST only. Nothing was executed. Send POST with Content-Type: application/json.',
  UNSUPPORTED_MEDIA_TYPE:
    'The Content-Type is not application/json. Nothing was executed. Send the operation as JSON in UTF-8.',
  BAD_REQUEST: 'The request cannot be read. Nothing was executed.',
  REQUEST_TIMEOUT: 'The request did not arrive in time. Nothing was executed. Send it again, whole.',
  HEADERS_TOO_LARGE:
    'The request has more than 100 headers, or more than 32 KiB of them. Nothing was executed. Send fewer.',
  // Apollo's links read these two messages, and send the query itself then.
  PERSISTED_QUERY_NOT_SUPPORTED: 'PersistedQueryNotSupported',
  PERSISTED_QUERY_NOT_FOUND: 'PersistedQueryNotFound',
  BAD_USER_INPUT: 'The request has a value that is not allowed.',
  UNTRUSTED_DOCUMENT:
    'This server executes only the documents that it was started with: send a documentId, and no query.',
  REQUEST_TOO_LARGE: 'The request body is larger than 256 KiB. Nothing was executed. Send fewer operations at once.',
  OVERLOADED: 'The server has too much to do; nothing was executed. Try again.',
  TOO_COSTLY: 'The document costs too much.',
  TOO_DEEP: 'The document is nested too deeply.',
  TOO_LONG: 'The document is too long.',
  TOO_MANY_ALIASES: 'The document has too many aliases.',
  TOO_MANY_DIRECTIVES: 'The document has too many directives.',
  TOO_MANY_MUTATIONS: 'The operation has too many mutations.',
  TOO_MANY_TOKENS: 'The document has too many tokens.',
  TOO_MANY_ERRORS: 'There are more errors than are shown.',
  TOO_REPETITIVE: 'The document repeats fields too often.',
  NOT_CONFIGURED: 'Bulk deletes need Redis: the operator of this server has to set REDIS_URL.',
  BULK_DELETES_UNAVAILABLE:
    'Bulk deletes are unavailable: Redis cannot be reached, or refuses writes. Running ones continue when it is back. If you were starting one, it may exist, by the bulkDeleteId of extensions: resume it if it does not go on.',
  RESPONSE_TOO_LARGE:
    "The delete itself is done, but upstream's body is larger than MAX_UPSTREAM_BYTES; select chunks with @stream.",
  RESPONSE_INTERRUPTED: "The delete itself is done, but upstream's body ended early.",
} as const;

/** The HTTP status of the errors that a whole request can fail with. */
const statuses = {
  // As Apollo Server has it: some clients read no body of another status.
  PERSISTED_QUERY_NOT_SUPPORTED: 200,
  PERSISTED_QUERY_NOT_FOUND: 200,
  BAD_REQUEST: 400,
  BAD_USER_INPUT: 400,
  UNTRUSTED_DOCUMENT: 400,
  UNAUTHENTICATED: 401,
  PATH_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  REQUEST_TIMEOUT: 408,
  REQUEST_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  AUTHENTICATION_UNAVAILABLE: 503,
  OVERLOADED: 503,
} as const;

type CodeOf<Row> = Row extends { readonly code: infer Code extends string } ? Code : never;

/** The codes of top-level errors. */
export type ErrorCode = keyof typeof messages | CodeOf<(typeof deleteErrors)[DeleteErrorKind]>;

/**
 * An error of one field: the response stays 200, because some clients drop what other fields report at any other status.
 * @param message replaces the code's own where more can be said; those of a delete's members have none of their own.
 * @param details what a program needs to go on, as further extensions.
 */
export function fieldError(
  code: ErrorCode,
  message: string = messages[code as keyof typeof messages],
  details: Readonly<Record<string, unknown>> = {},
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...details } });
}

/** The error of a field whose record could not be read: the code and the fields of the member that a delete would return. */
export function failedRead(refusal: Refusal): GraphQLError {
  if (refusal.kind === 'Unauthenticated') return fieldError('UNAUTHENTICATED', refusal.message);
  const details = detailsOf(refusal.kind).map((name) => [name, (refusal as unknown as Record<string, unknown>)[name]]);
  return fieldError(deleteErrors[refusal.kind].code, refusal.message, Object.fromEntries(details));
}

/** The codes of errors that a whole request can fail with. */
export type RequestErrorCode = keyof typeof statuses;

/**
 * An error of the whole request: nothing was executed, and the HTTP status says so.
 * @param message replaces the code's own where more can be said.
 */
export function requestError(code: RequestErrorCode, message: string = messages[code]): GraphQLError {
  const status = statuses[code];
  const headers = { 401: { 'www-authenticate': 'Bearer' }, 503: { 'retry-after': '1' } }[status as 401 | 503];
  const http = { status, ...(headers && { headers }) };
  return new GraphQLError(message, { extensions: { code, http } });
}

/** A refusal of a request that reached no executor: its status, and a body in which GraphQL clients find the error. */
export function requestRefusal(
  code: RequestErrorCode,
  message: string = messages[code],
): { readonly status: number; readonly body: string } {
  return { status: statuses[code], body: JSON.stringify({ errors: [{ message, extensions: { code } }] }) };
}
