import type { Caller } from '../engagement/access.ts';
import type { DeleteEngagementPorts } from '../engagement/delete-engagement.ts';
import { requestError } from '../errors.ts';
import type { ChunkDelivery } from './chunk-delivery.ts';
import type { RelatedRecords } from './related-records.ts';

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
  /** Bodies that go to the client chunk by chunk after the first result. */
  readonly chunkDeliveries: ChunkDelivery[];
}

/**
 * The caller, for fields that reach upstream.
 * @throws {GraphQLError} `UNAUTHENTICATED` when there is none.
 */
export function requireCaller({ caller }: Context): Caller {
  if (caller === null) throw requestError('UNAUTHENTICATED');
  return caller;
}
