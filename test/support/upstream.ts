import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parse } from 'qs';
import { listen } from './listen.ts';

/** A request that reached the fake upstream. */
export interface SeenRequest {
  readonly method: string;
  /** The path as it arrived, undecoded. */
  readonly path: string;
  /** The query as it arrived, undecoded. */
  readonly rawQuery: string;
  /** The query as a server with qs and its default limits reads it. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
}

/** Answers one request to `/unified/crm/engagements`. */
export type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** An upstream on a real socket. The test controls each answer. */
export interface FakeUpstream extends AsyncDisposable {
  readonly url: string;
  /** All requests, in order. */
  readonly seen: readonly SeenRequest[];
  /** The deletes among them. */
  deletes(): readonly SeenRequest[];
  /** Lets a test hold the response of each later delete. */
  onDelete(listener: (response: ServerResponse) => void): void;
  /** Calls the listener for each later connection. */
  onConnection(listener: () => void): void;
}

function read({ method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const [path = '', rawQuery = ''] = url.split('?', 2);
  const query = parse(rawQuery);
  return { method, path, rawQuery, query, headers };
}

/** Answers with JSON. */
export function json(statusCode: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(statusCode, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
}

/**
 * Starts a fake upstream.
 * @param answer the answer to a delete. Change it through the returned handle's closure.
 * @param integrationName the integration in `GET /integrated-account/{id}`. Undefined makes that a 403, as for a token without permission.
 * @param at where it listens.
 */
export async function startUpstream(
  answer: Answer,
  integrationName?: string | Answer,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<FakeUpstream> {
  const seen: SeenRequest[] = [];
  let deleteListener = (_response: ServerResponse): void => {};
  const server = createServer((incoming, response) => {
    const request = read(incoming);
    seen.push(request);
    response.on('error', () => {});
    if (request.method === 'DELETE') deleteListener(response);
    if (!request.path.startsWith('/integrated-account/')) answer(request, response);
    else if (typeof integrationName === 'function') integrationName(request, response);
    else if (integrationName === undefined)
      json(403, { statusCode: 403, error: 'Forbidden', message: '' })(request, response);
    else
      json(200, {
        id: decodeURIComponent(request.path.split('/').at(-1) ?? ''),
        integration: { name: integrationName },
      })(request, response);
  });
  // Longer than any test, so that a closed connection was closed on purpose.
  server.keepAliveTimeout = 60_000;
  return Object.assign(await listen(server, port, host), {
    seen,
    deletes: () => seen.filter(({ method }) => method === 'DELETE'),
    onConnection: (listener: () => void) => void server.on('connection', listener),
    onDelete(listener: typeof deleteListener) {
      deleteListener = listener;
    },
  });
}
