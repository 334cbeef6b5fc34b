import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { ChunkDeliveries } from '../graphql/core/chunk-delivery.ts';
import type { Context } from '../graphql/core/context.ts';
import { admit, type ContextOptions, createContext } from './requests/context.ts';

/** Adds the error's status and headers in the forms of Apollo Server, Fastify and Express. */
function forHosts(error: unknown): unknown {
  if (!(error instanceof GraphQLError)) return error;
  const { status, headers = {} } = (error.extensions.http ?? {}) as { status?: number; headers?: object };
  Object.assign(error.extensions, { http: { status, headers: new Map(Object.entries(headers)) } });
  return Object.assign(error, { statusCode: status });
}

/** A host's request, of the Fetch API or of `node:http`. */
export type HostRequest = Request | IncomingMessage;

/**
 * Makes the context of an operation that another executor runs. Operations without a token get one too: then only fields that need a
 * caller refuse.
 * @throws {GraphQLError} `UNAUTHENTICATED` for a token that is not accepted, `BAD_USER_INPUT` for a bad idempotency key.
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
      // Another executor would not send the parts after its first result.
      chunkDeliveries: new ChunkDeliveries(false),
    }))
    .catch((error: unknown) => {
      throw forHosts(error);
    });
  // Another executor does not report when an operation has ended, and unread bodies must not stay open.
  const endBodies = () => context.chunkDeliveries.close();
  setTimeout(endBodies, Math.max(0, context.deadlineAt - performance.now())).unref();
  return context;
}
