import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a caller may call its request: nothing that could pretend to be another header or another line of the log. */
const acceptable = /^[\w.:-]{1,128}$/;

/**
 * Gives the request its id: the caller's `x-request-id` when that is fit to be repeated, else a new one. From here on it
 * stands in `request.headers['x-request-id']`, and the response will carry it, whoever writes that.
 */
export function identifyRequest(request: IncomingMessage, response: ServerResponse): void {
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && acceptable.test(given) ? given : randomUUID();
  request.headers['x-request-id'] = id;
  response.setHeader('x-request-id', id);
}
