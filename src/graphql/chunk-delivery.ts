import type { Readable } from 'node:stream';
import { GraphQLStreamDirective } from '@graphql-tools/utils';
import { type GraphQLResolveInfo, getDirectiveValues, responsePathAsArray } from 'graphql';
import { fieldError } from '../errors.ts';

/** The rest of a streamed body: its chunks belong to the list at `path`, from `nextIndex` on. */
export interface ChunkDelivery {
  readonly path: readonly (string | number)[];
  readonly nextIndex: number;
  readonly label: string | undefined;
  readonly chunks: AsyncIterator<Buffer>;
  /** Ends the body, and with it upstream's connection. */
  close(): void;
}

interface StreamArguments {
  readonly initialCount: number;
  readonly label: string | undefined;
}

/** The arguments of an active `@stream` on the field; undefined when there is none or its `if` is false. */
function streamArguments({ fieldNodes, variableValues }: GraphQLResolveInfo): StreamArguments | undefined {
  for (const node of fieldNodes) {
    const values = getDirectiveValues(GraphQLStreamDirective, node, variableValues);
    if (!values || values.if === false) continue;
    const label = typeof values.label === 'string' ? values.label : undefined;
    return { initialCount: Number(values.initialCount ?? 0), label };
  }
  return undefined;
}

async function take(
  chunks: AsyncIterator<Buffer>,
  mayTakeMore: (taken: readonly Buffer[]) => boolean,
): Promise<{ taken: Buffer[]; ended: boolean }> {
  const taken: Buffer[] = [];
  while (mayTakeMore(taken)) {
    const next = await chunks.next();
    if (next.done) return { taken, ended: true };
    taken.push(next.value);
  }
  return { taken, ended: false };
}

async function collect(chunks: AsyncIterator<Buffer>, maxBytes: number): Promise<readonly Buffer[]> {
  let byteCount = 0;
  const { taken } = await take(chunks, (soFar) => {
    byteCount += soFar.at(-1)?.length ?? 0;
    if (byteCount > maxBytes) throw fieldError('RESPONSE_TOO_LARGE');
    return true;
  });
  return taken;
}

/**
 * Resolves the chunks of a streamed body. Without `@stream` that is all of them, up to `maxBytes`. With it, only the
 * first `initialCount` are, and the rest is added to `deliveries`: GraphQL executors pull a streamed list as fast as
 * they can and keep every item, so the rest must never reach one.
 * @throws {GraphQLError} `RESPONSE_TOO_LARGE`, `BAD_USER_INPUT` for a negative `initialCount`, or `RESPONSE_INTERRUPTED` when upstream's body ends early.
 */
export async function resolveChunks(
  body: Readable,
  maxBytes: number,
  deliveries: ChunkDelivery[],
  info: GraphQLResolveInfo,
): Promise<readonly Buffer[]> {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  const stream = streamArguments(info);
  try {
    if (!stream) return await collect(chunks, maxBytes);
    if (stream.initialCount < 0)
      throw fieldError('BAD_USER_INPUT', 'The initialCount of @stream must not be negative.');
    const { taken, ended } = await take(chunks, (soFar) => soFar.length < stream.initialCount);
    if (!ended) {
      const path = responsePathAsArray(info.path);
      deliveries.push({ path, nextIndex: taken.length, label: stream.label, chunks, close: () => body.destroy() });
    }
    return taken;
  } catch (error) {
    body.destroy();
    throw body.errored ? fieldError('RESPONSE_INTERRUPTED') : error;
  }
}
