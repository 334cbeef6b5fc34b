import type { ExecutionResult } from 'graphql';
import { type FetchAPI, isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import { prefersMultipart } from './use-check-accept.ts';

/** How often a subscription in which nothing happens says that it goes on, in milliseconds: as often as Yoga's events. */
const heartbeatMs = 12_000;

/** An error as a client gets it: the status is for the server alone. */
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
  // Each part brings the boundary that ends it: until that is there, a client does not read it.
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
  const headers = {
    'content-type': 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    'cache-control': 'no-cache',
  };
  return new fetchAPI.Response(body, { headers });
}

/** Sends results in parts as clients read them: subscriptions also as multipart, events without a coding that is none. */
export function useResultStreams(): Plugin<YogaInitialContext> {
  const subscriptions = new WeakSet<Request>();
  return {
    onSubscribe: ({ args }) => void subscriptions.add(args.contextValue.request),
    onResultProcess({ request, result, resultProcessor, setResultProcessor }) {
      if (!subscriptions.has(request) || Array.isArray(result)) return;
      const isMultipart = isAsyncIterable(result) ? prefersMultipart(request.headers.get('accept')) : !resultProcessor;
      if (isMultipart) setResultProcessor(toMultipart as never, 'multipart/mixed');
    },
    onResponse({ response }) {
      // Yoga's events have it; `none` is no coding, and some proxies refuse it.
      if (response.headers.get('content-encoding') === 'none') response.headers.delete('content-encoding');
    },
  };
}
