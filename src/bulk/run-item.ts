import type { AuditEvent } from '../engagement/delete/audit.ts';
import { deleteEngagement, idempotencyKeyFor } from '../engagement/delete/delete-engagement.ts';
import { readAfterDelete } from '../engagement/read.ts';
import type { Selection } from '../engagement/record.ts';
import { type DeleteEngagementError, type DeleteOutcome, withoutRecord } from '../engagement/result.ts';
import type { BulkItem } from './job.ts';
import type { PageLease } from './job-store.ts';
import { boundsOf, findObstacle, type JobWork, type Obstacle } from './work.ts';

/** The work on a page, and who it is for. */
export interface PageWork extends JobWork {
  readonly lease: PageLease;
  /** Whether upstream answers lists, so that a read that fails may be its record's own fault; undefined when nothing had failed before. */
  readonly isAnswering: boolean | undefined;
}

/** A page that is held, also by a server that cannot open the token of its job. */
export type HeldPage = Omit<PageWork, 'caller'>;

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

/**
 * How the work on one item ended. `stopped`: its job has ended, or another server has the page. `unknown`: nobody knows what became of it.
 * `unread`: its record cannot be read, and so cannot be kept. An obstacle: nothing can be done about it now.
 */
export type ItemEnd = 'finished' | 'stopped' | 'unknown' | 'unread' | Obstacle;

/** Callers see nothing of what upstream answers to a bulk delete. */
const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

/** How often an engagement that may have been deleted must be seen before a refusal of another delete is believed. */
const confirmations = 2;

const noTrail = { integration: null, attempts: 0, upstreamIdempotencyKey: null, durationMs: 0 };

/** What is the same whoever deletes it, and whenever: its `Idempotency-Key` upstream is made of it. */
function deleteOf({ item, index }: PendingItem, { job, lease }: HeldPage) {
  const { integratedAccountId } = job.input;
  const callerKey = [`bulk ${job.id}`, `${lease.page}.${index}`] as const;
  return {
    input: { ...item, integratedAccountId, format: 'unified' as const },
    options: { selection: nothing, dryRun: false, snapshot: false, callerKey },
  };
}

/** Writes down how an engagement is gone, or why it is not, or not surely, gone: once and for all, with its one line in the log. */
export async function finish(
  { item, index }: PendingItem,
  { job, lease, store, recordDelete }: HeldPage,
  end: DeleteOutcome | DeleteEngagementError,
  trail: AuditEvent | typeof noTrail = noTrail,
): Promise<'finished'> {
  const [outcome, ended] =
    typeof end === 'string'
      ? [end, { result: 'DeleteEngagementSuccess', detail: end }]
      : [end.kind, { result: end.kind, detail: end.message }];
  const failure =
    typeof end === 'string' ? undefined : { ...item, result: withoutRecord(end, 'Its content is not kept.') };
  // Two processes may come to it, and one of them writes it down.
  if (await store.finish(lease, index, outcome, failure)) {
    const { integratedAccountId } = job.input;
    const where = { callerId: job.callerId, integratedAccountId, engagementId: item.id, bulkDeleteId: job.id };
    // The trail has an end of its own: of an attempt that found nothing, when an earlier one had deleted it.
    recordDelete({ ...where, ...trail, ...ended });
  }
  return 'finished';
}

/** A list that does not say which kind an engagement is leaves nothing to delete it by where that is required. */
function withWayOut(result: DeleteEngagementError, { item }: PendingItem, { job }: PageWork): DeleteEngagementError {
  const isTypeMissing =
    result.kind === 'InvalidInputError' &&
    job.input.filter !== undefined &&
    item.engagementType === null &&
    result.issues.some(({ path }) => path[0] === 'engagementType');
  if (!isTypeMissing) return result;
  const message = `${result.message} The list did not say which kind it is: find that out, and delete it by its id, with engagementType.`;
  return { ...result, message };
}

/** What a read shows of an engagement that may have been deleted and can be read. */
type Seen = 'There' | 'Unproven';

/**
 * Deletes an engagement. If it may have been sent before (`seen`), a refusal proves nothing until a read has shown it often enough; and a
 * `NotFoundError` means that an earlier attempt deleted it.
 */
async function remove(
  pending: PendingItem,
  seen: Seen | undefined,
  work: PageWork,
  bounds: ReturnType<typeof boundsOf>,
): Promise<ItemEnd> {
  const { lease, store, caller } = work;
  const { input, options } = deleteOf(pending, work);
  const answered = { count: pending.answerCount };
  let trail: AuditEvent | undefined;
  const recordDelete = (event: AuditEvent) => {
    trail = event;
  };
  const ports = { ...work, recordDelete, recordRepetition: () => {} };
  const result = await deleteEngagement(input, { ...options, ...bounds, caller, answered }, ports).finally(async () => {
    // The next try, in any process, must not get these attempts' answers from upstream's memory.
    if (trail?.upstreamIdempotencyKey && trail.result !== 'DeleteEngagementSuccess')
      await store.noteSent(lease, pending.index, answered.count, trail.upstreamIdempotencyKey);
  });
  if (result.kind === 'OutcomeUnknownError') return 'unknown';
  if (result.kind === 'DeleteEngagementPlan') throw new Error('a plan of no dry run');
  if (result.kind === 'DeleteEngagementSuccess') return finish(pending, work, result.outcome, trail);
  const obstacle = await findObstacle(result, work);
  if (obstacle || result.kind === 'Unauthenticated') {
    if (!seen) await store.release(lease, pending.index);
    return obstacle ?? 'paused';
  }
  if (seen && result.kind === 'NotFoundError') return finish(pending, work, 'ALREADY_ABSENT', trail);
  if (seen && (seen === 'Unproven' || pending.looks < confirmations)) return 'unknown';
  return finish(pending, work, withWayOut(result, pending, work), trail);
}

/** Reads what may have been deleted, now that its sender has given it up. What can be read has to be deleted again, which does no harm. */
async function settle(
  pending: PendingItem,
  work: PageWork,
  bounds: ReturnType<typeof boundsOf>,
): Promise<ItemEnd | Seen> {
  const { input } = deleteOf(pending, work);
  const found = await readAfterDelete(input, { caller: work.caller, ...bounds }, work);
  if (found.kind === 'There' || found.kind === 'Unproven') return found.kind;
  if (found.kind === 'MarkedDeleted') return finish(pending, work, 'ALREADY_ABSENT');
  // While upstream answers other requests, that this one cannot be read is a look at it.
  if (found.kind === 'UpstreamUnavailableError' && found.wasSent && work.isAnswering) return 'unknown';
  // That a limit or an outage keeps it from being read is no look.
  const obstacle = await findObstacle(found, work);
  if (obstacle) return obstacle;
  return found.kind === 'NotFoundError' ? finish(pending, work, 'ALREADY_ABSENT') : 'unknown';
}

/**
 * Brings one engagement to its outcome, or says why not now. One that may have been sent before is read first: if it is gone, that is its
 * outcome; if not, it is deleted again under the same key, or its outcome is unknown if the job is cancelled.
 */
export async function runItem(pending: PendingItem, work: PageWork): Promise<ItemEnd> {
  // From before it is begun: a process that was frozen in between must not send what others have settled since.
  const bounds = boundsOf(work);
  const begun = await work.store.begin(work.lease, pending.index);
  if (begun === 'done') return 'finished';
  if (begun === 'lost') return 'stopped';
  if (begun === 'paused' || begun === 'stopped') return begun;
  if (begun === 'first') return remove(pending, undefined, work, bounds);
  const seen = await settle(pending, work, bounds);
  if (seen !== 'There' && seen !== 'Unproven') {
    // A cancelled job must end, also during an outage or a limit: each time counts as a look.
    return begun === 'cancelled' && seen !== 'finished' ? 'unknown' : seen;
  }
  if (begun === 'again') return remove(pending, seen, work, bounds);
  // It may be carried out late.
  return pending.looks < confirmations ? 'unknown' : giveUp(pending, work, seen);
}

const afterCancel = 'Its delete was sent without a clear answer, and not again, since the bulk delete was cancelled.';

/** Why it is not known what became of an engagement: no read showed it, or it can be read after its bulk delete was cancelled. */
const whyUnknown = {
  Nothing: 'Its delete was sent, and no later request has shown what became of it, so it may or may not be deleted.',
  There: `${afterCancel} It could still be read afterwards, so it is most likely not deleted.`,
  Unproven: `${afterCancel} It can still be read, but so can deleted ones in some integrations, so it may or may not be deleted.`,
};

/** Ends an item of which nobody can say what became of it, after all that was tried. */
export async function giveUp(pending: PendingItem, work: HeldPage, seen: keyof typeof whyUnknown): Promise<'finished'> {
  const { input, options } = deleteOf(pending, work);
  const states = await work.store.readStates(work.job.id, work.lease.page);
  const key = idempotencyKeyFor(input, { ...options, caller: { id: work.job.callerId } }, pending.answerCount);
  return finish(pending, work, {
    kind: 'OutcomeUnknownError',
    message: `${whyUnknown[seen]} Delete it again: a NotFoundError then means that it is gone.`,
    ...{ upstreamIdempotencyKey: states[`key:${pending.index}`] ?? key, retrySafe: true },
    ...{ lastStatusCode: null, engagement: null },
  });
}
