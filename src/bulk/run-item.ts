import type { AuditEvent } from '../engagement/audit.ts';
import type { DeleteMemory } from '../engagement/delete-memory.ts';
import type { DeleteEngagementInput } from '../engagement/input.ts';
import { readEngagement } from '../engagement/read-engagements.ts';
import { deleteOnce, idempotencyKeyFor } from '../engagement/repeated-delete.ts';
import type { DeleteEngagementResult } from '../engagement/result.ts';
import type { Selection } from '../engagement/selection.ts';
import { finishFailed, finishGone, type Trail } from './finish-item.ts';
import type { BulkItem, BulkJob } from './job.ts';
import { findObstacle, pauseForError } from './obstacle.ts';
import type { PagePorts } from './page-ports.ts';
import type { ItemEnd, PageWork, PendingItem } from './page-work.ts';

/** Nobody looks at what a bulk delete's answers hold. */
const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

/** A refusal is believed of an engagement that may have been deleted before when it was still there so often. */
const looksToBelieve = 2;

function inputOf({ input }: BulkJob, { id, engagementType }: BulkItem): DeleteEngagementInput {
  return { id, integratedAccountId: input.integratedAccountId, format: 'unified', engagementType };
}

/** Remembers nothing: what is to be known of an item is in its page's states. */
function memoryOf(answered: { count: number }): DeleteMemory {
  return {
    async perform({ hasCallerLeft }, work) {
      const result = await work({ hasCallerLeft, earlier: undefined, isInDoubt: false, answered });
      return { kind: 'performed', result };
    },
  };
}

/** What is the same whoever deletes it, and whenever: the key upstream is made of it. */
function optionsFor({ index }: PendingItem, { job, lease, caller }: PageWork) {
  const callerKey = [`bulk ${job.id}`, `${lease.page}.${index}`] as const;
  return { caller, selection: nothing, dryRun: false, snapshot: false, callerKey };
}

/** Deletes it, unless the time for that is over; and what is to be said of that when it has its end. */
async function deleteItem(
  pending: PendingItem,
  work: PageWork,
  deadlineAt: number,
  { send, findAccountIntegration, isStopping, store }: PagePorts,
): Promise<{ readonly result: DeleteEngagementResult; readonly trail: Trail | undefined }> {
  let trail: AuditEvent | undefined;
  const options = { ...optionsFor(pending, work), deadlineAt, hasCallerLeft: isStopping };
  const answered = { count: pending.answerCount };
  try {
    const result = await deleteOnce(inputOf(work.job, pending.item), options, {
      ...{ send, findAccountIntegration, deleteMemory: memoryOf(answered) },
      recordDelete(event) {
        trail = event;
      },
      recordRepetition: () => {},
      // Without a snapshot there are none to read.
      readNote: () => Promise.reject(new Error('a note of no snapshot')),
    });
    return { result, trail };
  } finally {
    // The next try, in any process, must not get these attempts' answers from upstream's memory.
    if (trail?.idempotencyKey && trail.result !== 'DeleteEngagementSuccess')
      await store.noteSent(work.lease, pending.index, answered.count, trail.idempotencyKey);
  }
}

/**
 * What the delete of an engagement came to: most of it is final. Of one that may have been sent before, a refusal says nothing:
 * it stays begun, until it was seen to be there often enough; and what is gone, after it was seen, is gone by an attempt of ours.
 */
async function conclude(
  { result, trail }: Awaited<ReturnType<typeof deleteItem>>,
  pending: PendingItem,
  wasBegun: boolean,
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
  if (obstacle) {
    if (!wasBegun) await ports.store.release(work.lease, pending.index);
    return obstacle;
  }
  if (wasBegun && result.kind === 'NotFoundError') await finishGone(pending, work, 'ALREADY_ABSENT', ports, trail);
  else if (wasBegun && pending.looks < looksToBelieve) return 'unknown';
  else await finishFailed(pending, work, result, ports, trail);
  return 'finished';
}

/**
 * Reads what may have been deleted: by now whoever sent it has given it up, so what is there was not. Undefined then, and it has
 * to be deleted again.
 */
async function settle(
  pending: PendingItem,
  work: PageWork,
  deadlineAt: number,
  ports: PagePorts,
): Promise<ItemEnd | undefined> {
  const { job, caller } = work;
  const key = { ...pending.item, integratedAccountId: job.input.integratedAccountId };
  const options = { caller, selected: nothing.fields, deadlineAt, hasCallerLeft: ports.isStopping };
  const found = await readEngagement(key, options, ports);
  if (found.kind === 'Found') return undefined;
  // That a limit or an outage keeps it from being read is no look.
  const obstacle = await findObstacle(found, job, caller, ports);
  if (obstacle) return obstacle;
  if (found.kind !== 'NotFoundError') return 'unknown';
  await finishGone(pending, work, 'ALREADY_ABSENT', ports);
  return 'finished';
}

/**
 * Brings one engagement of a bulk delete to its end, or says why not now. One that may have been sent before is read first:
 * if it is gone, that is its end; if not, it is deleted again, under the same key, unless the job is cancelled.
 */
export async function runItem(pending: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd> {
  const { job, lease } = work;
  const { index } = pending;
  // From before it is begun: a process that was frozen in between must not send what others have settled since.
  const deadlineAt = performance.now() + ports.requestTimeoutMs;
  const begun = await ports.store.begin(lease, index);
  if (begun === 'done') return 'finished';
  if (begun === 'paused') return { kind: 'paused' };
  if (begun === 'stopped' || begun === 'lost') return 'stopped';
  const wasBegun = begun !== 'first';
  try {
    const settled = wasBegun ? await settle(pending, work, deadlineAt, ports) : undefined;
    // A cancelled job is not paused: it ends, with an unknown outcome for what was sent.
    const isPaused = typeof settled === 'object' && settled.kind === 'paused';
    if (settled) return isPaused && begun === 'cancelled' ? 'unknown' : settled;
    if (begun === 'cancelled') {
      await ports.store.release(lease, index);
      // Not the end of the page's work: the job ends when each that was begun is settled.
      return 'finished';
    }
    return await conclude(await deleteItem(pending, work, deadlineAt, ports), pending, wasBegun, work, ports);
  } catch (error) {
    const paused = await pauseForError(error, job, ports);
    if (!wasBegun) await ports.store.release(lease, index);
    return begun === 'cancelled' ? 'unknown' : paused;
  }
}

/** The end of an item of which nobody can say what became of it, after all that was tried. */
export async function giveUp(pending: PendingItem, work: PageWork, ports: PagePorts): Promise<void> {
  const message =
    'Nobody can say whether it is deleted: it could neither be deleted again nor read, however often that was tried.';
  const states = await ports.store.readStates(work.job.id, work.lease.page);
  const key = idempotencyKeyFor(inputOf(work.job, pending.item), optionsFor(pending, work), pending.answerCount);
  const idempotencyKey = states[`key:${pending.index}`] ?? key;
  const unknown = { idempotencyKey, retrySafe: true, lastStatusCode: null, engagement: null };
  await finishFailed(pending, work, { kind: 'OutcomeUnknownError', message, ...unknown }, ports);
}
