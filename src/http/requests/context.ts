import type { Config } from '../../config/config.ts';
import type { CreateEvent } from '../../engagement/create/create-engagement.ts';
import type { AuditEvent } from '../../engagement/delete/audit.ts';
import type { KnownDeletes } from '../../engagement/known-deletes.ts';
import { AnswerRoom } from '../../graphql/core/answer-room.ts';
import { ChunkDeliveries } from '../../graphql/core/chunk-delivery.ts';
import type { Context } from '../../graphql/core/context.ts';
import { createRecordLoaders, type LimitReads } from '../../graphql/core/record-loaders.ts';
import type { Log } from '../../log/log.ts';
import type { Authenticate } from '../callers/authenticate.ts';
import { readIdempotencyKey } from './headers.ts';

/** The parts of a context that all operations of the process share. */
type SharedPort =
  | ('send' | 'findAccountIntegration' | 'requestMemory' | 'confirmations' | 'bulkDeletes')
  | ('knownDeletes' | 'deletedEvents' | 'confirmIntervalMs' | 'draining');

/** What contexts are made of, for all operations. */
export interface ContextOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: Pick<Context, SharedPort> & { readonly limitReads: LimitReads };
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

/** The caller of an operation, null without an `Authorization` header, and when (by `performance.now()`) it must be answered. */
export type Admission = Pick<Context, 'caller' | 'deadlineAt'>;

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
  event: Pick<AuditEvent, 'integratedAccountId' | 'engagementId' | 'result' | 'detail'>,
): void {
  const { integratedAccountId, engagementId, result, detail } = event;
  if (result === 'DeleteEngagementSuccess' && (detail === 'DELETED' || detail === 'ALREADY_ABSENT'))
    known.note(integratedAccountId, engagementId, detail);
}

/** Makes the context of one operation. @throws {GraphQLError} `BAD_USER_INPUT` for a bad idempotency key. */
export function createContext(
  { header, hasCallerLeft, extensions }: RequestParts,
  { config, log, ports, upstreamUrl, metrics }: ContextOptions,
  { caller, deadlineAt }: Admission,
): Context {
  const requestId = header('x-request-id');
  const idempotencyKey = readIdempotencyKey(header('idempotency-key'), extensions);
  const { maxUpstreamBytes } = config;
  const recordRoom = new AnswerRoom(maxUpstreamBytes);
  const recordLoaders = createRecordLoaders({ caller, deadlineAt, hasCallerLeft, room: recordRoom, ...ports });
  return {
    ...ports,
    caller,
    deadlineAt,
    hasCallerLeft,
    idempotencyKey,
    upstreamUrl,
    maxUpstreamBytes,
    recordLoaders,
    recordRoom,
    readNote: (key, fields) => recordLoaders.read('notes', key, fields),
    answerRoom: new AnswerRoom(maxUpstreamBytes),
    chunkDeliveries: new ChunkDeliveries(),
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
