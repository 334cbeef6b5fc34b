import type { Caller } from '../engagement/access.ts';
import type { BulkItem, BulkJob } from './job.ts';
import type { PageLease } from './job-store.ts';
import type { Obstacle } from './obstacle.ts';

/** A page's work, and who it is for. */
export interface PageWork {
  readonly job: BulkJob;
  readonly lease: PageLease;
  readonly caller: Caller;
}

/** An item that has no final outcome yet. */
export interface PendingItem {
  readonly index: number;
  readonly item: BulkItem;
  /** It may have been sent. */
  readonly isBegun: boolean;
  /** Its record is kept. */
  readonly isKept: boolean;
  /** How often what became of it was looked for, in vain. */
  readonly looks: number;
  /** How many of its delete's attempts upstream has answered. */
  readonly answerCount: number;
}

/** How the work on one item ended. */
export type ItemEnd =
  /** It has its final outcome, or will have none: nothing was deleted, and its job is cancelled. */
  | 'finished'
  /** The job is at an end, or the page somebody else's: go no further. */
  | 'stopped'
  /** Nobody knows what became of it: look later. */
  | 'unknown'
  /** Nothing can be done about it now. */
  | Obstacle;
