import type { EngagementFilter, EngagementType } from '../engagement/input.ts';
import type { DeleteEngagementError, DeleteOutcome } from '../engagement/result.ts';

/** How many engagements a page has: what is stored, deleted, and passed from worker to worker together. */
export const pageSize = 100;

/** One engagement of a bulk delete. */
export interface BulkItem {
  readonly id: string;
  readonly engagementType: EngagementType | null;
}

/** What a bulk delete is started with. */
export interface BulkInput {
  readonly integratedAccountId: string;
  /** Which; absent when they were named by their ids. */
  readonly filter: EngagementFilter | undefined;
  /** Count and list; delete nothing. */
  readonly dryRun: boolean;
  /** Keep each record before it is deleted; do not delete what cannot be kept. */
  readonly snapshot: boolean;
}

/**
 * How far it is. `LISTING`: the filter is being resolved. `CANCELLING`: what was sent is brought to its end. `FAILED`: the
 * list could not be had.
 */
export type BulkPhase = 'LISTING' | 'DELETING' | 'CANCELLING' | 'CANCELLED' | 'COMPLETED' | 'FAILED';

/** What its callers see: a phase, unless it is paused. */
export type BulkState = BulkPhase | 'PAUSED';

/** What one engagement of a bulk delete came to, once and for all. */
export type BulkOutcome = DeleteOutcome | DeleteEngagementError['kind'];

/** A bulk delete, as it is now. */
export interface BulkJob {
  readonly id: string;
  readonly input: BulkInput;
  /** Who started it. */
  readonly callerId: string;
  /** The queue of its tasks: what a server must have that works on it. */
  readonly needs: string;
  /** The key of the jobs that are counted together with it. */
  readonly ownedBy: string;
  /** That caller's own credential, sealed; empty where the server has one, and once it has ended. */
  readonly sealedToken: string;
  readonly phase: BulkPhase;
  readonly isPaused: boolean;
  /** True once the delete of one of its engagements was begun. */
  readonly hasBegun: boolean;
  /** How often it was resumed. */
  readonly resumes: number;
  /** Why it does not go on, or waits: a sentence for its callers. */
  readonly trouble: string | null;
  /** How many engagements are in it, as far as they are known. */
  readonly total: number;
  /** How many pages they fill. */
  readonly pageCount: number;
  /** How many have come to an end. */
  readonly done: number;
  /** True when the filter is resolved to its end. */
  readonly isListed: boolean;
  /** True when upstream left something out of the list, however often it was asked. */
  readonly isPartial: boolean;
  /** Upstream's cursor of the next page of the list; null for the first. */
  readonly cursor: string | null;
  readonly outcomes: Readonly<Partial<Record<BulkOutcome, number>>>;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

/** An engagement that was not, or not surely, deleted. */
export interface BulkFailure extends BulkItem {
  readonly result: DeleteEngagementError;
}

const ended: ReadonlySet<BulkPhase> = new Set(['CANCELLED', 'COMPLETED', 'FAILED']);

/** True when nothing will change any more. */
export function hasEnded({ phase }: Pick<BulkJob, 'phase'>): boolean {
  return ended.has(phase);
}

/** The state of a bulk delete as its callers see it. */
export function stateOf(job: BulkJob): BulkState {
  return job.isPaused && !hasEnded(job) ? 'PAUSED' : job.phase;
}
