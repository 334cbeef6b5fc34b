import { z } from 'zod';
import type { EngagementFilter, EngagementType } from '../engagement/input.ts';
import type { DeleteEngagementError, DeleteOutcome } from '../engagement/result.ts';
import type { LinePosition } from './undo-files.ts';

/** The most ids of one bulk delete. */
export const maxIds = 5_000;
/** The most lines that a request to restore may have. A request's own bounds are 256 KiB and 10,000 values. */
export const maxLines = 100;
/** How many engagements a page has. A page is stored, leased and deleted as a whole. */
export const pageSize = 100;

/** One engagement of a bulk delete or restore. */
export interface BulkItem {
  /** Of a restore: the old id. Empty for a line that cannot be read. */
  readonly id: string;
  readonly engagementType: EngagementType | null;
  readonly source?: RestoreSource;
}

/** Where the record of an engagement is that is to be restored: in a file of the undo store, or here. */
export interface RestoreSource {
  readonly file?: string;
  readonly position?: LinePosition;
  /** The line itself, if the caller gave it. */
  readonly line?: string;
  /** The type as the record has it, normalized, if that is not a documented one. */
  readonly rawType?: string;
  /** Why it cannot be restored: a sentence for callers. */
  readonly refusal?: string;
}

const range = z.object({ gt: z.coerce.date().nullish(), lt: z.coerce.date().nullish() }).nullish();

const input = z
  .object({
    integratedAccountId: z.string(),
    /** The filter; absent when the input had ids. In JSON, dates are strings. */
    filter: z
      .looseObject({ createdAt: range, updatedAt: range, startTime: range, endTime: range })
      .transform((filter) => filter as EngagementFilter)
      .optional(),
    dryRun: z.boolean(),
    /** Store each record before its delete. An engagement without a stored record is not deleted. */
    snapshot: z.boolean(),
    /** For a restore: the bulk delete whose undo files are read. Without `jobId`, the lines are in the pages. */
    restore: z.object({ jobId: z.string().optional() }).readonly().optional(),
  })
  .readonly();

/** The stored input of a bulk delete or restore. */
export type BulkInput = z.infer<typeof input>;

/**
 * `LISTING`: the filter is being resolved, or the undo files are read. `DELETING`: its pages are worked on, also those of a restore.
 * `CANCELLING`: deletes in flight are reconciled. `FAILED`: it cannot continue; in most cases the list could not be read.
 */
const phase = z.enum(['LISTING', 'DELETING', 'CANCELLING', 'CANCELLED', 'COMPLETED', 'FAILED']);

/** The state that callers see: the phase, unless the bulk delete is paused. */
export type BulkState = z.infer<typeof phase> | 'PAUSED';

/** How far a restore is. */
export type BulkRestoreState = Exclude<BulkState, 'DELETING'> | 'RESTORING';

/** Why a bulk delete is paused, for operators: its caller paused it, or a server that could not continue. */
export const pauseReasons = [
  'CALLER',
  'UNAUTHENTICATED',
  'TOKEN_UNREADABLE',
  'INTEGRATED_ACCOUNT_NOT_FOUND',
  'ACCOUNT_NEEDS_REAUTH',
  'ACCOUNT_BLOCKED',
] as const;

/** One of {@link pauseReasons}. */
export type PauseReason = (typeof pauseReasons)[number];

/** The bulk deletes of all servers that have not ended. `oldestAgeMs`: since the start of the oldest that is not paused; 0 without one. */
export interface UnfinishedJobs {
  readonly oldestAgeMs: number;
  readonly paused: Readonly<Partial<Record<PauseReason, number>>>;
}

/** The final outcome of one engagement, as it is stored. Callers see a name of {@link finalOutcomes}. */
export type BulkOutcome = DeleteOutcome | DeleteEngagementError['kind'];

const flag = z
  .string()
  .optional()
  .transform((text) => text === '1');
const moment = z.coerce.number().transform((ms) => new Date(ms));

/** The final outcomes of engagements that a bulk delete has worked on. */
export const finalOutcomes = ['DELETED', 'ACCEPTED', 'ALREADY_ABSENT', 'NOT_FOUND', 'FAILED', 'UNKNOWN'] as const;

/** The state of one engagement, as callers see it. */
export type ItemOutcome =
  | ('WAITING' | 'KEEPING' | 'IN_PROGRESS' | 'PLANNED' | 'SKIPPED')
  | (typeof finalOutcomes)[number];

/** A job's hash in Redis. */
const hash = z.object({
  id: z.string(),
  input: z
    .string()
    .transform((text) => JSON.parse(text))
    .pipe(input),
  callerId: z.string(),
  /** Empty when unknown. */
  integration: z.string().default(''),
  /** The name of its queue: the settings that a server needs to work on it. */
  needs: z.string(),
  /** The owner whose limits it counts against: its caller in its account. */
  ownerId: z.string(),
  /** A digest of its input. With the same idempotency key, another fingerprint is refused. */
  fingerprint: z.string(),
  /** The caller's sealed credential; empty when the server sends its own, and after the end. */
  sealedToken: z.string(),
  phase,
  isPaused: flag,
  hasBegun: flag,
  resumes: z.coerce.number().default(0),
  /** When it began to delete, or was last resumed: its rate is measured since then. */
  activeSince: moment.optional(),
  /** Why it waits, is paused or has failed: a sentence for callers. */
  statusReason: z.string().nullable().default(null),
  /** Why no server works on it. Callers see this instead of `statusReason`. */
  unserved: z.string().optional(),
  total: z.coerce.number(),
  pageCount: z.coerce.number(),
  done: z.coerce.number(),
  /** How many engagements are begun and have no final outcome. */
  open: z.coerce.number().default(0),
  keptCount: z.coerce.number().default(0),
  /** True when upstream left something out of the list, also after retries. */
  isPartial: flag,
  /** Upstream's cursor of the next page of the list; null for the first. */
  cursor: z
    .string()
    .optional()
    .transform((cursor) => cursor || null),
  createdAt: moment,
  endedAt: moment.nullable().default(null),
  /** How many engagements Truto's events have settled, and when the last. */
  settledCount: z.coerce.number().default(0),
  settledAt: moment.optional(),
  /** When the pages expire that it did not reach, if it ended early. */
  unreachedUntil: moment.optional(),
});

/** A bulk delete or restore, as stored. */
export interface BulkJob extends Readonly<z.infer<typeof hash>> {
  readonly outcomes: Readonly<Partial<Record<BulkOutcome | RestoreOutcome, number>>>;
}

/** An engagement that is not deleted, or perhaps is not. */
export interface BulkFailure extends BulkItem {
  readonly result: DeleteEngagementError;
}

/** The state of one engagement of a restore, as callers see it. Those before `PLANNED` are not final. */
const restoreOutcomes = [
  ...(['WAITING', 'IN_PROGRESS', 'PLANNED', 'SKIPPED', 'RESTORED', 'ALREADY_RESTORED'] as const),
  ...(['STILL_EXISTS', 'MAY_BE_RESTORED', 'FAILED'] as const),
];

/** One of {@link restoreOutcomes}. */
export type RestoreOutcome = (typeof restoreOutcomes)[number];

/** The end of one restore. */
export interface RestoredItem extends BulkItem {
  readonly outcome: RestoreOutcome;
  readonly newId?: string | undefined;
  /** The fields of the old record that a create cannot write, and those that the new record does not show as they were sent. */
  readonly lost?: readonly string[] | undefined;
  readonly unconfirmed?: readonly string[] | undefined;
  /** Why it is not restored, or what to look at. */
  readonly messages?: readonly string[];
}

/** Reads a job's hash from Redis; null when it does not exist. */
export function readJob(fields: Readonly<Record<string, string>>): BulkJob | null {
  if (fields.phase === undefined) return null;
  const job = hash.parse(fields);
  const outcomes = Object.entries(fields).flatMap(([name, count]) => {
    const outcome = /^outcome:(.+)$/.exec(name)?.[1];
    return outcome === undefined ? [] : [[outcome, Number(count)]];
  });
  return { ...job, statusReason: job.unserved ?? job.statusReason, outcomes: Object.fromEntries(outcomes) };
}

/** The state of an engagement: its outcome, `begun`, or `keeping` while its record is stored or being stored. Undefined while it waits. */
export const itemStateOf = (states: Readonly<Record<string, string>>, index: number): string | undefined =>
  states[index] ?? (states[`kept:${index}`] === undefined ? undefined : 'keeping');

/** The id of a bulk delete or restore, for a line of the log. */
export const loggedId = ({ id, input }: BulkJob): Readonly<Record<string, string>> => ({
  [input.restore ? 'bulkRestoreId' : 'bulkDeleteId']: id,
});

/** True when the bulk delete is final. */
export const hasEnded = ({ phase }: Pick<BulkJob, 'phase'>): boolean =>
  phase === 'CANCELLED' || phase === 'COMPLETED' || phase === 'FAILED';

/** The state that callers see. */
export const stateOf = (job: BulkJob): BulkState => (job.isPaused && !hasEnded(job) ? 'PAUSED' : job.phase);

const outcomeNames: Readonly<Record<string, ItemOutcome>> = {
  keeping: 'KEEPING',
  begun: 'IN_PROGRESS',
  DELETED: 'DELETED',
  ACCEPTED: 'ACCEPTED',
  ALREADY_ABSENT: 'ALREADY_ABSENT',
  NotFoundError: 'NOT_FOUND',
  OutcomeUnknownError: 'UNKNOWN',
};

/** The name that callers see of a final outcome. */
export function finalOutcome(outcome: string): (typeof finalOutcomes)[number] {
  return finalOutcomes.find((name) => name === outcomeNames[outcome]) ?? 'FAILED';
}

/** The outcome of an engagement by {@link itemStateOf}. After the end, a begun one stays unknown, and one that was not begun was skipped. */
export function outcomeOf(state: string | undefined, job: BulkJob): ItemOutcome {
  const isOver = hasEnded(job);
  if (state === undefined || (isOver && state === 'keeping'))
    return !isOver ? 'WAITING' : job.input.dryRun ? 'PLANNED' : 'SKIPPED';
  return isOver && state === 'begun' ? 'UNKNOWN' : (outcomeNames[state] ?? 'FAILED');
}

/** How many engagements have each state, which is undefined for those that wait. */
function statesIn({ outcomes, total, done, open }: BulkJob): readonly (readonly [string | undefined, number])[] {
  return [...Object.entries(outcomes), ['begun', open], [undefined, total - done - open]];
}

/** How many engagements have each outcome. Those with none of it are left out. */
export function countOutcomes(job: BulkJob): Readonly<Partial<Record<ItemOutcome, number>>> {
  const counts: Partial<Record<ItemOutcome, number>> = {};
  for (const [state, count] of statesIn(job)) {
    const outcome = outcomeOf(state, job);
    if (count > 0) counts[outcome] = (counts[outcome] ?? 0) + count;
  }
  return counts;
}

/** The outcome of an engagement of a restore, by its state. */
export function restoreOutcomeOf(state: string | undefined, job: BulkJob): RestoreOutcome {
  if (state === undefined) return hasEnded(job) ? 'SKIPPED' : 'WAITING';
  if (state === 'begun') return hasEnded(job) ? 'MAY_BE_RESTORED' : 'IN_PROGRESS';
  return restoreOutcomes.find((outcome) => outcome === state) ?? 'FAILED';
}

/** How many engagements of a restore have each outcome. */
export function countRestores(job: BulkJob): Readonly<Record<RestoreOutcome, number>> {
  const counts = Object.fromEntries(restoreOutcomes.map((name) => [name, 0])) as Record<RestoreOutcome, number>;
  for (const [state, count] of statesIn(job)) counts[restoreOutcomeOf(state, job)] += count;
  return counts;
}
