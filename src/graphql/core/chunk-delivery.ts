import type { Readable } from 'node:stream';
import { GraphQLStreamDirective } from '@graphql-tools/utils';
import { type GraphQLResolveInfo, getDirectiveValues, responsePathAsArray } from 'graphql';
import { fieldError } from './top-level-errors.ts';

/** The rest of a streamed body. Its chunks belong to the list at `path`, from `nextIndex` on. */
export interface ChunkDelivery {
  readonly path: readonly (string | number)[];
  readonly nextIndex: number;
  readonly label: string | undefined;
  readonly chunks: AsyncIterator<Buffer>;
  /** The next chunk, if it was requested before. */
  readonly pending: Promise<IteratorResult<Buffer>> | undefined;
}

/** The streamed bodies of one operation, and the parts that the client gets after the first result. */
export class ChunkDeliveries {
  /** Those that are not sent yet, the oldest first. A deferred part adds its own after the first result. */
  readonly waiting: ChunkDelivery[] = [];
  /**
   * Only for an executor that sends one result, with complete lists, and does not say when its operation has ended: the moment (by
   * `performance.now()`) at which bodies are closed.
   */
  readonly oneResultBy: number | undefined;
  readonly #bodies = new Set<Readable>();
  #isClosed = false;

  constructor(oneResultBy?: number) {
    this.oneResultBy = oneResultBy;
  }

  /** Registers a body. It is closed with the operation, read or not. */
  own(body: Readable): void {
    this.#bodies.add(body);
    if (this.#isClosed) body.destroy();
    if (this.oneResultBy === undefined) return;
    setTimeout(() => body.destroy(), Math.max(0, this.oneResultBy - performance.now())).unref();
  }

  /** Ends every body, and with it upstream's connection. A body that was read to its end has ended already. */
  close(): void {
    this.#isClosed = true;
    for (const body of this.#bodies) body.destroy();
  }
}

/** The arguments of `@stream` on the field. Undefined without one, or if its `if` is false. */
function streamArguments({ fieldNodes, variableValues }: GraphQLResolveInfo) {
  for (const node of fieldNodes) {
    const values = getDirectiveValues(GraphQLStreamDirective, node, variableValues);
    if (!values || values.if === false) continue;
    const label = typeof values.label === 'string' ? values.label : undefined;
    return { initialCount: Number(values.initialCount ?? 0), label };
  }
  return undefined;
}

/** How much of a body a resolver may hold, and the moment (by `performance.now()`) by which it must have it. */
interface Limits {
  readonly maxUpstreamBytes: number;
  readonly deadlineAt: number;
}

/** Takes chunks while `wantsMore`, by the number of chunks and bytes taken. At the deadline, the next chunk is still pending. */
async function take(
  chunks: AsyncIterator<Buffer>,
  wantsMore: (count: number, bytes: number) => boolean,
  deadlineAt: number,
) {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.max(0, deadlineAt - performance.now()));
  const taken: Buffer[] = [];
  let bytes = 0;
  try {
    while (wantsMore(taken.length, bytes)) {
      const pending = chunks.next();
      const next = await Promise.race([pending, late]);
      if (!next) return { taken, hasEnded: false, pending };
      if (next.done) return { taken, hasEnded: true };
      taken.push(next.value);
      bytes += next.value.length;
    }
    return { taken, hasEnded: false };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Resolves the chunks of a streamed body. Without `@stream`, it returns all of them, within the limits. With it, it returns the first
 * `initialCount`, or those that have arrived by the deadline, and adds the rest to `chunkDeliveries`: GraphQL executors pull a streamed
 * list as fast as they can and hold every item.
 * @throws {GraphQLError} `RESPONSE_TOO_LARGE`, `BAD_USER_INPUT` for a negative `initialCount`, or `RESPONSE_INTERRUPTED`
 * when upstream's body ends early or, without `@stream`, after the deadline.
 */
export async function resolveChunks(
  body: Readable,
  { maxUpstreamBytes, deadlineAt, chunkDeliveries }: Limits & { readonly chunkDeliveries: ChunkDeliveries },
  info: GraphQLResolveInfo,
): Promise<Buffer[]> {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  const stream = chunkDeliveries.oneResultBy === undefined ? streamArguments(info) : undefined;
  try {
    if (stream && stream.initialCount < 0)
      throw fieldError(
        'BAD_USER_INPUT',
        'The delete succeeded, but its body was not read: the initialCount of @stream must be 0 or more.',
      );
    const wantsMore = (count: number, bytes: number) =>
      stream ? count < stream.initialCount && bytes < maxUpstreamBytes : bytes <= maxUpstreamBytes;
    const { taken, hasEnded, pending } = await take(chunks, wantsMore, deadlineAt);
    if (hasEnded) return taken;
    if (!stream) throw fieldError(pending ? 'RESPONSE_INTERRUPTED' : 'RESPONSE_TOO_LARGE');
    const path = responsePathAsArray(info.path);
    chunkDeliveries.waiting.push({ path, nextIndex: taken.length, label: stream.label, chunks, pending });
    return taken;
  } catch (error) {
    body.destroy();
    throw body.errored ? fieldError('RESPONSE_INTERRUPTED') : error;
  }
}
