import { z } from 'zod';
import type { EngagementFilter, EngagementType } from '../engagement/input.ts';
import type { DeleteEngagementError, DeleteOutcome } from '../engagement/result.ts';

/** How many engagements one bulk delete may name by their ids. */
export const maxIds = 5_000;

/** How many engagements a page has: what is stored, deleted, and passed from worker to worker together. */
export const pageSize = 100;

/** One engagement of a bulk delete. */
export interface BulkItem {
  readonly id: string;
  readonly engagementType: EngagementType | null;
}

const range = z.object({ gt: z.coerce.date().nullish(), lt: z.coerce.date().nullish() }).nullish();

const input = z
  .object({
    integratedAccountId: z.string(),
    /** Which; absent when they were named by their ids. In JSON, dates are texts. */
    filter: z
      .looseObject({ createdAt: range, updatedAt: range, startTime: range, endTime: range })
      .transform((filter) => filter as EngagementFilter)
      .optional(),
    /** Count and list; delete nothing. */
    dryRun: z.boolean(),
    /** Keep each record before it is deleted; do not delete what cannot be kept. */
    snapshot: z.boolean(),
  })
  .readonly();

/** What a bulk delete is started with. */
export type BulkInput = z.infer<typeof input>;

/**
 * `LISTING`: the filter is being resolved. `CANCELLING`: what was sent is brought to its end. `FAILED`: it cannot go on; most often the
 * list could not be read.
 */
const phase = z.enum(['LISTING', 'DELETING', 'CANCELLING', 'CANCELLED', 'COMPLETED', 'FAILED']);

/** The state of a bulk delete as its callers see it: its phase, unless it is paused. */
export type BulkState = z.infer<typeof phase> | 'PAUSED';

/** What one engagement of a bulk delete came to, once and for all. */
export type BulkOutcome = DeleteOutcome | DeleteEngagementError['kind'];

const flag = z
  .string()
  .optional()
  .transform((text) => text === '1');
const moment = z.coerce.number().transform((ms) => new Date(ms));

/** A job's hash in Redis. */
const hash = z.object({
  id: z.string(),
  input: z
    .string()
    .transform((text) => JSON.parse(text))
    .pipe(input),
  /** Who started it. */
  callerId: z.string(),
  /** The queue of its tasks: what a server must have that works on it. */
  needs: z.string(),
  /** Whose jobs are counted together with it: its caller's in its account. */
  ownerId: z.string(),
  /** What it was started with, to tell a repetition from another. */
  fingerprint: z.string(),
  /** The caller's own credential, sealed; empty where the server has one, and once it has ended. */
  sealedToken: z.string(),
  phase,
  isPaused: flag,
  /** True once the delete of one of its engagements was begun. */
  hasBegun: flag,
  /** How often it was resumed. */
  resumes: z.coerce.number().default(0),
  /** Why it does not go on, or waits: a sentence for its callers. */
  trouble: z.string().nullable().default(null),
  /** Why no server works on it: that comes first. */
  unserved: z.string().optional(),
  /** How many engagements are in it, as far as they are known. */
  total: z.coerce.number(),
  /** How many pages they fill. */
  pageCount: z.coerce.number(),
  /** How many have come to an end. */
  done: z.coerce.number(),
  /** True when upstream left something out of the list, however often it was asked. */
  isPartial: flag,
  /** Upstream's cursor of the next page of the list; null for the first. */
  cursor: z
    .string()
    .optional()
    .transform((cursor) => cursor || null),
  createdAt: moment,
  endedAt: moment.nullable().default(null),
});

/** A bulk delete, as it is now. */
export interface BulkJob extends Readonly<z.infer<typeof hash>> {
  readonly outcomes: Readonly<Partial<Record<BulkOutcome, number>>>;
}

/** An engagement that was not, or not surely, deleted. */
export interface BulkFailure extends BulkItem {
  readonly result: DeleteEngagementError;
}

const outcomePrefix = 'outcome:';

/** Reads a job's hash in Redis; null for one that is not there. */
export function readJob(fields: Readonly<Record<string, string>>): BulkJob | null {
  if (fields.phase === undefined) return null;
  const job = hash.parse(fields);
  const outcomes = Object.entries(fields)
    .filter(([name]) => name.startsWith(outcomePrefix))
    .map(([name, count]) => [name.slice(outcomePrefix.length), Number(count)]);
  return { ...job, trouble: job.unserved ?? job.trouble, outcomes: Object.fromEntries(outcomes) };
}

/** True when nothing will change any more. */
export function hasEnded({ phase }: Pick<BulkJob, 'phase'>): boolean {
  return phase === 'CANCELLED' || phase === 'COMPLETED' || phase === 'FAILED';
}

/** The state of a bulk delete as its callers see it. */
export function stateOf(job: BulkJob): BulkState {
  return job.isPaused && !hasEnded(job) ? 'PAUSED' : job.phase;
}
