import type { ExecutionResult, GraphQLError } from 'graphql';
import { type FetchAPI, isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import type { Context } from '../../graphql/core/context.ts';
import { fieldError, requestError } from '../../graphql/core/top-level-errors.ts';
import { readAccept } from '../requests/headers.ts';

/** How many subscriptions one caller may have at once. Each holds a connection, and reads from Redis once a second. */
const maxPerCaller = 20;

/** How many subscriptions all callers may have. This leaves half of the requests in flight to other operations. */
const maxSubscriptions = 500;

/** The interval between two heartbeats of an idle subscription, in milliseconds: that of Yoga's events. */
const heartbeatMs = 12_000;

/**
 * Counts the long answers of one kind that are under way, so that one caller cannot hold all connections. The function counts one more,
 * and returns how to end that, once; or the limit that is reached: the caller's own, or that of all callers.
 */
export function countAnswers(maxPerCaller: number, max: number): (callerId: string) => (() => void) | 'caller' | 'all' {
  const open = new Set<{ readonly callerId: string }>();
  return (callerId) => {
    if ([...open].filter((other) => other.callerId === callerId).length >= maxPerCaller) return 'caller';
    if (open.size >= max) return 'all';
    const one = { callerId };
    open.add(one);
    return () => void open.delete(one);
  };
}

/** The result as it is sent: the HTTP status of errors is for this server only. */
function withoutStatus({ errors, ...rest }: ExecutionResult): object {
  if (!errors) return rest;
  const shown = errors.map((error) => {
    const { http: _http, unexpected: _unexpected, ...extensions } = error.extensions;
    return { ...error.toJSON(), extensions };
  });
  return { ...rest, errors: shown };
}

async function* once(result: ExecutionResult): AsyncGenerator<ExecutionResult> {
  yield result;
}

/** A subscription in Apollo's protocol: multipart, with each result as the `payload` of a part, and `{}` as a heartbeat. */
function toMultipart(result: ExecutionResult | AsyncIterable<ExecutionResult>, fetchAPI: FetchAPI): Response {
  const iterator = (isAsyncIterable(result) ? result : once(result))[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  // Each part includes the boundary after it: a client reads a part only when it has that.
  const encode = (value: object) =>
    encoder.encode(`\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(value)}\r\n--graphql`);
  let heartbeat: NodeJS.Timeout;
  const body = new fetchAPI.ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode('\r\n--graphql'));
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encode({}));
      }, heartbeatMs);
    },
    async pull(controller) {
      const next = await iterator.next().catch((error) => {
        clearInterval(heartbeat);
        throw error;
      });
      if (!next.done) return controller.enqueue(encode({ payload: withoutStatus(next.value) }));
      clearInterval(heartbeat);
      controller.enqueue(encoder.encode('--\r\n'));
      controller.close();
    },
    async cancel() {
      clearInterval(heartbeat);
      await iterator.return?.();
    },
  });
  const contentType = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0';
  return new fetchAPI.Response(body, { headers: { 'content-type': contentType, 'cache-control': 'no-cache' } });
}

/** Sends subscriptions as events or multipart, and refuses one before it is executed: for its Accept header, or when there are too many. */
export function useSubscriptions(): Plugin<YogaInitialContext & Context> {
  const requests = new WeakSet<Request>();
  const begin = countAnswers(maxPerCaller, maxSubscriptions);

  /** Counts a subscription. Returns how to end that, or why it is refused. The field itself refuses one without a caller. */
  function beginFor(request: Request, callerId: string | undefined): (() => void) | GraphQLError {
    if (!readAccept(request.headers.get('accept')).takesParts)
      return requestError(
        'NOT_ACCEPTABLE',
        'Subscriptions are sent as text/event-stream or multipart/mixed. Nothing was executed. Allow one of them in the Accept header.',
      );
    const begun = callerId === undefined ? () => {} : begin(callerId);
    if (begun === 'all')
      return requestError(
        'OVERLOADED',
        'This server has too many subscriptions. Send a query instead, or try again later.',
      );
    if (begun !== 'caller') return begun;
    const message = `You have ${maxPerCaller} subscriptions at this server, the most for one caller. End one, or send a query instead.`;
    return fieldError('RATE_LIMITED', message, { retryAfterMs: null });
  }

  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, caller } = args.contextValue;
      requests.add(request);
      const end = beginFor(request, caller?.id);
      if (typeof end !== 'function') return setResultAndStopExecution({ errors: [end] });
      // The results of a request whose client has disconnected are never read.
      request.signal.addEventListener('abort', end, { once: true });
      if (request.signal.aborted) end();
      return {
        onSubscribeResult: ({ result }) => (isAsyncIterable(result) ? { onEnd: end } : end()),
        onSubscribeError: end,
      };
    },
    onResultProcess({ request, result, resultProcessor, setResultProcessor }) {
      if (!requests.has(request) || Array.isArray(result)) return;
      const { prefersMultipart } = readAccept(request.headers.get('accept'));
      const isMultipart = isAsyncIterable(result) ? prefersMultipart : !resultProcessor;
      if (isMultipart) setResultProcessor(toMultipart as never, 'multipart/mixed');
    },
    onResponse({ response }) {
      // Yoga's events have it. `none` is not a coding, and some proxies refuse it.
      if (response.headers.get('content-encoding') === 'none') response.headers.delete('content-encoding');
    },
  };
}
