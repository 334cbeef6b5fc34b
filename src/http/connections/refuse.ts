import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { requestRefusal } from '../../graphql/core/top-level-errors.ts';

/** A status, and a body with the reason. */
export type Refusal = ReturnType<typeof requestRefusal>;

/** When to retry, in seconds: the shortest time that the header can express, and long enough to recover. */
const retryAfterSeconds = 1;

/** The headers of a refusal with that status. */
export const refusalHeaders = (status: number): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  ...(status === 503 && { 'retry-after': `${retryAfterSeconds}` }),
});

/** Built once: refusals must cost next to nothing, or they alone would keep the server busy. */
export const refusals = {
  overloaded: requestRefusal('OVERLOADED'),
  draining: requestRefusal('OVERLOADED', 'The server is shutting down; nothing was executed. Try again.'),
  /** For the slowest of too many requests that are still arriving. */
  slowest: requestRefusal(
    'OVERLOADED',
    'Too many requests are arriving at once, and this one has taken the longest. Nothing was executed. Send it again, without pauses.',
  ),
  tooLarge: requestRefusal('REQUEST_TOO_LARGE'),
  tooManyValues: requestRefusal(
    'REQUEST_TOO_LARGE',
    'The request body has more than 10,000 values, counted by its commas and opening brackets. Nothing was executed. Send fewer at once.',
  ),
  tooManyPieces: requestRefusal(
    'REQUEST_TOO_LARGE',
    'The request body came in more than 1,000 pieces of less than 256 bytes. Nothing was executed. Send it in larger ones.',
  ),
  /** With replacement characters, an id could name another record. */
  notUtf8: requestRefusal(
    'BAD_REQUEST',
    'The request body is not valid UTF-8. Nothing was executed. Send the operation as JSON in UTF-8.',
  ),
  /** An invalid host would become an internal error later. */
  badHost: requestRefusal(
    'BAD_REQUEST',
    'The Host header is missing, or is not a host name. Nothing was executed. Send the name of this server.',
  ),
  /** Node drops the headers beyond its limit, perhaps also `Authorization`. */
  headersTooLarge: requestRefusal('HEADERS_TOO_LARGE'),
  unexpected: requestRefusal('INTERNAL_SERVER_ERROR'),
} as const;

/** Refuses a request, perhaps before its body is read, and closes the connection, unless the server is only overloaded. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { status, body } = refusal;
  response.statusCode = status;
  response.setHeaders(new Map(Object.entries(refusalHeaders(status))));
  // Node reads the rest of an answered request.
  if (refusal === refusals.overloaded) return void response.end(body);
  response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.flushHeaders();
  response.write(body);
  // Ending the response closes the connection. While the request is still arriving, that would be a reset, and the client could
  // lose the answer. So the answer is written now, and ended after the request.
  if (request.readableEnded) response.end();
  else request.resume().once('end', () => response.end());
}

/** A host name or an address, perhaps with a port. */
const host = /^([\w.-]+|\[[\da-f:.]+\])(:\d*)?$/i;

/** True for a valid `Host`. HTTP/1.0 needs none. */
export function hasHost({ headers, httpVersion }: IncomingMessage): boolean {
  if (headers.host === undefined) return httpVersion === '1.0';
  return host.test(headers.host) && URL.canParse(`http://${headers.host}`);
}

const unreadable: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: requestRefusal('REQUEST_TIMEOUT'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: refusals.tooLarge,
  HPE_HEADER_OVERFLOW: refusals.headersTooLarge,
};
const noHttp = requestRefusal('BAD_REQUEST', 'The request is not valid HTTP. Nothing was executed.');

/** The refusal of a request that cannot be read to its end: not HTTP, too large, or too slow. It has Node's own status. */
export const unreadableFor = ({ code = '' }: NodeJS.ErrnoException): Refusal => unreadable[code] ?? noHttp;

/** The headers that let a page read a refusal, if its origin may. */
const corsHeaders = ['access-control-allow-origin', 'access-control-expose-headers', 'vary'];

/** Answers on a connection whose request is not read to its end. @param response the one that is due next, if it has not started. */
export function refuseConnection({ status, body }: Refusal, socket: Duplex, response?: ServerResponse): void {
  if (!socket.writable || response?.headersSent) return;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `x-request-id: ${response?.getHeader('x-request-id') ?? randomUUID()}`,
    'connection: close',
    ...corsHeaders.flatMap((name) => (response?.hasHeader(name) ? [`${name}: ${response.getHeader(name)}`] : [])),
    ...Object.entries(refusalHeaders(status)).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${response?.req.method === 'HEAD' ? '' : body}`);
}
