import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { requestRefusal } from '../graphql/core/top-level-errors.ts';

/** When to come back, in seconds: the shortest that the header can say, and longer than it takes to recover. */
const retryAfterSeconds = 1;

/** Made once: to refuse must cost next to nothing, or refusing alone would keep a server busy. */
const busy = {
  overloaded: requestRefusal('OVERLOADED'),
  draining: requestRefusal('OVERLOADED', 'The server is shutting down; nothing was executed. Try again.'),
} as const;

/**
 * Answers 503 before anything of the request has been looked at. A body that is still arriving is read past, so the
 * connection can be used again; a draining server asks its client to close it.
 */
export function refuseBusy(request: IncomingMessage, response: ServerResponse, reason: keyof typeof busy): void {
  const { status, body } = busy[reason];
  response.setHeader('retry-after', retryAfterSeconds);
  if (reason === 'draining') {
    answerAndClose(request, response, busy[reason]);
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  // Node reads on, to the end of a request whose answer is out.
  response.end(body);
}

/** A host name or an address, perhaps with a port. */
const host = /^([\w.-]+|\[[\da-f:.]+\])(:\d*)?$/i;

/** True for a `Host` that addresses can be made with; HTTP/1.0 needs none. */
export function hasHost({ headers, httpVersion }: IncomingMessage): boolean {
  if (headers.host === undefined) return httpVersion === '1.0';
  return host.test(headers.host) && URL.canParse(`http://${headers.host}`);
}

/** Answers 400: an address that cannot be made would be an error of ours further in. */
export function refuseBadHost(request: IncomingMessage, response: ServerResponse): void {
  const message = 'The Host header is missing, or is no host. Nothing was executed. Send the name of this server.';
  answerAndClose(request, response, requestRefusal('BAD_REQUEST', message));
}

/** Answers 431: Node would leave out the headers beyond its limit, and the one that says who calls may be among them. */
export function refuseTooManyHeaders(request: IncomingMessage, response: ServerResponse): void {
  answerAndClose(request, response, requestRefusal('HEADERS_TOO_LARGE'));
}

/** Answers 413 as soon as a body is known to be too large, and reads no more of it than the client insists on sending. */
export function refuseTooLarge(request: IncomingMessage, response: ServerResponse): void {
  answerAndClose(request, response, requestRefusal('REQUEST_TOO_LARGE'));
}

/** Answers 413, before a body is parsed that has more values than any operation. */
export function refuseTooManyValues(request: IncomingMessage, response: ServerResponse): void {
  const message =
    'The request body has more than 10,000 values, counted by its commas and opening brackets. Nothing was executed. Send fewer at once.';
  answerAndClose(request, response, requestRefusal('REQUEST_TOO_LARGE', message));
}

/** Answers 400: read with replacement characters, an id would be another's. */
export function refuseNoUtf8(request: IncomingMessage, response: ServerResponse): void {
  const message = 'The request body is not valid UTF-8. Nothing was executed. Send the operation as JSON in UTF-8.';
  answerAndClose(request, response, requestRefusal('BAD_REQUEST', message));
}

/** A status, and a body that says why. */
export type Refusal = ReturnType<typeof requestRefusal>;

function answerAndClose(request: IncomingMessage, response: ServerResponse, { status, body }: Refusal): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.flushHeaders();
  response.write(body);
  // To end the response is to close the connection. While bytes of the request are still on their way, that would be a
  // reset, which can take the answer from the client; so the client gets all of it now, and the end comes with its own.
  if (request.readableEnded) response.end();
  else request.resume().once('end', () => response.end());
}

const unreadable: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: requestRefusal('REQUEST_TIMEOUT'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: requestRefusal('REQUEST_TOO_LARGE'),
  HPE_HEADER_OVERFLOW: requestRefusal('HEADERS_TOO_LARGE'),
  TOO_MANY_PIECES: requestRefusal(
    'REQUEST_TOO_LARGE',
    'The request body came in more than 1,000 pieces of less than 256 bytes. Nothing was executed. Send it in larger ones.',
  ),
};
const noHttp = requestRefusal('BAD_REQUEST', 'The request is no valid HTTP. Nothing of it was executed.');

/** What is said of a request that cannot be read to its end: it is no HTTP, too large, or too slow. With Node's own status. */
export function unreadableFor(error: NodeJS.ErrnoException): Refusal {
  return unreadable[error.code ?? ''] ?? noHttp;
}

/** The reason to end a connection on which a body comes in too many pieces. */
export function tooManyPieces(): NodeJS.ErrnoException {
  return Object.assign(new Error('too many pieces'), { code: 'TOO_MANY_PIECES' });
}

/** What is said of the slowest of too many requests that are still arriving. */
export const slowest: Refusal = requestRefusal(
  'OVERLOADED',
  'Too many requests are arriving at once, and this one has taken the longest. Nothing was executed. Send it again, without a pause in it.',
);

/**
 * Answers on a connection on which a request will not be read to its end, with a request id.
 * @param response the one that the connection waits for, if any. When some of it is out already, nothing can be added.
 */
export function refuseConnection({ status, body }: Refusal, socket: Duplex, response?: ServerResponse): void {
  if (!socket.writable || response?.headersSent) return;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `x-request-id: ${response?.getHeader('x-request-id') ?? randomUUID()}`,
    'connection: close',
    ...(status === 503 ? [`retry-after: ${retryAfterSeconds}`] : []),
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${response?.req.method === 'HEAD' ? '' : body}`);
}
