import type { BulkDeletes } from '../bulk/bulk-deletes.ts';
import type { Config } from '../config/config.ts';
import type { Caller, FindAccountIntegration } from '../engagement/account.ts';
import { AnswerRoom } from '../engagement/answer-room.ts';
import type { DeleteMemory } from '../engagement/delete/delete-memory.ts';
import { ChunkDeliveries } from '../graphql/core/chunk-delivery.ts';
import type { Context, GivenResults } from '../graphql/core/context.ts';
import { createRecordLoaders, type LimitReads } from '../graphql/core/record-loaders.ts';
import type { Log } from '../log/log.ts';
import type { Send } from '../upstream/attempt.ts';
import type { Authenticate } from './auth.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import type { Metrics } from './metrics.ts';

/** The ways to upstream, which all operations of the process share. */
export interface UpstreamPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly limitReads: LimitReads;
  readonly deleteMemory: DeleteMemory;
  readonly bulkDeletes: BulkDeletes | undefined;
  /** Aborted once the server is about to end. */
  readonly draining: AbortSignal;
}

/** What every operation's context is made with. */
export interface ContextOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: UpstreamPorts;
  /** Where upstream is, without a slash at the end. */
  readonly upstreamUrl: string;
  readonly metrics: Pick<Metrics, 'countDelete'>;
}

/** What of a request its context is made from. */
export interface OperationRequest {
  readonly request: { readonly headers: Pick<Headers, 'get'>; readonly signal: Pick<AbortSignal, 'aborted'> };
  readonly params: { readonly extensions?: unknown };
}

/** Who an operation is for. */
export interface Admission {
  /** Null for a request without an `Authorization` header. */
  readonly caller: Caller | null;
  /** The moment (by `performance.now()`) by which the operation must be answered. */
  readonly deadlineAt: number;
}

/**
 * Tells who asks for an operation, before anything of it is read: its clock starts here.
 * @throws {GraphQLError} `UNAUTHENTICATED` for an `Authorization` header that proves nothing.
 */
export async function admit(
  authorization: string | null,
  { config, authenticate }: Pick<ContextOptions, 'config' | 'authenticate'>,
): Promise<Admission> {
  const deadlineAt = performance.now() + config.requestTimeoutMs;
  return { caller: await authenticate(authorization), deadlineAt };
}

/**
 * Makes the context of one operation.
 * @param given what deletes of this request have come to already.
 * @throws {GraphQLError} `BAD_USER_INPUT` for a bad idempotency key.
 */
export function createContext(
  { request: { headers, signal }, params }: OperationRequest,
  { config, log, ports, upstreamUrl, metrics }: ContextOptions,
  { caller, deadlineAt }: Admission,
  given?: GivenResults,
): Context {
  const requestId = headers.get('x-request-id');
  const idempotencyKey = readIdempotencyKey(headers.get('idempotency-key'), params.extensions);
  const hasCallerLeft = () => signal.aborted;
  const recordRoom = new AnswerRoom(config.maxUpstreamBytes);
  const recordLoaders = createRecordLoaders({ caller, deadlineAt, hasCallerLeft, room: recordRoom, ...ports });
  return {
    ...ports,
    caller,
    deadlineAt,
    upstreamUrl,
    recordLoaders,
    readNote: (key, fields) => recordLoaders.read('notes', key, fields),
    maxUpstreamBytes: config.maxUpstreamBytes,
    recordRoom,
    answerRoom: new AnswerRoom(config.maxUpstreamBytes),
    chunkDeliveries: new ChunkDeliveries(),
    hasCallerLeft,
    given,
    idempotencyKey,
    recordDelete(event) {
      log.info({ ...event, requestId }, 'delete');
      metrics.countDelete(event);
    },
    recordRepetition: (event) => log.info({ ...event, requestId }, 'delete repeated'),
  };
}
