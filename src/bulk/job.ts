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

/** The bulk deletes of all servers that have not ended. `oldestAgeMs`: since the start of the oldest that is not paused; 0 without one. */
export interface UnfinishedJobs {
  readonly oldestAgeMs: number;
  readonly paused: Readonly<Partial<Record<(typeof pauseReasons)[number], number>>>;
}

const flag = z
  .string()
  .optional()
  .transform((text) => text === '1');
const moment = z.coerce.number().transform((ms) => new Date(ms));

/** The final outcomes of engagements that a bulk delete has worked on. */
export const finalOutcomes = ['DELETED', 'ACCEPTED', 'ALREADY_ABSENT', 'NOT_FOUND', 'FAILED', 'UNKNOWN'] as const;

/** The final outcomes of engagements that a restore has worked on. They are stored under these names. */
const restoreEnds = ['PLANNED', 'RESTORED', 'ALREADY_RESTORED', 'STILL_EXISTS', 'MAY_BE_RESTORED', 'FAILED'] as const;

/** The state of one engagement of a bulk delete, as callers see it. */
export type BulkDeleteOutcome =
  | ('WAITING' | 'KEEPING' | 'IN_PROGRESS' | 'PLANNED' | 'SKIPPED')
  | (typeof finalOutcomes)[number];

/** The state of one engagement of a restore, as callers see it. */
export type BulkRestoreOutcome = 'WAITING' | 'IN_PROGRESS' | 'SKIPPED' | (typeof restoreEnds)[number];

/** The state of one engagement, as callers see it. */
export type ItemOutcome = BulkDeleteOutcome | BulkRestoreOutcome;

/** The final outcome of one engagement, as it is stored. */
export type StoredOutcome = DeleteOutcome | DeleteEngagementError['kind'] | (typeof restoreEnds)[number];

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
  readonly outcomes: Readonly<Partial<Record<StoredOutcome, number>>>;
}

/** An engagement that is not deleted, or perhaps is not. */
export interface BulkFailure extends BulkItem {
  readonly result: DeleteEngagementError;
}

/** An engagement as callers see it. Of a restore, also how it ended: the lists are empty before, and for a bulk delete. */
export interface ShownItem extends BulkItem {
  readonly outcome: ItemOutcome;
  readonly newId?: string | undefined;
  /** The fields of the old record that a create cannot write, and those that the new record does not show as they were sent. */
  readonly lost: readonly string[];
  readonly unconfirmed: readonly string[];
  /** Why it is not restored, or what to look at. */
  readonly messages: readonly string[];
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

/** The id of a bulk delete or restore, for a line of the log and for an error. */
export const loggedId = ({ id, input }: Pick<BulkJob, 'id' | 'input'>): Readonly<Record<string, string>> => ({
  [input.restore ? 'bulkRestoreId' : 'bulkDeleteId']: id,
});

/** True when the bulk delete is final. */
export const hasEnded = ({ phase }: Pick<BulkJob, 'phase'>): boolean =>
  phase === 'CANCELLED' || phase === 'COMPLETED' || phase === 'FAILED';

/** The state that callers see. */
export const stateOf = (job: BulkJob): BulkState => (job.isPaused && !hasEnded(job) ? 'PAUSED' : job.phase);

const outcomeNames: Readonly<Record<string, ItemOutcome>> = {
  ...Object.fromEntries([...finalOutcomes, ...restoreEnds].map((name) => [name, name])),
  ...{ keeping: 'KEEPING', begun: 'IN_PROGRESS', NotFoundError: 'NOT_FOUND', OutcomeUnknownError: 'UNKNOWN' },
};

/** The name that callers see of a final outcome. */
export function finalOutcome(outcome: string): (typeof finalOutcomes)[number] {
  return finalOutcomes.find((name) => name === outcomeNames[outcome]) ?? 'FAILED';
}

/** The outcome of an engagement by {@link itemStateOf}. After the end, a begun one stays unknown, and one that was not begun was skipped. */
export function outcomeOf(state: string | undefined, job: BulkJob): ItemOutcome {
  const isOver = hasEnded(job);
  const { dryRun, restore } = job.input;
  if (state === undefined || (isOver && state === 'keeping'))
    return !isOver ? 'WAITING' : dryRun && !restore ? 'PLANNED' : 'SKIPPED';
  if (isOver && state === 'begun') return restore ? 'MAY_BE_RESTORED' : 'UNKNOWN';
  return outcomeNames[state] ?? 'FAILED';
}

/** How many engagements have each outcome. Those with none of it are left out. */
export function countOutcomes(job: BulkJob): Readonly<Partial<Record<ItemOutcome, number>>> {
  const counts: Partial<Record<ItemOutcome, number>> = {};
  const { outcomes, total, done, open } = job;
  const waiting = [undefined, total - done - open] as const;
  for (const [state, count] of [...Object.entries(outcomes), ['begun', open] as const, waiting]) {
    const outcome = outcomeOf(state, job);
    if (count > 0) counts[outcome] = (counts[outcome] ?? 0) + count;
  }
  return counts;
}
