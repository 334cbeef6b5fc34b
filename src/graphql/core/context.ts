import type { BulkDeletes } from '../../bulk/bulk-deletes.ts';
import type { Caller } from '../../engagement/account.ts';
import type { AnswerRoom } from '../../engagement/answer-room.ts';
import type { DeletePorts } from '../../engagement/delete/delete-engagement.ts';
import type { DeleteEngagementResult } from '../../engagement/result.ts';
import type { ChunkDeliveries } from './chunk-delivery.ts';
import type { RecordLoaders } from './record-loaders.ts';
import { fieldError, requestError } from './top-level-errors.ts';

/** Results at hand: each is handed out, or thrown, in place of doing the delete. */
export type GivenResults = ReadonlyMap<string | number, () => DeleteEngagementResult>;

/** What every resolver gets: one per operation. */
export interface Context extends DeletePorts {
  /** Reads related records, each once in an operation. */
  readonly recordLoaders: RecordLoaders;
  /** Null when nobody proved who they are. */
  readonly caller: Caller | null;
  /** The moment (by `performance.now()`) by which the operation must be answered. */
  readonly deadlineAt: number;
  /** Where upstream is, without a slash at the end; shown by dry runs. */
  readonly upstreamUrl: string;
  /** The most bytes of a streamed body that are collected into one list. */
  readonly maxUpstreamBytes: number;
  /** What the operation may hold of records that it gets one by one. */
  readonly recordRoom: AnswerRoom;
  /** What its answer may hold. */
  readonly answerRoom: AnswerRoom;
  /** The streamed bodies of the operation. */
  readonly chunkDeliveries: ChunkDeliveries;
  /** The key by which the caller's repeated requests are told from new ones; undefined when there is none. */
  readonly idempotencyKey: string | undefined;
  /** What deletes of this operation have come to already, by response key: a prepared operation did them. */
  readonly given?: GivenResults | undefined;
  /** True once the client is gone. */
  readonly hasCallerLeft: () => boolean;
  /** Deletes in the background; undefined when there is no Redis to keep them in. */
  readonly bulkDeletes: BulkDeletes | undefined;
  /** Aborted once the server is about to end: what would go on for ever has to end first. */
  readonly draining: AbortSignal;
}

/**
 * The caller, for fields that reach upstream.
 * @throws {GraphQLError} `UNAUTHENTICATED` when there is none.
 */
export function requireCaller({ caller }: Context): Caller {
  if (caller === null) throw requestError('UNAUTHENTICATED');
  return caller;
}

/**
 * Deletes in the background, for the fields that are about them.
 * @throws {GraphQLError} `NOT_CONFIGURED` when the server has no Redis.
 */
export function requireBulkDeletes({ bulkDeletes }: Context): BulkDeletes {
  if (bulkDeletes === undefined) throw fieldError('NOT_CONFIGURED');
  return bulkDeletes;
}
