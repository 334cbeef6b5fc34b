import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { ChunkDeliveries } from '../graphql/core/chunk-delivery.ts';
import type { Context } from '../graphql/core/context.ts';
import { requestIdFrom } from './connections/listener.ts';
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
  const given = (name: string): string | null =>
    fetched ? fetched.headers.get(name) : ((request as IncomingMessage).headers[name]?.toString() ?? null);
  const requestId = requestIdFrom(given('x-request-id'));
  const header = (name: string) => (name === 'x-request-id' ? requestId : given(name));
  const hasCallerLeft = () => (fetched ? fetched.signal.aborted : (request as IncomingMessage).socket.destroyed);
  const asked = { header, hasCallerLeft, extensions: undefined };
  try {
    const admission = await admit(header('authorization'), options);
    // Another executor would not send the parts after its first result.
    return { ...createContext(asked, options, admission), chunkDeliveries: new ChunkDeliveries(admission.deadlineAt) };
  } catch (error) {
    throw forHosts(error);
  }
}
