import type { Caller } from '../engagement/access.ts';
import type { DeleteEngagementPorts } from '../engagement/delete-engagement.ts';
import { requestError } from '../errors.ts';
import type { ChunkDeliveries } from './chunk-delivery.ts';
import type { RelatedRecords } from './related-records.ts';

/** What the log keeps of one delete: who, what, where, and how it ended; never a record's content or a credential. */
export interface DeleteLogRecord {
  readonly callerId: string;
  readonly integratedAccountId: string;
  readonly engagementId: string;
  /** The result's member, or the code of the top-level error that took its place. */
  readonly result: string;
  /** The success's outcome, or an error's message. */
  readonly detail: string;
  readonly durationMs: number;
}

/** What every resolver gets: one per operation. */
export interface Context extends DeleteEngagementPorts {
  /** Reads related records, each once in an operation. */
  readonly relatedRecords: RelatedRecords;
  /** Null when nobody proved who they are. */
  readonly caller: Caller | null;
  /** The moment (milliseconds since the epoch) by which the operation must be answered. */
  readonly deadlineAt: number;
  /** Where upstream is, without a slash at the end; shown by dry runs. */
  readonly upstreamUrl: string;
  /** The most bytes of a streamed body that are collected into one list. */
  readonly maxUpstreamBytes: number;
  /** The streamed bodies of the operation. */
  readonly chunkDeliveries: ChunkDeliveries;
  /** Writes down what became of a delete. */
  readonly recordDelete: (record: DeleteLogRecord) => void;
  /** True once the client is gone. */
  readonly hasCallerLeft: () => boolean;
}

/**
 * The caller, for fields that reach upstream.
 * @throws {GraphQLError} `UNAUTHENTICATED` when there is none.
 */
export function requireCaller({ caller }: Context): Caller {
  if (caller === null) throw requestError('UNAUTHENTICATED');
  return caller;
}
