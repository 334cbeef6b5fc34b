import type { BulkDeletes } from '../bulk/bulk-deletes.ts';
import type { Config } from '../config.ts';
import type { DeleteMemory } from '../engagement/delete-memory.ts';
import type { FindAccountIntegration } from '../engagement/integrated-account.ts';
import type { LimitReads } from '../engagement/read-limit.ts';
import { ChunkDeliveries } from '../graphql/chunk-delivery.ts';
import type { Context, GivenDeletes } from '../graphql/context.ts';
import { createRecordLoaders } from '../graphql/record-loaders.ts';
import type { Log } from '../log.ts';
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

/**
 * Makes the context of one operation: its clock starts here.
 * @param given deletes of this request that are done already.
 * @throws {GraphQLError} `UNAUTHENTICATED` for an `Authorization` header that proves nothing, `BAD_USER_INPUT` for a bad
 * idempotency key.
 */
export async function createContext(
  { request: { headers, signal }, params }: OperationRequest,
  { config, log, authenticate, ports, upstreamUrl, metrics }: ContextOptions,
  given?: GivenDeletes,
): Promise<Context> {
  const deadlineAt = performance.now() + config.requestTimeoutMs;
  const requestId = headers.get('x-request-id');
  const idempotencyKey = readIdempotencyKey(headers.get('idempotency-key'), params.extensions);
  // A token that expired since must not hide what was done with it.
  const caller = given ? given.caller : await authenticate(headers.get('authorization'));
  const hasCallerLeft = () => signal.aborted;
  const recordLoaders = createRecordLoaders({ caller, deadlineAt, hasCallerLeft, ...ports });
  return {
    ...ports,
    caller,
    deadlineAt,
    upstreamUrl,
    recordLoaders,
    readNote: (key, fields) => recordLoaders.read('notes', key, fields),
    maxUpstreamBytes: config.maxUpstreamBytes,
    chunkDeliveries: new ChunkDeliveries(),
    hasCallerLeft,
    given: given?.results,
    idempotencyKey,
    recordDelete(event) {
      log.info({ ...event, requestId }, 'delete');
      metrics.countDelete(event);
    },
    recordRepetition: (event) => log.info({ ...event, requestId }, 'delete repeated'),
  };
}
