import type { AuditEvent } from '../engagement/delete/audit.ts';
import { deleteEngagement, idempotencyKeyFor } from '../engagement/delete/delete-engagement.ts';
import type { DeleteEngagementInput } from '../engagement/input.ts';
import { readAfterDelete, type SeenAfterDelete } from '../engagement/read.ts';
import type { Selection } from '../engagement/record.ts';
import type { DeleteEnd, DeleteEngagementError } from '../engagement/result.ts';
import { finishFailed, finishGone, type Trail } from './finish-item.ts';
import type { BulkItem, BulkJob } from './job.ts';
import { findObstacle } from './obstacle.ts';
import type { PagePorts } from './page-ports.ts';
import type { HeldPage, ItemEnd, PageWork, PendingItem } from './page-work.ts';

/** Nobody looks at what a bulk delete's answers hold. */
const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

/** A refusal is believed of an engagement that may have been deleted before when it was still there so often. */
const confirmations = 2;

function inputOf({ input }: BulkJob, { id, engagementType }: BulkItem): DeleteEngagementInput {
  return { id, integratedAccountId: input.integratedAccountId, format: 'unified', engagementType };
}

/** What is the same whoever deletes it, and whenever: the key upstream is made of it. */
function optionsFor({ index }: PendingItem, { job, lease }: HeldPage) {
  const callerKey = [`bulk ${job.id}`, `${lease.page}.${index}`] as const;
  return { selection: nothing, dryRun: false, snapshot: false, callerKey };
}

/** Deletes it, unless the time for that is over; and what is to be said of that when it has its end. */
async function deleteItem(
  pending: PendingItem,
  work: PageWork,
  deadlineAt: number,
  { send, findAccountIntegration, isStopping, store }: PagePorts,
): Promise<{ readonly result: DeleteEnd; readonly trail: Trail | undefined }> {
  let trail: AuditEvent | undefined;
  const answered = { count: pending.answerCount };
  const times = { deadlineAt, hasCallerLeft: isStopping };
  const options = { ...optionsFor(pending, work), caller: work.caller, answered, ...times };
  try {
    const result = await deleteEngagement(inputOf(work.job, pending.item), options, {
      send,
      findAccountIntegration,
      recordDelete(event) {
        trail = event;
      },
      recordRepetition: () => {},
    });
    return { result, trail };
  } finally {
    // The next try, in any process, must not get these attempts' answers from upstream's memory.
    if (trail?.idempotencyKey && trail.result !== 'DeleteEngagementSuccess')
      await store.noteSent(work.lease, pending.index, answered.count, trail.idempotencyKey);
  }
}

/** What a read showed of an engagement that can be read. */
type Seen = Exclude<SeenAfterDelete['kind'], 'MarkedDeleted'>;

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

/**
 * What the delete of an engagement came to: most of it is final. Of one that may have been sent before, a refusal says nothing:
 * it stays begun, until it was seen to be there often enough; and what is gone, after it was seen, is gone by an attempt of ours.
 * @param seen what a read before showed; undefined for one that was not sent before.
 */
async function conclude(
  { result, trail }: Awaited<ReturnType<typeof deleteItem>>,
  pending: PendingItem,
  seen: Seen | undefined,
  work: PageWork,
  ports: PagePorts,
): Promise<ItemEnd> {
  if (result.kind === 'OutcomeUnknownError') return 'unknown';
  if (result.kind === 'DeleteEngagementPlan') throw new Error('a plan of no dry run');
  if (result.kind === 'DeleteEngagementSuccess') {
    await finishGone(pending, work, result.outcome, ports, trail);
    return 'finished';
  }
  const obstacle = await findObstacle(result, work.job, work.caller, ports);
  const wasBegun = seen !== undefined;
  if (obstacle || result.kind === 'Unauthenticated') {
    if (!wasBegun) await ports.store.release(work.lease, pending.index);
    return obstacle ?? { kind: 'paused' };
  }
  if (wasBegun && result.kind === 'NotFoundError') await finishGone(pending, work, 'ALREADY_ABSENT', ports, trail);
  else if (wasBegun && (seen === 'Unproven' || pending.looks < confirmations)) return 'unknown';
  else await finishFailed(pending, work, withWayOut(result, pending, work), ports, trail);
  return 'finished';
}

/**
 * Reads what may have been deleted: by now whoever sent it has given it up. What can be read has to be deleted again: where
 * deleted ones can be read too, that does no harm.
 */
async function settle(
  pending: PendingItem,
  work: PageWork,
  deadlineAt: number,
  ports: PagePorts,
): Promise<ItemEnd | Seen> {
  const { job, caller } = work;
  const key = { ...pending.item, integratedAccountId: job.input.integratedAccountId };
  const found = await readAfterDelete(key, { caller, deadlineAt, hasCallerLeft: ports.isStopping }, ports);
  if (found.kind === 'There' || found.kind === 'Unproven') return found.kind;
  if (found.kind === 'MarkedDeleted') {
    await finishGone(pending, work, 'ALREADY_ABSENT', ports);
    return 'finished';
  }
  // While upstream answers other requests, that this one cannot be read is a look at it.
  if (found.kind === 'UpstreamUnavailableError' && found.wasSent && work.isAnswering) return 'unknown';
  // That a limit or an outage keeps it from being read is no look.
  const obstacle = await findObstacle(found, job, caller, ports);
  if (obstacle) return obstacle;
  if (found.kind !== 'NotFoundError') return 'unknown';
  await finishGone(pending, work, 'ALREADY_ABSENT', ports);
  return 'finished';
}

/**
 * Brings one engagement of a bulk delete to its end, or says why not now. One that may have been sent before is read first:
 * if it is gone, that is its end; if not, it is deleted again, under the same key. If the job is cancelled, its outcome is unknown then.
 */
export async function runItem(pending: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd> {
  const { lease } = work;
  const { index } = pending;
  // From before it is begun: a process that was frozen in between must not send what others have settled since.
  const deadlineAt = performance.now() + ports.requestTimeoutMs;
  const begun = await ports.store.begin(lease, index);
  if (begun === 'done') return 'finished';
  if (begun === 'paused') return { kind: 'paused' };
  if (begun === 'stopped' || begun === 'lost') return 'stopped';
  const wasBegun = begun !== 'first';
  const settled = wasBegun ? await settle(pending, work, deadlineAt, ports) : undefined;
  if (settled !== undefined && settled !== 'There' && settled !== 'Unproven') {
    // A cancelled job must end, also during an outage or a limit: each time counts as a look.
    return begun === 'cancelled' && typeof settled === 'object' ? 'unknown' : settled;
  }
  if (begun === 'cancelled') {
    // It may be carried out late.
    if (pending.looks < confirmations) return 'unknown';
    await giveUp(pending, work, ports, whyCancelled[settled ?? 'Unproven']);
    return 'finished';
  }
  return conclude(await deleteItem(pending, work, deadlineAt, ports), pending, settled, work, ports);
}

const whyUnknown =
  'Its delete was sent, and no later request has shown what became of it, so it may or may not be deleted.';

const afterCancel = 'Its delete was sent without a clear answer, and not again, since the bulk delete was cancelled.';

/** What can be said of an engagement that can be read after its bulk delete was cancelled. */
const whyCancelled: Readonly<Record<Seen, string>> = {
  There: `${afterCancel} It could still be read afterwards, so it is most likely not deleted.`,
  Unproven: `${afterCancel} It can still be read, but so can deleted ones in some integrations, so it may or may not be deleted.`,
};

/**
 * The end of an item of which nobody can say what became of it, after all that was tried.
 * @param why what is known, in sentences.
 */
export async function giveUp(pending: PendingItem, work: HeldPage, ports: PagePorts, why = whyUnknown): Promise<void> {
  const message = `${why} Delete it again: a NotFoundError then means that it is gone.`;
  const states = await ports.store.readStates(work.job.id, work.lease.page);
  const options = { ...optionsFor(pending, work), caller: { id: work.job.callerId } };
  const key = idempotencyKeyFor(inputOf(work.job, pending.item), options, pending.answerCount);
  const idempotencyKey = states[`key:${pending.index}`] ?? key;
  const unknown = { idempotencyKey, retrySafe: true, lastStatusCode: null, engagement: null };
  await finishFailed(pending, work, { kind: 'OutcomeUnknownError', message, ...unknown }, ports);
}
