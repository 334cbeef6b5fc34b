import { isAsyncIterable } from '@graphql-tools/utils';
import { BREAK, type DocumentNode, type ExecutionResult, GraphQLError, Kind, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { ChunkDeliveries, ChunkDelivery } from '../graphql/core/chunk-delivery.ts';
import type { Context } from '../graphql/core/context.ts';
import { fieldError } from '../graphql/core/top-level-errors.ts';
import type { Log } from '../log/log.ts';
import { maskError } from './mask-error.ts';
import { acceptsIncremental } from './use-check-accept.ts';

/** One part of an incremental result, in the form of graphql-js 17.0.0-alpha.2 that Yoga's clients speak. */
interface ResultPart extends ExecutionResult {
  readonly incremental?: readonly { readonly errors?: readonly GraphQLError[]; readonly [key: string]: unknown }[];
  readonly hasNext?: boolean;
}

const incrementalDirectives = new Set(['defer', 'stream']);
const usesIncremental = new WeakMap<DocumentNode, boolean>();

function isIncremental(document: DocumentNode): boolean {
  let found = usesIncremental.get(document);
  if (found === undefined) {
    found = false;
    visit(document, {
      Directive({ name }) {
        if (!incrementalDirectives.has(name.value)) return undefined;
        found = true;
        return BREAK;
      },
    });
    usesIncremental.set(document, found);
  }
  return found;
}

/** The same operation for a client that takes one result only: complete lists, nothing deferred. */
function withoutIncremental(document: DocumentNode): DocumentNode {
  return visit(document, {
    [Kind.DIRECTIVE]: ({ name }) => (incrementalDirectives.has(name.value) ? null : undefined),
  });
}

async function* deliverChunks({ path, nextIndex, label, chunks }: ChunkDelivery): AsyncGenerator<ResultPart> {
  const named = label === undefined ? {} : { label };
  let index = nextIndex;
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      const items = [next.value.toString('base64')];
      yield { incremental: [{ items, path: [...path, index], ...named }], hasNext: true };
      index += 1;
    }
  } catch {
    const { message, extensions } = fieldError('RESPONSE_INTERRUPTED');
    const errors = [new GraphQLError(message, { path: [...path, index], extensions: { code: extensions.code } })];
    yield { incremental: [{ items: null, path: [...path, index], errors, ...named }], hasNext: true };
  }
}

/** Masks the errors of what was deferred: Yoga masks those of whole results only. */
function maskPart({ incremental, ...part }: ResultPart, log: Log): ResultPart {
  if (!incremental) return part;
  function mask(error: GraphQLError): GraphQLError {
    const masked = maskError(error, 'Unexpected error.') as GraphQLError;
    if (masked !== error) log.error({ err: error.originalError ?? error }, 'unexpected error');
    // The status of a whole request is none of a part's business.
    const { message, nodes, source, positions, path } = masked;
    const { http: _http, ...extensions } = masked.extensions;
    const place = { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null };
    return new GraphQLError(message, { ...place, extensions });
  }
  return {
    ...part,
    incremental: incremental.map((item) => (item.errors ? { ...item, errors: item.errors.map(mask) } : item)),
  };
}

async function* deliver(
  result: ExecutionResult | AsyncIterable<ResultPart>,
  deliveries: ChunkDeliveries,
  log: Log,
): AsyncGenerator<ResultPart> {
  try {
    if (isAsyncIterable(result)) for await (const part of result) yield { ...maskPart(part, log), hasNext: true };
    else yield { ...result, hasNext: true };
    for (let delivery = deliveries.next(); delivery; delivery = deliveries.next()) yield* deliverChunks(delivery);
    yield { hasNext: false };
  } finally {
    deliveries.close();
  }
}

/**
 * Ends the bodies the moment the client leaves, where a generator alone would first wait for its next chunk, and when the client has
 * taken nothing for so long: each holds a connection to upstream.
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
 * Sends streamed bodies on chunk by chunk: the executor's result comes first, with empty lists, then one part for each
 * chunk, pulled from upstream only as fast as the client reads; a second body follows when the first has ended. Clients
 * that take one result get the list whole.
 * @param pauseMs how long a client may take nothing before the bodies are ended.
 */
export function useDeliverChunks(log: Log, pauseMs: number): Plugin<Context> {
  return {
    onExecute({ args }) {
      const { request } = args.contextValue;
      const deliveries: ChunkDeliveries = args.contextValue.chunkDeliveries;
      if (!isIncremental(args.document)) return { onExecuteDone: () => deliveries.close() };
      if (!acceptsIncremental(request.headers.get('accept'))) {
        args.document = withoutIncremental(args.document);
        return { onExecuteDone: () => deliveries.close() };
      }
      const { signal } = request;
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result) && !deliveries.isPending) return deliveries.close();
          // Nobody iterates the result of a request whose client has left already.
          if (signal.aborted) deliveries.close();
          else signal.addEventListener('abort', () => deliveries.close(), { once: true });
          setResult(closing(deliver(result, deliveries, log), deliveries, pauseMs));
        },
      };
    },
  };
}
