import type { ExecutionResult, GraphQLError } from 'graphql';
import { type FetchAPI, isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga';
import type { Context } from '../graphql/core/context.ts';
import { fieldError, requestError } from '../graphql/core/top-level-errors.ts';
import { prefersMultipart } from './use-check-accept.ts';

/** How many subscriptions one caller may have at once: each holds a connection, and asks Redis once a second. */
const maxPerCaller = 20;

/** How many all callers may have: half of the requests that may be in flight are left to others. */
const maxSubscriptions = 500;

/** Counts the subscriptions of this process. */
class Subscriptions {
  readonly #byCaller = new Map<string, number>();
  #count = 0;

  /** Why there is no place for another; undefined when there is one. */
  refusalFor(callerId: string): GraphQLError | undefined {
    if ((this.#byCaller.get(callerId) ?? 0) >= maxPerCaller) {
      const message = `You follow ${maxPerCaller} bulk deletes at this server, and may follow no more at once. End one, or ask for bulkDelete(id) from time to time.`;
      return fieldError('RATE_LIMITED', message, { retryAfterMs: null });
    }
    return this.#count < maxSubscriptions
      ? undefined
      : requestError(
          'OVERLOADED',
          'Too many bulk deletes are followed at this server. Ask for bulkDelete(id) from time to time, or try again later.',
        );
  }

  /** Takes a place, and answers how to give it back; to do that again changes nothing. */
  take(callerId: string): () => void {
    this.#add(callerId, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#add(callerId, -1);
      isTaken = false;
    };
  }

  #add(callerId: string, change: 1 | -1): void {
    this.#count += change;
    const count = (this.#byCaller.get(callerId) ?? 0) + change;
    if (count > 0) this.#byCaller.set(callerId, count);
    else this.#byCaller.delete(callerId);
  }
}

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
      const next = await iterator.next().catch((error) => {
        onEnd();
        throw error;
      });
      if (next.done) onEnd();
      return next;
    },
    async return() {
      onEnd();
      return (await iterator.return?.()) ?? { done: true, value: undefined };
    },
  };
}

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

/**
 * Sends results in parts as clients read them: subscriptions, of which each caller may have so many, also as multipart; events without
 * a coding that is none.
 */
export function useResultStreams(): Plugin<YogaInitialContext & Context> {
  const subscriptions = new WeakSet<Request>();
  const places = new Subscriptions();
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, caller } = args.contextValue;
      subscriptions.add(request);
      // The field itself refuses a subscription without a caller.
      if (caller === null) return undefined;
      const refusal = places.refusalFor(caller.id);
      if (refusal) return setResultAndStopExecution({ errors: [refusal] });
      const leave = places.take(caller.id);
      // The results of a request whose client has left are never read.
      request.signal.addEventListener('abort', leave, { once: true });
      if (request.signal.aborted) leave();
      return {
        onSubscribeResult({ result, setResult }) {
          if (isAsyncIterable(result)) setResult(endingWith(result as AsyncIterable<ExecutionResult>, leave));
          else leave();
        },
        onSubscribeError: leave,
      };
    },
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
