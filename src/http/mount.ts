import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GraphQLError } from 'graphql';
import { ChunkDeliveries } from '../graphql/core/chunk-delivery.ts';
import type { Context } from '../graphql/core/context.ts';
import { runTraced } from '../upstream/trace.ts';
import { readCors } from './connections/cors.ts';
import { requestIdFrom } from './connections/listener.ts';
import { createLoad, type LoadLimits } from './connections/overload.ts';
import { type Refusal, refusalHeaders, refusals } from './connections/refuse.ts';
import { findBadBody, isInTooManyPieces, maxRequestBytes } from './connections/request-body.ts';
import { admit, type ContextOptions, createContext } from './requests/admit.ts';
import { findUnreadable } from './requests/headers.ts';
import type { GraphQLHandler } from './yoga.ts';

/** Yoga receives each request at this path. The host decides where the endpoint is mounted. */
const endpoint = 'http://localhost/graphql';

/** The parts of a host's request that are read. */
interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** The body as it arrives. The rest of one that is not read to its end is skipped. */
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The response to a host's request. */
interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream | null;
}

function readFetched(request: Request): Asked {
  const { method, headers, signal, body } = request;
  const chunks = () => {
    if (request.bodyUsed || body?.locked) throw new Error('the host has read the body of this request');
    // Not cancelled: that would close the connection, and the client would lose the answer.
    return body?.values({ preventCancel: true }) ?? [];
  };
  return { method, headers: Object.fromEntries(headers), signal, chunks };
}

/** Reads the rest of a body, or the value that a middleware has parsed. Express 4 leaves an empty object for a body that it does not read. */
async function* chunksOf(request: IncomingMessage & { readonly body?: unknown }): AsyncGenerator<Uint8Array> {
  const { body } = request;
  const isParsed = typeof body === 'object' && body !== null && (request.readableEnded || Object.keys(body).length > 0);
  if (body instanceof Uint8Array) yield body;
  else if (typeof body === 'string' || isParsed) yield Buffer.from(isParsed ? JSON.stringify(body) : String(body));
  else {
    try {
      yield* request.iterator({ destroyOnReturn: false });
    } finally {
      request.resume();
    }
  }
}

function readNode(request: IncomingMessage, response: ServerResponse): Asked {
  const { method = '', headers } = request;
  const client = new AbortController();
  const leave = () => {
    if (!response.writableEnded) client.abort();
  };
  response.once('close', leave);
  if (request.socket.destroyed) leave();
  // HTTP/2 has method and path among its headers.
  const plain = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  return {
    method,
    headers: Object.fromEntries(plain.map(([name, value]) => [name, String(value)])),
    signal: client.signal,
    chunks: () => chunksOf(request),
  };
}

const toResponse = ({ body, ...init }: Answered): Response => new Response(body, init);

async function send({ status, headers, body }: Answered, response: ServerResponse): Promise<void> {
  if (response.destroyed || response.writableEnded) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) {
    // The host's answer may also vary by other headers.
    if (name === 'vary') response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  if (body instanceof ReadableStream) await pipeline(body, response);
  else response.end(body ?? undefined);
}

const refusing = ({ status, body }: Refusal): Answered => ({ status, headers: refusalHeaders(status), body });

/** The response of a server that was closed before its first request. */
export const closedMount: Pick<Mount, 'fetch' | 'handle'> = {
  fetch: async () => toResponse(refusing(refusals.draining)),
  handle: (_request, response) => send(refusing(refusals.draining), response),
};

/** Reads a body, within the limits. */
async function readBody({ headers, chunks }: Asked): Promise<Buffer | Refusal> {
  if (Number(headers['content-length'] ?? 0) > maxRequestBytes) return refusals.tooLarge;
  const read: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of chunks()) {
    byteCount += chunk.length;
    if (byteCount > maxRequestBytes) return refusals.tooLarge;
    if (isInTooManyPieces(read.push(chunk), byteCount)) return refusals.tooManyPieces;
  }
  const body = Buffer.concat(read);
  return findBadBody(body) ?? body;
}

/** After so many turns of the event loop a signal is aborted: a socket's bytes, its end and its close take one each. */
const turnsToAbort = 3;

/** Headers of a connection. The host's server sets its own, and HTTP/2 has none. */
const ofConnection = new Set(['connection', 'transfer-encoding']);

/**
 * Answers the requests of a host's own HTTP server, over the same handler as the listener's requests. What the listener does for
 * connections (their number, slow clients, the size of heads) is the host's task.
 */
export function createMount(yoga: GraphQLHandler, { config, log, metrics }: ContextOptions, loadLimits?: LoadLimits) {
  const load = createLoad(loadLimits);

  /** What ends the answers in parts that are not read to their end. */
  const openStreams = new Set<() => void>();

  /** A stream of the same chunks. Calls `onEnd` at its end, on its cancellation, and when the client disconnects. */
  function endingWith(body: ReadableStream, signal: AbortSignal, onEnd: () => void): ReadableStream {
    const reader = body.getReader();
    const encoder = new TextEncoder();
    let isCutOff = false;
    function end(): void {
      openStreams.delete(leave);
      onEnd();
    }
    function leave(): void {
      isCutOff = true;
      end();
      reader.cancel().catch(() => {});
    }
    openStreams.add(leave);
    signal.addEventListener('abort', leave, { once: true });
    // The first part is read at once: Yoga does not notice that a stream is cancelled before.
    return new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value);
        } catch (error) {
          end();
          throw error;
        }
        end();
        if (isCutOff) controller.error(new Error('the answer was not read in time'));
        else controller.close();
      },
      cancel: leave,
    });
  }

  function findBusy(): Refusal | undefined {
    if (load.isDraining) return refusals.draining;
    return load.isOverloaded() ? refusals.overloaded : undefined;
  }

  /** Has Yoga answer a request whose body is read. */
  async function execute({ method, headers, signal }: Asked, body: string | null): Promise<Answered> {
    const { end } = load.begin(body?.length ?? 0);
    try {
      let answering: Response | Promise<Response> | undefined;
      const endSpan = runTraced(`${method} /graphql`, headers, () => {
        const asked = new yoga.fetchAPI.Request(endpoint, { method, headers, body, signal });
        answering = yoga.handleRequest(asked, {} as never);
      });
      const answered = (await answering) as Response;
      const { status } = answered;
      endSpan?.(status);
      const lowercase = [...answered.headers].map(([name, value]) => [name.toLowerCase(), value] as const);
      const sent = Object.fromEntries(lowercase.filter(([name]) => !ofConnection.has(name)));
      const isInParts = /^(multipart\/|text\/event-stream)/.test(sent['content-type'] ?? '');
      if (isInParts && answered.body) return { status, headers: sent, body: endingWith(answered.body, signal, end) };
      const text = await answered.text();
      end();
      return { status, headers: sent, body: text };
    } catch (error) {
      end();
      throw error;
    }
  }

  async function answer(asked: Asked): Promise<Answered> {
    const refusedAtHead = findBusy();
    if (refusedAtHead) return refusing(refusedAtHead);
    const { method, headers } = asked;
    const isReadable = findUnreadable(headers['content-type'], headers['content-encoding']) === undefined;
    if (method !== 'POST' || !isReadable) return await execute(asked, null);
    const body = await readBody(asked);
    if (!Buffer.isBuffer(body)) return refusing(body);
    // A delete must not start for a client that has disconnected by now: its caller may have repeated it elsewhere.
    for (let turn = 0; turn < turnsToAbort; turn += 1) await nextTurn();
    // Many other requests may have arrived while this one's body did.
    const refused = findBusy();
    if (refused) return refusing(refused);
    // Yoga accepts it in one spelling only.
    return await execute({ ...asked, headers: { ...headers, 'content-type': 'application/json' } }, String(body));
  }

  async function receive(given: Asked): Promise<Answered> {
    const startMs = performance.now();
    const { method, signal } = given;
    const requestId = requestIdFrom(given.headers['x-request-id']);
    const asked = { ...given, headers: { ...given.headers, 'x-request-id': requestId } };
    const cors = readCors(config.corsOrigins, method, (name) => given.headers[name] ?? null);
    let answered: Answered;
    try {
      answered = cors?.isPreflight ? { status: 204, headers: {}, body: null } : await answer(asked);
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, requestId }, 'unexpected error');
      answered = refusing(refusals.unexpected);
    }
    metrics.countRequest(signal.aborted ? 'left' : answered.status, performance.now() - startMs);
    return { ...answered, headers: { ...answered.headers, 'x-request-id': requestId, ...cors?.headers } };
  }

  return {
    /** How many operations have no response yet. */
    get inFlight() {
      return load.count;
    },
    /** Answers a request. Never rejects. */
    fetch: async (request: Request): Promise<Response> => toResponse(await receive(readFetched(request))),
    /** The same for `node:http`. Takes a body that was parsed before from `request.body`. */
    async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
      try {
        await send(await receive(readNode(request, response)), response);
      } catch (error) {
        // A client that disconnects while it reads is no error.
        if (!response.destroyed) log.error({ err: error }, 'an answer could not be sent');
        // A response that breaks off must not look complete.
        response.destroy();
      }
    },
    /** Runs an operation that has no request, and counts it as in flight. @throws once it drains. */
    async run<Result>(operation: () => Promise<Result>): Promise<Result> {
      if (load.isDraining) throw new Error('The server is closed: nothing was sent. Create another.');
      const { end } = load.begin(0);
      try {
        return await operation();
      } finally {
        end();
      }
    },
    /** Refuses new requests, and settles when those in flight are answered. Answers in parts that are not read to their end are ended after `endStreamsAfterMs`. */
    async drain(endStreamsAfterMs: number): Promise<void> {
      const timer = setTimeout(() => {
        for (const leave of openStreams) leave();
      }, endStreamsAfterMs);
      await load.drain();
      clearTimeout(timer);
      load.stop();
    },
  };
}

/** Answers the requests of a host's own HTTP server. */
export type Mount = ReturnType<typeof createMount>;

/** Makes the error say its status and headers to Apollo Server, and to Fastify and Express, in their forms. */
function forHosts(error: unknown): unknown {
  if (!(error instanceof GraphQLError)) return error;
  const { status, headers = {} } = (error.extensions.http ?? {}) as { status?: number; headers?: object };
  Object.assign(error.extensions, { http: { status, headers: new Map(Object.entries(headers)) } });
  return Object.assign(error, { statusCode: status });
}

/** A request of a host's, as the Fetch API or `node:http` has it. */
export type HostRequest = Request | IncomingMessage;

/**
 * Makes the context of an operation that another executor runs. An operation without a token gets one, too: only the fields of this
 * schema that need a caller refuse then.
 * @throws {GraphQLError} `UNAUTHENTICATED` for a token that proves nothing, `BAD_USER_INPUT` for a bad idempotency key.
 */
export async function createHostContext(request: HostRequest, options: ContextOptions): Promise<Context> {
  const { headers } = request;
  const fetched = typeof headers.get === 'function' ? (request as Request) : undefined;
  const given = (name: string): string | null =>
    fetched ? fetched.headers.get(name) : ((request as IncomingMessage).headers[name]?.toString() ?? null);
  const requestId = requestIdFrom(given('x-request-id'));
  const header = (name: string) => (name === 'x-request-id' ? requestId : given(name));
  const hasCallerLeft = () => (fetched ? fetched.signal.aborted : (request as IncomingMessage).socket.destroyed);
  const asked = { header, hasCallerLeft, extensions: undefined };
  try {
    const admission = await admit(header('authorization'), options);
    // Another executor would not send the parts after its first result.
    return { ...createContext(asked, options, admission), chunkDeliveries: new ChunkDeliveries(admission.deadlineAt) };
  } catch (error) {
    throw forHosts(error);
  }
}
