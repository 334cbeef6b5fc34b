import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLError } from 'graphql';
import { requestError } from '../errors.ts';

/** When to come back, in seconds: the shortest that the header can say, and longer than it takes to recover. */
const retryAfterSeconds = 1;

function bodyOf({ message, extensions }: GraphQLError): string {
  return JSON.stringify({ errors: [{ message, extensions: { code: extensions.code } }] });
}

/** Made once: to refuse must cost next to nothing, or refusing alone would keep a server busy. */
const bodies = {
  overloaded: bodyOf(requestError('OVERLOADED')),
  draining: bodyOf(requestError('OVERLOADED', 'The server is shutting down; nothing was executed. Try again.')),
} as const;

/**
 * Answers 503 before anything of the request has been looked at. A body that is still arriving is read past, so the
 * connection can be used again; a draining server asks its client to close it.
 */
export function refuseBusy(request: IncomingMessage, response: ServerResponse, reason: keyof typeof bodies): void {
  response.statusCode = 503;
  response.setHeader('content-type', 'application/json');
  response.setHeader('retry-after', retryAfterSeconds);
  if (reason === 'draining') answerAndClose(request, response, bodies[reason]);
  // Node reads on, to the end of a request whose answer is out.
  else response.end(bodies[reason]);
}

/** A host name or an address, perhaps with a port. */
const host = /^([\w.-]+|\[[\da-f:.]+\])(:\d*)?$/i;

/** True for a `Host` that addresses can be made with; HTTP/1.0 has none. */
export function isHost(header: string | undefined): boolean {
  return header === undefined || (host.test(header) && URL.canParse(`http://${header}`));
}

/** Answers 400: an address that cannot be made would be an error of ours further in. */
export function refuseBadHost(request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 400;
  answerAndClose(request, response, '');
}

/** Answers 431: Node would leave out the headers beyond its limit, and the one that says who calls may be among them. */
export function refuseTooManyHeaders(request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 431;
  answerAndClose(request, response, '');
}

/** Answers 413 as soon as a body is known to be too large, and reads no more of it than the client insists on sending. */
export function refuseTooLarge(request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 413;
  response.setHeader('content-type', 'application/json');
  answerAndClose(request, response, bodyOf(requestError('REQUEST_TOO_LARGE')));
}

function answerAndClose(request: IncomingMessage, response: ServerResponse, body: string): void {
  response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.flushHeaders();
  response.write(body);
  // To end the response is to close the connection. While bytes of the request are still on their way, that would be a
  // reset, which can take the answer from the client; so the client gets all of it now, and the end comes with its own.
  request.resume().once('end', () => response.end());
}

const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * Answers what cannot be read to its end (it is no HTTP, too large, or too slow) and closes the connection: Node's own
 * answer, but with a request id.
 * @param response the one that the connection waits for, if any. When some of it is out already, nothing can be added.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex, response?: ServerResponse): void {
  if (socket.writable && !response?.headersSent) {
    const status = statuses[error.code ?? ''] ?? 400;
    const id = response?.getHeader('x-request-id') ?? randomUUID();
    const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, `x-request-id: ${id}`, 'connection: close'];
    socket.write(`${head.join('\r\n')}\r\ncontent-length: 0\r\n\r\n`);
  }
  socket.destroy(error);
}
