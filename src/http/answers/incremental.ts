import { isAsyncIterable, memoize1 } from '@graphql-tools/utils';
import { type DocumentNode, type ExecutionResult, GraphQLError, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { ChunkDeliveries, ChunkDelivery } from '../../graphql/core/chunk-delivery.ts';
import type { Context } from '../../graphql/core/context.ts';
import { fieldError } from '../../graphql/core/top-level-errors.ts';
import type { Log } from '../../log/log.ts';
import { readAccept } from '../requests/headers.ts';
import { maskError } from './errors.ts';

/** One part of an incremental result, in the form of graphql-js 17.0.0-alpha.2, which Yoga's clients read. */
interface ResultPart extends ExecutionResult {
  readonly incremental?: readonly { readonly errors?: readonly GraphQLError[]; readonly [key: string]: unknown }[];
  readonly hasNext?: boolean;
}

/** The document without `@defer` and `@stream`; the same one if it has none. */
const withoutParts = memoize1(
  (document: DocumentNode): DocumentNode =>
    visit(document, { Directive: ({ name }) => (/^(defer|stream)$/.test(name.value) ? null : undefined) }),
);

async function* deliverChunks({ path, nextIndex, label, chunks, pending }: ChunkDelivery): AsyncGenerator<ResultPart> {
  let index = nextIndex;
  const partWith = (content: object): ResultPart => ({
    incremental: [{ ...content, path: [...path, index], ...(label !== undefined && { label }) }],
    hasNext: true,
  });
  try {
    for (let next = await (pending ?? chunks.next()); !next.done; next = await chunks.next()) {
      yield partWith({ items: [next.value.toString('base64')] });
      index += 1;
    }
  } catch {
    const { message, extensions } = fieldError('RESPONSE_INTERRUPTED');
    const errors = [new GraphQLError(message, { path: [...path, index], extensions })];
    yield partWith({ items: null, errors });
  }
}

/** Masks the errors of deferred parts: Yoga masks the errors of whole results only. */
function maskPart({ incremental, ...part }: ResultPart, log: Log): ResultPart {
  function mask(error: GraphQLError): GraphQLError {
    const masked = maskError(error, 'Unexpected error.') as GraphQLError;
    if (masked !== error) log.error({ err: error.originalError ?? error }, 'unexpected error');
    // A part has no HTTP status.
    const { http: _http, ...extensions } = masked.extensions;
    const { nodes = null, source = null, positions = null, path = null } = masked;
    return new GraphQLError(masked.message, { nodes, source, positions, path, extensions });
  }
  // Many fields may have the same error.
  const maskOnce = memoize1(mask);
  const masked = incremental?.map((item) => (item.errors ? { ...item, errors: item.errors.map(maskOnce) } : item));
  return masked ? { ...part, incremental: masked } : part;
}

async function* deliver(
  result: ExecutionResult | AsyncIterable<ResultPart>,
  deliveries: ChunkDeliveries,
  log: Log,
): AsyncGenerator<ResultPart> {
  try {
    if (isAsyncIterable(result)) for await (const part of result) yield { ...maskPart(part, log), hasNext: true };
    else yield { ...result, hasNext: true };
    for (let next = deliveries.waiting.shift(); next; next = deliveries.waiting.shift()) yield* deliverChunks(next);
    yield { hasNext: false };
  } finally {
    deliveries.close();
  }
}

/**
 * Closes the bodies, each of which holds a connection to upstream, when the client disconnects or reads nothing for `pauseMs`. A generator
 * alone would first wait for its next chunk.
 */
function closing(
  parts: AsyncGenerator<ResultPart>,
  deliveries: ChunkDeliveries,
  pauseMs: number,
): AsyncIterableIterator<ResultPart> {
  let pause: NodeJS.Timeout | undefined;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      clearTimeout(pause);
      const part = await parts.next();
      if (!part.done) pause = setTimeout(() => deliveries.close(), pauseMs).unref();
      return part;
    },
    return: () => {
      clearTimeout(pause);
      deliveries.close();
      return parts.return(undefined);
    },
  };
}

/**
 * Sends streamed bodies chunk by chunk. The executor's result comes first, with empty lists; then each chunk is one part, read from
 * upstream as fast as the client reads. A second body follows the first. Clients that read single results get complete lists.
 * @param pauseMs how long a client may read nothing before the bodies are closed.
 */
export function useIncremental(log: Log, pauseMs: number): Plugin<Context> {
  return {
    onExecute({ args }) {
      const { request } = args.contextValue;
      const deliveries: ChunkDeliveries = args.contextValue.chunkDeliveries;
      const plain = withoutParts(args.document);
      const inParts = plain !== args.document && readAccept(request.headers.get('accept')).namesParts;
      // A client that reads single results only gets complete lists, and nothing deferred.
      if (!inParts) {
        args.document = plain;
        return { onExecuteDone: () => deliveries.close() };
      }
      const { signal } = request;
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result) && deliveries.waiting.length === 0) return deliveries.close();
          // The result of a request whose client has disconnected is never iterated.
          if (signal.aborted) deliveries.close();
          else signal.addEventListener('abort', () => deliveries.close(), { once: true });
          setResult(closing(deliver(result, deliveries, log), deliveries, pauseMs));
        },
      };
    },
  };
}
