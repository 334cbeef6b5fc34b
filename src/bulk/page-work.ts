import type { Caller } from '../engagement/account.ts';
import type { BulkItem, BulkJob } from './job.ts';
import type { PageLease } from './job-store.ts';
import type { Obstacle } from './obstacle.ts';

/** A page that is held, and the job it is of. */
export interface HeldPage {
  readonly job: BulkJob;
  readonly lease: PageLease;
}

/** A page's work, and who it is for. */
export interface PageWork extends HeldPage {
  readonly caller: Caller;
  /**
   * True when upstream has answered a list since this work began, so that a read that fails now may be its record's own fault. False when
   * it did not; undefined when nothing has failed before, so that nobody asked.
   */
  readonly isAnswering: boolean | undefined;
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
  /** How often its record could not be read, to be kept. */
  readonly failedReads: number;
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
  /** Its record cannot be read, and so cannot be kept: read it later. */
  | 'unread'
  /** Nothing can be done about it now. */
  | Obstacle;
