import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { ChunkDeliveries } from '../graphql/core/chunk-delivery.ts';
import type { Context } from '../graphql/core/context.ts';
import { admit, type ContextOptions, createContext } from './requests/context.ts';

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
  const fetched = headers instanceof Headers || typeof headers.get === 'function' ? (request as Request) : undefined;
  const header = (name: string): string | null =>
    fetched ? fetched.headers.get(name) : ((request as IncomingMessage).headers[name]?.toString() ?? null);
  const hasCallerLeft = () => (fetched ? fetched.signal.aborted : (request as IncomingMessage).socket.destroyed);
  const asked = { header, hasCallerLeft, extensions: undefined };
  const context = await admit(header('authorization'), options)
    .then((admission) => ({
      ...createContext(asked, options, admission),
      // Another executor would not send what comes after its first result.
      chunkDeliveries: new ChunkDeliveries(false),
    }))
    .catch((error: unknown) => {
      throw forHosts(error);
    });
  // Another executor does not say when an operation has ended; a streamed body that is not read must not stay open.
  const endBodies = () => context.chunkDeliveries.close();
  setTimeout(endBodies, Math.max(0, context.deadlineAt - performance.now())).unref();
  return context;
}
