import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServerAdapter, sendNodeResponse } from '@whatwg-node/server';
import { requestRefusal } from '../graphql/core/top-level-errors.ts';
import type { Log } from '../log/log.ts';
import { runTraced } from '../upstream/trace.ts';
import { readCors } from './connections/cors.ts';
import { requestIdFrom } from './connections/listener.ts';
import { defaultLoadLimits, type LoadLimits, LoopDelay } from './connections/overload.ts';
import { bodyRefusals, busy, type Refusal, retryAfterSeconds } from './connections/refuse.ts';
import { hasTooManyValues, maxRequestBytes } from './connections/request-body.ts';
import { findUnreadable } from './requests/headers.ts';
import type { GraphQLHandler } from './yoga.ts';

/** Answers the requests of a host's own HTTP server. */
export interface Mount {
  /** How many operations have no response yet. */
  readonly inFlight: number;
  /** Answers a request. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** The same for `node:http`. Takes a body that was parsed before from `request.body`. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /**
   * Runs an operation that has no request, and counts it as in flight.
   * @throws once it drains.
   */
  run<Result>(operation: () => Promise<Result>): Promise<Result>;
  /**
   * Refuses new requests, and settles when those in flight are answered.
   * @param endStreamsAfterMs when answers in parts are ended that are not read to their end by then.
   */
  drain(endStreamsAfterMs: number): Promise<void>;
}

/** The parts that a mount uses. */
export interface MountOptions {
  readonly log: Log;
  readonly metrics: { countRequest(status: number | 'left', durationMs: number): void };
  /** The origins whose pages may read answers. */
  readonly corsOrigins: ReadonlySet<string> | undefined;
  readonly loadLimits?: LoadLimits | undefined;
}

/** Yoga receives each request at this path. The host decides where the endpoint is mounted. */
const endpoint = 'http://localhost/graphql';

const unexpected: Refusal = {
  status: 500,
  body: JSON.stringify({
    errors: [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
  }),
};

const unreadable = requestRefusal('BAD_REQUEST');

function refusing({ status, body }: Refusal): Response {
  const headers = {
    'content-type': 'application/json',
    ...(status === 503 && { 'retry-after': `${retryAfterSeconds}` }),
  };
  return new Response(body, { status, headers });
}

/** Reads a body up to the limit; undefined for a larger one, whose rest the host skips. */
async function readBody(request: Request): Promise<Buffer | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > maxRequestBytes) return undefined;
  // A body that a host's middleware has parsed is only available as text.
  if (!request.body) {
    const body = Buffer.from(await request.text());
    return body.length > maxRequestBytes ? undefined : body;
  }
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  const reader = request.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    byteCount += next.value.length;
    // Not cancelled: that would close the connection, and the client would lose the answer.
    if (byteCount > maxRequestBytes) return undefined;
    chunks.push(next.value);
  }
  return Buffer.concat(chunks);
}

/** The refusal of a body; undefined when it can be parsed. */
function findRefusal(body: Buffer | undefined): Refusal | undefined {
  if (!body) return bodyRefusals.tooLarge;
  // With replacement characters, an id could name another record.
  if (!isUtf8(body)) return bodyRefusals.notUtf8;
  return hasTooManyValues(body) ? bodyRefusals.tooManyValues : undefined;
}

/**
 * Answers the requests of a host's own HTTP server, over the same handler as the listener's requests. What the listener does for
 * connections (their number, slow clients, the size of heads) is the host's task.
 */
export function createMount(yoga: GraphQLHandler, options: MountOptions): Mount {
  const { log, metrics, corsOrigins, loadLimits = defaultLoadLimits } = options;
  let isDraining = false;
  let inFlightCount = 0;
  let inFlightBytes = 0;
  const drained = Promise.withResolvers<void>();
  const loopDelay = new LoopDelay();

  /** Counts an operation as in flight. Returns what ends that, once. */
  function begin(byteCount: number): () => void {
    inFlightCount += 1;
    inFlightBytes += byteCount;
    let hasEnded = false;
    return () => {
      if (hasEnded) return;
      hasEnded = true;
      inFlightCount -= 1;
      inFlightBytes -= byteCount;
      if (!isDraining) loopDelay.start();
      else if (inFlightCount === 0) drained.resolve();
    };
  }

  /** What ends the answers in parts that are not read to their end. */
  const openStreams = new Set<() => void>();

  /** A stream of the same chunks. Calls `onEnd` at its end, on its cancellation, and when the client disconnects. */
  function endingWith(body: ReadableStream, signal: AbortSignal, onEnd: () => void): ReadableStream {
    const reader = body.getReader();
    const encoder = new TextEncoder();
    function end(): void {
      openStreams.delete(leave);
      onEnd();
    }
    function leave(): void {
      end();
      reader.cancel().catch(() => {});
    }
    openStreams.add(leave);
    signal.addEventListener('abort', leave, { once: true });
    return new ReadableStream(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (!done) return controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value);
          } catch (error) {
            end();
            throw error;
          }
          end();
          controller.close();
        },
        cancel: leave,
      },
      { highWaterMark: 0 },
    );
  }

  function findBusy(): Refusal | undefined {
    if (isDraining) return busy.draining;
    const { maxInFlight, maxInFlightBytes, maxDelayMs } = loadLimits;
    const isFull = inFlightCount >= maxInFlight || inFlightBytes > maxInFlightBytes;
    return isFull || (inFlightCount > 0 && loopDelay.currentMs > maxDelayMs) ? busy.overloaded : undefined;
  }

  /** Has Yoga answer a request whose body is read. */
  async function execute(request: Request, headers: Record<string, string>, body: string | null): Promise<Response> {
    const { method, signal } = request;
    const end = begin(body?.length ?? 0);
    try {
      let answering: Response | Promise<Response> | undefined;
      const endSpan = runTraced(`${method} /graphql`, headers, () => {
        const asked = new yoga.fetchAPI.Request(endpoint, { method, headers, body, signal });
        answering = yoga.handleRequest(asked, {} as never);
      });
      const answered = (await answering) as Response;
      endSpan?.(answered.status);
      const { status, headers: answeredHeaders } = answered;
      const init = { status, headers: Object.fromEntries(answeredHeaders) };
      const isInParts = /^(multipart\/|text\/event-stream)/.test(answeredHeaders.get('content-type') ?? '');
      if (isInParts && answered.body) return new Response(endingWith(answered.body, signal, end), init);
      const text = await answered.text();
      end();
      return new Response(text, init);
    } catch (error) {
      end();
      throw error;
    }
  }

  async function answer(request: Request, requestId: string): Promise<Response> {
    const refusedAtHead = findBusy();
    if (refusedAtHead) return refusing(refusedAtHead);
    const headers: Record<string, string> = { ...Object.fromEntries(request.headers), 'x-request-id': requestId };
    const isReadable = findUnreadable(headers['content-type'], headers['content-encoding']) === undefined;
    if (request.method !== 'POST' || !isReadable) return await execute(request, headers, null);
    const body = await readBody(request);
    // Many other requests may have arrived while this one's body did.
    const refused = findRefusal(body) ?? findBusy();
    if (refused) return refusing(refused);
    // Yoga accepts it in one spelling only.
    headers['content-type'] = 'application/json';
    return await execute(request, headers, String(body));
  }

  async function receive(request: Request): Promise<Response> {
    const startMs = performance.now();
    let response: Response;
    const requestId = requestIdFrom(request.headers.get('x-request-id'));
    const cors = readCors(corsOrigins, { method: request.method, header: (name) => request.headers.get(name) });
    try {
      response = cors?.isPreflight ? new Response(null, { status: 204 }) : await answer(request, requestId);
    } catch (error) {
      if (!request.signal.aborted) log.error({ err: error, requestId }, 'unexpected error');
      response = refusing(unexpected);
    }
    response.headers.set('x-request-id', requestId);
    for (const [name, value] of Object.entries(cors?.headers ?? {})) response.headers.set(name, value);
    metrics.countRequest(request.signal.aborted ? 'left' : response.status, performance.now() - startMs);
    return response;
  }

  const adapter = createServerAdapter(receive);
  return {
    get inFlight() {
      return inFlightCount;
    },
    fetch: receive,
    async handle(request, response) {
      let answered: Response;
      try {
        answered = await adapter.handleNodeRequestAndResponse(request, response, {});
      } catch {
        // `receive` never throws: the host or the path of the request makes no URL.
        answered = refusing(unreadable);
      }
      try {
        await sendNodeResponse(answered, response, request, false);
      } catch {
        // A response that breaks off must not look complete.
        response.destroy();
      }
    },
    async run(operation) {
      if (isDraining) throw new Error('The server is closed: nothing was sent. Create another.');
      const end = begin(0);
      try {
        return await operation();
      } finally {
        end();
      }
    },
    async drain(endStreamsAfterMs) {
      isDraining = true;
      const timer = setTimeout(() => {
        for (const leave of openStreams) leave();
      }, endStreamsAfterMs);
      if (inFlightCount > 0) await drained.promise;
      clearTimeout(timer);
      loopDelay.stop();
    },
  };
}
