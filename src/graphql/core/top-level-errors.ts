import { GraphQLError } from 'graphql';
import { refusedInput } from '../../engagement/refusal.ts';
import { type ErrorKind, engagementErrors, errorDetailNames, type Refusal, refusal } from '../../engagement/result.ts';

/**
 * The default message of each top-level error, by `extensions.code`. Errors of a whole request have their HTTP status in front. The error
 * members of a delete are top-level errors of queries, with the codes in the table `engagementErrors`.
 */
const messages = {
  UNAUTHENTICATED:
    '401: The request has no valid token. Nothing was executed. Send one in the Authorization header, as "Bearer <token>".',
  AUTHENTICATION_UNAVAILABLE: '503: Tokens cannot be verified at the moment. Nothing was executed. Try again.',
  NOT_ACCEPTABLE:
    '406: The Accept header allows none of application/graphql-response+json, application/json, multipart/mixed, text/event-stream. Nothing was executed. Allow one of them.',
  PATH_NOT_FOUND: '404: Nothing exists at this path. Nothing was executed. Send operations by POST to /graphql.',
  METHOD_NOT_ALLOWED:
    '405: This server accepts operations only by POST. Nothing was executed. Send POST with Content-Type: application/json.',
  UNSUPPORTED_MEDIA_TYPE:
    '415: The Content-Type is not application/json. Nothing was executed. Send the operation as JSON in UTF-8.',
  BAD_REQUEST: '400: The request cannot be read. Nothing was executed. Send a JSON object with query and variables.',
  REQUEST_TIMEOUT: '408: The request did not arrive in time. Nothing was executed. Send it again.',
  HEADERS_TOO_LARGE:
    '431: The request has more than 100 headers, or headers of more than 32 KiB. Nothing was executed. Send fewer.',
  // Apollo's links read these two messages, and then send the query itself. The status is that of Apollo Server: some clients read the
  // body only with it.
  PERSISTED_QUERY_NOT_SUPPORTED: '200: PersistedQueryNotSupported',
  PERSISTED_QUERY_NOT_FOUND: '200: PersistedQueryNotFound',
  BAD_USER_INPUT: '400: The request has a value that is not allowed. Nothing was executed.',
  UNTRUSTED_DOCUMENT:
    '400: This server executes only its trusted documents. Nothing was executed. Send a documentId, and no query.',
  REQUEST_TOO_LARGE:
    '413: The request body is larger than 256 KiB. Nothing was executed. Send fewer operations at once.',
  INTERNAL_SERVER_ERROR: '500: Unexpected error.',
  OVERLOADED: '503: The server is overloaded. Nothing was executed. Try again later.',
  TOO_COSTLY: 'The document costs too much. Nothing was executed. Select less.',
  TOO_DEEP: 'The document is nested too deeply. Nothing was executed. Select fewer levels.',
  TOO_LONG: 'The document is too long. Nothing was executed. Shorten it.',
  TOO_MANY_ALIASES: 'The document has too many aliases. Nothing was executed. Use fewer.',
  TOO_MANY_DIRECTIVES: 'The document has too many directives. Nothing was executed. Use fewer.',
  TOO_MANY_MUTATIONS: 'The operation has too many mutations. Nothing was executed. Split it.',
  TOO_MANY_TOKENS: 'The document has too many tokens. Nothing was executed. Shorten it.',
  TOO_MANY_ERRORS: 'More errors are not shown. Fix these first.',
  TOO_REPETITIVE: 'The document repeats fields too often. Nothing was executed. Select each field once.',
  NOT_CONFIGURED:
    '501: Bulk deletes and restores need Redis, which this server does not have. Nothing was started. Ask its operator to set REDIS_URL.',
  BULK_DELETES_UNAVAILABLE:
    '503: Bulk deletes and restores are unavailable: Redis cannot be reached, or refuses writes. Those in progress continue when it is back. If this request started one, it may exist, with the bulkDeleteId or bulkRestoreId in extensions. Read it later, and resume it if it does not continue.',
  NOT_FOUND:
    '404: No bulk delete with this id exists in the integrated accounts that you have access to. Nothing was read. Check the id.',
  NOT_ENDED:
    '409: The bulk delete has not ended, so it has no report yet. Nothing was changed. Try again when `endedAt` is set.',
  EVENTS_LOST:
    'Some deletes cannot be sent: you read too slowly, or a server has lost Redis. No more events follow. Subscribe again, then list the engagements to see which remain.',
  RESPONSE_TOO_LARGE:
    'The delete succeeded, but its body is larger than MAX_UPSTREAM_BYTES, so it was left out. Select chunks with @stream.',
  RESPONSE_INTERRUPTED: 'The delete succeeded, but its body ended early, so it was left out.',
} as const;

type CodeOf<Row> = Row extends { readonly code: infer Code extends string } ? Code : never;

/** The codes of top-level errors. */
export type ErrorCode = keyof typeof messages | CodeOf<(typeof engagementErrors)[ErrorKind]>;

const defaultMessage = (code: ErrorCode): string => messages[code as keyof typeof messages].replace(/^\d+: /, '');

/**
 * An error of one field. The response stays 200: with another status, some clients drop the other fields.
 * @param message replaces the default of the code. The codes of a delete's members have no default.
 * @param details more extensions, for programs.
 */
export function fieldError(code: ErrorCode, message = defaultMessage(code), details: object = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...details } });
}

/** The error of a failed read, with the code and the fields of the member that a delete would return. */
export function failedRead(refusal: Refusal): GraphQLError {
  if (refusal.kind === 'Unauthenticated') return fieldError('UNAUTHENTICATED', refusal.message);
  const details = errorDetailNames(refusal.kind).map((name) => [name, Reflect.get(refusal, name)]);
  return fieldError(engagementErrors[refusal.kind].code, refusal.message, Object.fromEntries(details));
}

/** The error of a field whose argument at this path breaks a rule. Nothing was sent. */
export const invalidInput = (path: readonly string[], problem: string): GraphQLError =>
  failedRead(refusedInput([refusal(path, problem)]));

/** The codes of the errors of a whole request: those with an HTTP status. */
export type RequestErrorCode = {
  [Code in keyof typeof messages]: (typeof messages)[Code] extends `${number}: ${string}` ? Code : never;
}[keyof typeof messages];

/**
 * An error of the whole request, with its HTTP status. Nothing was executed.
 * @param message replaces the default of the code.
 */
export function requestError(code: RequestErrorCode, message = defaultMessage(code)): GraphQLError {
  const status = Number.parseInt(messages[code], 10);
  const headers = { 401: { 'www-authenticate': 'Bearer' }, 503: { 'retry-after': '1' } }[status as 401 | 503];
  const http = { status, ...(headers && { headers }) };
  return new GraphQLError(message, { extensions: { code, http } });
}

/** A refusal before the executor: its status, and a body with the error for GraphQL clients. */
export function requestRefusal(code: RequestErrorCode, message = defaultMessage(code)) {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  return { status: Number.parseInt(messages[code], 10), body };
}
