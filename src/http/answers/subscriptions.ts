import type { ExecutionResult, GraphQLError } from 'graphql';
import { type FetchAPI, isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import type { Context } from '../../graphql/core/context.ts';
import { fieldError, requestError } from '../../graphql/core/top-level-errors.ts';
import { readAccept } from '../requests/headers.ts';

/** How many subscriptions one caller may have at once: each holds a connection, and asks Redis once a second. */
const maxPerCaller = 20;

/** How many all callers may have: half of the requests that may be in flight are left to others. */
const maxSubscriptions = 500;

/** How often an idle subscription sends a heartbeat, in milliseconds: as often as Yoga's events. */
const heartbeatMs = 12_000;

/** Calls back once the results have ended, or their reader has. A generator's `finally` does not run if it was never read. */
function endingWith(
  results: AsyncIterable<ExecutionResult>,
  onEnd: () => void,
): AsyncIterableIterator<ExecutionResult> {
  const iterator = results[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      let next: IteratorResult<ExecutionResult> | undefined;
      try {
        next = await iterator.next();
        return next;
      } finally {
        if (!next || next.done) onEnd();
      }
    },
    async return() {
      onEnd();
      return (await iterator.return?.()) ?? { done: true, value: undefined };
    },
  };
}

/** A result as a client gets it: the HTTP status of its errors is for the server alone. */
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

/**
 * Answers a subscription in the protocol of Apollo Client and Apollo Router: multipart, each result as the `payload` of a
 * part of its own, `{}` as a heartbeat.
 */
function toMultipart(result: ExecutionResult | AsyncIterable<ExecutionResult>, fetchAPI: FetchAPI): Response {
  const iterator = (isAsyncIterable(result) ? result : once(result))[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  // Each part brings the boundary that ends it: a client reads a part only when that is there.
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

/**
 * Sends subscriptions as clients read them, as events or multipart. Refuses one before it is executed when the Accept header
 * allows neither, or when its caller, or all together, have too many.
 */
export function useSubscriptions(): Plugin<YogaInitialContext & Context> {
  const requests = new WeakSet<Request>();
  const countByCaller = new Map<string, number>();
  let totalCount = 0;

  function refusalFor(request: Request, callerId: string | undefined): GraphQLError | undefined {
    if (!readAccept(request.headers.get('accept')).takesParts) {
      const message =
        'A subscription is answered as text/event-stream or multipart/mixed. Nothing was executed. Allow one of them in the Accept header.';
      return requestError('NOT_ACCEPTABLE', message);
    }
    // The field itself refuses a subscription without a caller.
    if (callerId === undefined) return undefined;
    if ((countByCaller.get(callerId) ?? 0) >= maxPerCaller) {
      const message = `You follow ${maxPerCaller} bulk deletes at this server, and may follow no more at once. End one, or ask for bulkDelete(id) from time to time.`;
      return fieldError('RATE_LIMITED', message, { retryAfterMs: null });
    }
    if (totalCount < maxSubscriptions) return undefined;
    const message =
      'Too many bulk deletes are followed at this server. Ask for bulkDelete(id) from time to time, or try again later.';
    return requestError('OVERLOADED', message);
  }

  function count(callerId: string, change: 1 | -1): void {
    totalCount += change;
    const ofCaller = (countByCaller.get(callerId) ?? 0) + change;
    if (ofCaller > 0) countByCaller.set(callerId, ofCaller);
    else countByCaller.delete(callerId);
  }

  /** Counts a subscription of the caller. Returns what counts it no more, once. */
  function begin(callerId: string): () => void {
    count(callerId, 1);
    let hasEnded = false;
    return () => {
      if (!hasEnded) count(callerId, -1);
      hasEnded = true;
    };
  }

  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, caller } = args.contextValue;
      requests.add(request);
      const refusal = refusalFor(request, caller?.id);
      if (refusal) return setResultAndStopExecution({ errors: [refusal] });
      if (caller === null) return undefined;
      const end = begin(caller.id);
      // The results of a request whose client has left are never read.
      request.signal.addEventListener('abort', end, { once: true });
      if (request.signal.aborted) end();
      return {
        onSubscribeResult({ result, setResult }) {
          if (isAsyncIterable(result)) setResult(endingWith(result as AsyncIterable<ExecutionResult>, end));
          else end();
        },
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
      // Yoga's events have it; `none` is no coding, and some proxies refuse it.
      if (response.headers.get('content-encoding') === 'none') response.headers.delete('content-encoding');
    },
  };
}
