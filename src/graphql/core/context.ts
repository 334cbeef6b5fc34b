import type { BulkDeletes } from '../../bulk/bulk-deletes.ts';
import type { Caller } from '../../engagement/account.ts';
import type { DeletePorts } from '../../engagement/delete/delete-engagement.ts';
import type { KnownDeletes } from '../../engagement/known-deletes.ts';
import type { ReadBounds } from '../../engagement/read.ts';
import type { AnswerRoom } from './answer-room.ts';
import type { ChunkDeliveries } from './chunk-delivery.ts';
import type { RecordLoaders } from './record-loaders.ts';
import { fieldError, requestError } from './top-level-errors.ts';

/** Results of root fields that were run already, by response key. */
export type GivenResults = ReadonlyMap<string | number, Promise<unknown>>;

/** The context of every resolver, one per operation. */
export interface Context extends DeletePorts, Omit<ReadBounds, 'caller'> {
  readonly recordEnd: NonNullable<DeletePorts['recordEnd']>;
  readonly recordRepetition: NonNullable<DeletePorts['recordRepetition']>;
  /** Reads related records, each once per operation and selection. */
  readonly recordLoaders: RecordLoaders;
  /** Null without a verified token. */
  readonly caller: Caller | null;
  /** Upstream's base URL, without a slash at the end. Dry runs show it. */
  readonly upstreamUrl: string;
  /** The most bytes of a streamed body in one list. */
  readonly maxUpstreamBytes: number;
  /** The room for records that the operation reads one by one. */
  readonly recordRoom: AnswerRoom;
  readonly answerRoom: AnswerRoom;
  readonly chunkDeliveries: ChunkDeliveries;
  /** The caller's `Idempotency-Key`. Undefined without one. */
  readonly idempotencyKey: string | undefined;
  /** What a prepared operation has done already: these root fields are not run again. */
  readonly given?: GivenResults | undefined;
  /** Bulk deletes. Undefined without Redis. */
  readonly bulkDeletes: BulkDeletes | undefined;
  /** The deletes that this server knows of, for subscriptions. */
  readonly knownDeletes: KnownDeletes;
  /** How often to check that a subscriber still has access, in milliseconds. */
  readonly confirmIntervalMs: number;
  /** Aborted when the server drains: subscriptions must end then. */
  readonly draining: AbortSignal;
}

/** The caller, for fields that send requests upstream. @throws {GraphQLError} `UNAUTHENTICATED` without one. */
export function requireCaller({ caller }: Context): Caller {
  if (caller === null) throw requestError('UNAUTHENTICATED');
  return caller;
}

/** The caller's key for one root field: each alias is a separate request. Undefined without an `Idempotency-Key`. */
export function callerKeyOf({ idempotencyKey }: Context, responseKey: string | number) {
  return idempotencyKey === undefined ? undefined : ([idempotencyKey, String(responseKey)] as const);
}

/** Bulk deletes, for their fields. @throws {GraphQLError} `NOT_CONFIGURED` without Redis. */
export function requireBulkDeletes({ bulkDeletes }: Context): BulkDeletes {
  if (bulkDeletes === undefined) throw fieldError('NOT_CONFIGURED');
  return bulkDeletes;
}
