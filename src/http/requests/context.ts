import type { BulkDeletes } from '../../bulk/bulk-deletes.ts';
import type { Config } from '../../config/config.ts';
import type { Caller, FindAccountIntegration } from '../../engagement/account.ts';
import type { CreateEvent } from '../../engagement/create/create-engagement.ts';
import type { Confirmations } from '../../engagement/delete/confirmation.ts';
import type { KnownDeletes } from '../../engagement/known-deletes.ts';
import type { RequestMemory } from '../../engagement/request-memory.ts';
import type { AuditEvent } from '../../engagement/write.ts';
import { AnswerRoom } from '../../graphql/core/answer-room.ts';
import { ChunkDeliveries } from '../../graphql/core/chunk-delivery.ts';
import type { Context } from '../../graphql/core/context.ts';
import { createRecordLoaders, type LimitReads } from '../../graphql/core/record-loaders.ts';
import type { Log } from '../../log/log.ts';
import type { Send } from '../../upstream/attempt.ts';
import type { Authenticate } from '../callers/authenticate.ts';
import { readIdempotencyKey } from './headers.ts';

/** The parts that all operations of the process share. */
interface UpstreamPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly limitReads: LimitReads;
  readonly requestMemory: RequestMemory;
  readonly confirmations: Confirmations;
  readonly bulkDeletes: BulkDeletes | undefined;
  readonly knownDeletes: KnownDeletes;
  readonly deletedEvents: KnownDeletes | undefined;
  readonly confirmIntervalMs: number;
  /** Aborted once the server drains. */
  readonly draining: AbortSignal;
}

/** The parts of a context that are the same for all operations. */
export interface ContextOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: UpstreamPorts;
  /** The address of upstream, without a slash at the end. */
  readonly upstreamUrl: string;
  readonly metrics: {
    countField(field: string, result: string, durationMs: number): void;
    countDelete(event: AuditEvent): void;
    countCreate(event: CreateEvent): void;
  };
}

interface RequestParts {
  readonly header: (name: string) => string | null;
  readonly hasCallerLeft: () => boolean;
  readonly extensions: unknown;
}

/** The caller of an operation, and its deadline. */
export interface Admission {
  /** Null for a request without an `Authorization` header. */
  readonly caller: Caller | null;
  /** The moment (by `performance.now()`) by which the operation must be answered. */
  readonly deadlineAt: number;
}

/**
 * Identifies the caller of an operation before the operation is read. Its deadline is counted from here.
 * @throws {GraphQLError} `UNAUTHENTICATED` for an `Authorization` header that is not accepted.
 */
export async function admit(
  authorization: string | null,
  { config, authenticate }: Pick<ContextOptions, 'config' | 'authenticate'>,
): Promise<Admission> {
  const deadlineAt = performance.now() + config.requestTimeoutMs;
  return { caller: await authenticate(authorization), deadlineAt };
}

/** Adds a delete that has ended to the known ones, if its engagement is deleted. */
export function noteDelete(
  known: KnownDeletes,
  {
    integratedAccountId,
    engagementId,
    result,
    detail,
  }: Pick<AuditEvent, 'integratedAccountId' | 'engagementId' | 'result' | 'detail'>,
): void {
  if (result !== 'DeleteEngagementSuccess' || (detail !== 'DELETED' && detail !== 'ALREADY_ABSENT')) return;
  known.note(integratedAccountId, engagementId, detail);
}

/**
 * Makes the context of one operation.
 * @throws {GraphQLError} `BAD_USER_INPUT` for a bad idempotency key.
 */
export function createContext(
  { header, hasCallerLeft, extensions }: RequestParts,
  { config, log, ports, upstreamUrl, metrics }: ContextOptions,
  { caller, deadlineAt }: Admission,
): Context {
  const requestId = header('x-request-id');
  const idempotencyKey = readIdempotencyKey(header('idempotency-key'), extensions);
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
    idempotencyKey,
    recordDelete(event) {
      log.info({ ...event, requestId }, 'delete');
      metrics.countDelete(event);
      noteDelete(ports.knownDeletes, event);
    },
    recordCreate(event) {
      log.info({ ...event, requestId }, 'create');
      metrics.countCreate(event);
    },
    recordRepetition: (event) => log.info({ ...event, requestId }, 'delete repeated'),
    recordRepeatedCreate: (event) => log.info({ ...event, requestId }, 'create repeated'),
  };
}
