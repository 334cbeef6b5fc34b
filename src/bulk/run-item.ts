import { deleteEngagement, idempotencyKeyFor } from '../engagement/delete/delete-engagement.ts';
import { findIntegration } from '../engagement/integrations.ts';
import { engagementDigest } from '../engagement/known-deletes.ts';
import { nodeKind } from '../engagement/node-id.ts';
import { readAfterDelete, readResource, type SnapshotPorts, takeSnapshot } from '../engagement/read.ts';
import { nothing, plainRecord, wholeSelection } from '../engagement/record.ts';
import type { SeenReferences } from '../engagement/restore/restore-engagement.ts';
import { type DeleteEngagementError, type DeleteOutcome, type Refusal, withoutRecord } from '../engagement/result.ts';
import type { AuditEvent, Verb } from '../engagement/write.ts';
import { type BulkItem, stateOf } from './job.ts';
import type { PageLease } from './job-store.ts';
import type { Pace } from './pace.ts';
import type { KeepLine } from './undo-store.ts';
import { findObstacle, type JobWork, limitWaitMs, type Obstacle, requestBounds, withoutAdvice } from './work.ts';

/** The work on a page, with its caller. */
export interface PageWork extends JobWork {
  readonly lease: PageLease;
  /** True when upstream answers lists, so that a failed read is about its record; undefined when nothing has failed before. */
  readonly isAnswering: boolean | undefined;
  readonly keepLine: KeepLine | undefined;
  readonly seenReferences: SeenReferences;
  /** Undefined after a cancel: then each read counts, and none waits. */
  readonly pace: Pace | undefined;
}

/** A leased page. The token of its job may still be sealed. */
export type HeldPage = Omit<PageWork, 'caller' | 'keepLine' | 'pace' | 'seenReferences'>;

/** The work on one item, and on an item of a held page. */
export type ItemWork = PageWork & PendingItem;

/** An item without a final outcome, and its page; its work needs no token. */
export type HeldItem = HeldPage & PendingItem;

/** An engagement without a final outcome. */
export interface PendingItem {
  readonly index: number;
  readonly item: BulkItem;
  readonly isBegun: boolean;
  /** How often a read did not show whether it is deleted. */
  readonly looks: number;
  /** How often its record could not be read for the undo file. */
  readonly failedReads: number;
  /** How many attempts of its delete upstream has answered; each one adds to it. */
  readonly answered: { count: number };
}

/**
 * How the work on one item ended. `stopped`: its job is cancelled or has ended, or another server has the page. `unread`: its record could not be read for the
 * undo file. An obstacle: it cannot be worked on now. `storeError`: the undo store does not accept its record.
 */
export type ItemEnd = 'finished' | 'stopped' | 'unknown' | 'unread' | Obstacle | { readonly storeError: unknown };

/** How often a read for the undo file may fail, until the engagement fails: two minutes in total, when a request may take 10 s. */
const maxReads = 8;
/** How long before its delete a record may be stored. An older one is read again: it may have changed. */
const maxKeptMs = 300_000;
/** How often a read must show an engagement that may be deleted, before a refusal of its next delete is final. */
const confirmations = 2;

const noTrail = { integration: null, attempts: 0, upstreamIdempotencyKey: null, durationMs: 0 };

/** The input and options of a delete. They are the same in every process: upstream's `Idempotency-Key` derives from them. */
function deleteArguments({ item, index, job, lease }: HeldItem) {
  const { integratedAccountId } = job.input;
  const callerKey = [`bulk ${job.id}`, `${lease.page}.${index}`] as const;
  return {
    input: { ...item, integratedAccountId, format: 'unified' as const },
    options: { selection: nothing, dryRun: false, snapshot: false, callerKey },
  };
}

/** Stores the final outcome of an engagement, and writes its one line to the log. */
async function finish(
  { item, index, job, lease, store, recordEnd }: HeldItem,
  end: DeleteOutcome | DeleteEngagementError,
  trail: AuditEvent | typeof noTrail = noTrail,
): Promise<'finished'> {
  const isError = typeof end !== 'string';
  const why = 'A bulk delete does not store its content.';
  const failure = isError && end.kind !== 'NotFoundError' ? { ...item, result: withoutRecord(end, why) } : undefined;
  const ended = isError
    ? { result: end.kind, detail: end.message }
    : { result: 'DeleteEngagementSuccess', detail: end };
  const { integratedAccountId } = job.input;
  const where = { callerId: job.callerId, integratedAccountId, engagementId: item.id, bulkDeleteId: job.id };
  // The trail's own result may be NotFoundError, when an earlier attempt has deleted it.
  const writeLine = () => recordEnd('delete', { ...where, ...trail, ...ended });
  try {
    // Two processes may come here. One of them stores the outcome.
    if (await store.finish(lease, index, isError ? end.kind : end, failure)) writeLine();
  } catch (error) {
    // Redis may have stored it: then nothing comes here again.
    writeLine();
    throw error;
  }
  return 'finished';
}

/** How long an engagement waits for Truto's event after its outcome is unknown, or after the delete was accepted. */
const unknownWaitMs = 30 * 24 * 3_600_000;
const acceptedWaitMs = 24 * 3_600_000;

/** Notes that an engagement waits for Truto's event. True when it has arrived already. */
async function awaitEvent(work: HeldItem, sentAtMs: number, forMs: number) {
  const { item, index, store, lease, job } = work;
  if (!work.deletedEvents) return false;
  const support = findIntegration(job.integration);
  const kind = nodeKind(support.kind === 'supported' ? support.integration : null, item.engagementType);
  const key = { integratedAccountId: job.input.integratedAccountId, id: item.id, kind };
  return store.awaitEvent(lease, index, engagementDigest(key), sentAtMs, forMs);
}

/** Adds what to do when an integration requires a type, and the list has none. */
function withWayOut(result: DeleteEngagementError, { item, job }: ItemWork): DeleteEngagementError {
  const isTypeMissing =
    result.kind === 'InvalidInputError' &&
    job.input.filter !== undefined &&
    item.engagementType === null &&
    result.issues.some(({ path }) => path[0] === 'engagementType');
  if (!isTypeMissing) return result;
  const message = `${result.message} The list has no type for it. Delete it by its id, with engagementType.`;
  return { ...result, message };
}

/** What a read shows of an engagement that may be deleted, but is still readable. */
type Seen = 'There' | 'Unproven';
type Bounds = ReturnType<typeof requestBounds>;

/** Deletes an engagement. If its delete may have been sent before (`seen`), a refusal proves nothing until enough reads have shown the record. */
async function remove(work: ItemWork, seen: Seen | undefined, bounds: Bounds): Promise<ItemEnd> {
  const { lease, store, caller, answered, index } = work;
  const { input, options } = deleteArguments(work);
  let trail: AuditEvent | undefined;
  const recordEnd = (_verb: Verb, event: AuditEvent) => {
    trail = event;
  };
  const ports = { ...work, recordEnd };
  const sentAtMs = Date.now();
  const result = await deleteEngagement(input, { ...options, ...bounds, caller, answered }, ports).finally(async () => {
    // The next attempt needs another key, in any process: upstream may repeat its answer for a key.
    if (trail?.upstreamIdempotencyKey && trail.result !== 'DeleteEngagementSuccess')
      await store.noteStates(lease, {
        [`answers:${index}`]: answered.count,
        [`key:${index}`]: trail.upstreamIdempotencyKey,
      });
  });
  if (result.kind === 'OutcomeUnknownError') {
    const isGone = await awaitEvent(work, sentAtMs, unknownWaitMs);
    return isGone ? finish(work, 'DELETED', trail) : 'unknown';
  }
  if (result.kind === 'DeleteEngagementPlan') throw new Error('a plan without a dry run');
  if (result.kind === 'DeleteEngagementSuccess') {
    const isGone = result.outcome === 'ACCEPTED' && (await awaitEvent(work, sentAtMs, acceptedWaitMs));
    return finish(work, isGone ? 'DELETED' : result.outcome, trail);
  }
  const obstacle = await findObstacle(result, work);
  if (obstacle || result.kind === 'Unauthenticated') {
    // It does not count as begun while it waits.
    if (!seen) await store.release(lease, index);
    return obstacle ?? 'paused';
  }
  // An earlier attempt deleted it.
  if (seen && result.kind === 'NotFoundError') return finish(work, 'ALREADY_ABSENT', trail);
  if (seen && (seen === 'Unproven' || work.looks < confirmations)) return 'unknown';
  return finish(work, withWayOut(result, work), trail);
}

/** Reads an engagement whose delete may have been sent, once its sender has timed out. If it is still there, it is safe to delete it again. */
async function settle(work: ItemWork, bounds: Bounds): Promise<ItemEnd | Seen> {
  const { input } = deleteArguments(work);
  const found = await readAfterDelete(input, { caller: work.caller, ...bounds }, work);
  if (found === 'MarkedDeleted') return finish(work, 'ALREADY_ABSENT');
  return typeof found === 'string' ? found : settleUnread(found, work);
}

/** The end of an engagement whose delete may have been sent, by a failed read of it. */
async function settleUnread(found: Refusal, work: ItemWork): Promise<ItemEnd> {
  // Upstream answers other requests: then a failed read counts as a look.
  if (found.kind === 'UpstreamUnavailableError' && found.wasSent && work.isAnswering) return 'unknown';
  // A rate limit or an outage does not count as a look.
  const obstacle = await findObstacle(found, work);
  if (obstacle) return obstacle;
  return found.kind === 'NotFoundError' ? finish(work, 'ALREADY_ABSENT') : 'unknown';
}

/** How long to wait after an end, if a limit caused it. */
function limitMsOf(end: ItemEnd | 'kept' | Refusal | { readonly kind: 'Found' }): number | undefined {
  if (typeof end !== 'object') return undefined;
  if ('kind' in end) return end.kind === 'RateLimitedError' ? limitWaitMs(end) : undefined;
  return 'afterMs' in end ? end.afterMs : undefined;
}

/** Repeats what a rate limit refuses, as long as the pace waits for the limit and the job is not paused meanwhile. */
export async function withPatience<End extends Parameters<typeof limitMsOf>[0]>(
  { pace, store, job, isCrowded }: PageWork,
  attempt: () => Promise<End>,
): Promise<End> {
  for (;;) {
    const end = await attempt();
    const afterMs = limitMsOf(end);
    if (afterMs === undefined || !pace) return end;
    const isOver = pace.waitForLimit(afterMs);
    if (isCrowded() || !(await isOver)) return end;
    const now = await store.read(job.id);
    if (!now || stateOf(now) !== 'DELETING') return end;
  }
}

/** Handles a record that could not be read for the undo file. While upstream answers other requests, it fails alone, after some reads. */
async function endUnread(said: Refusal, work: ItemWork): Promise<ItemEnd> {
  const { store, job, lease } = work;
  let { message } = said;
  if (said.kind === 'UpstreamUnavailableError' && said.wasSent) {
    const failedReads = await store.countWait(lease, `unread:${work.index}`);
    const why = withoutAdvice(message);
    if (failedReads < maxReads) {
      if (work.isAnswering === false) return 'outage';
      const note =
        'A record cannot be read for the undo file. It is read again automatically, and the others continue.';
      await store.note(job.id, `${note} ${why}`);
      return 'unread';
    }
    message = `${failedReads} reads failed, while Truto answered other requests. ${why} Delete it without a snapshot.`;
  } else {
    const obstacle = await findObstacle(said, work);
    if (obstacle) return obstacle;
  }
  if (said.kind === 'Unauthenticated') return 'paused';
  message = `Its record could not be stored, so it was not deleted. ${message}`;
  return finish(work, { ...said, message });
}

/** Reads the record of an engagement with its notes, and stores it in an undo file. Each of these reads waits for limits on its own. */
async function keepRecord(work: ItemWork, mayBeDeleted: boolean): Promise<ItemEnd | 'kept'> {
  const { caller, store, lease, keepLine } = work;
  const started = await store.startKeeping(lease, work.index);
  if (started !== 'keeping') return started;
  const { input } = deleteArguments(work);
  const readNote: SnapshotPorts['readNote'] = (key, selected) =>
    withPatience(work, () => readResource('notes', key, { caller, selected, ...requestBounds(work) }, work));
  const found = await withPatience(work, () =>
    takeSnapshot(input, { caller, selection: wholeSelection, ...requestBounds(work) }, { ...work, readNote }),
  );
  if (found.kind !== 'Found') return mayBeDeleted ? settleUnread(found, work) : endUnread(found, work);
  const { integratedAccountId } = input;
  const line = JSON.stringify({ integratedAccountId, readAt: new Date(), engagement: plainRecord(found.record) });
  let file: string;
  try {
    if (!keepLine) throw new Error('there is no undo store');
    file = await keepLine(`${line}\n`);
  } catch (storeError) {
    return { storeError };
  }
  await store.noteKept(lease, work.index, file);
  return 'kept';
}

/** Brings one engagement to its outcome, or returns why that is not possible now. With `snapshot`, its record is durable before its delete. */
export function runItem(work: ItemWork): Promise<ItemEnd> {
  return withPatience(work, () => deleteItem(work));
}

/**
 * If its delete may have been sent before, it is read first: still there, it is deleted again under the same key, but not after a cancel.
 * @param maxAgeMs of its stored record; 0 for any.
 */
async function deleteItem(work: ItemWork, maxAgeMs = work.job.input.snapshot ? maxKeptMs : 0): Promise<ItemEnd> {
  // Computed before `begin`: a process that freezes in between must not send what another has settled since.
  const bounds = requestBounds(work);
  const begun = await work.store.begin(work.lease, work.index, maxAgeMs);
  if (begun === 'finished' || begun === 'paused' || begun === 'stopped') return begun;
  if (begun === 'unkept') return keepAndDelete(work, false);
  if (begun === 'first') return remove(work, undefined, bounds);
  const seen = await settle(work, bounds);
  if (seen !== 'There' && seen !== 'Unproven') {
    // A cancelled job must end, also during an outage or a rate limit: each read counts as a look.
    return begun === 'cancelled' && seen !== 'finished' ? 'unknown' : seen;
  }
  // Only if it is surely there: a restore uses the newest line, and a deleted record may show less than the stored one.
  if (begun === 'againUnkept' && seen === 'There') return keepAndDelete(work, true);
  if (begun !== 'cancelled') return remove(work, seen, bounds);
  // Upstream may execute it late.
  return work.looks < confirmations ? 'unknown' : giveUp(work, seen);
}

/** Stores the record of an engagement, and only then deletes that. */
async function keepAndDelete(work: ItemWork, mayBeDeleted: boolean): Promise<ItemEnd> {
  const end = await keepRecord(work, mayBeDeleted);
  if (end === 'kept') return deleteItem(work);
  // Its older record is stored. That it cannot be stored again must not keep its delete from an outcome.
  return mayBeDeleted && end === 'unknown' ? deleteItem(work, 0) : end;
}

const afterCancel = 'Its delete had no clear answer, and was not repeated after the cancel.';

/** Why the outcome is unknown: no read showed the engagement, or it is still readable after the cancel. */
const whyUnknown = {
  Nothing: 'Its delete was sent, and no later read has shown whether it is deleted.',
  There: `${afterCancel} It is still readable, so most likely it is not deleted.`,
  Unproven: `${afterCancel} It is still readable, but this integration may show deleted engagements. It may or may not be deleted.`,
};

/** Ends an item with an unknown outcome, after all attempts to find out. */
export async function giveUp(work: HeldItem, seen: keyof typeof whyUnknown): Promise<'finished'> {
  const { input, options } = deleteArguments(work);
  const states = await work.store.readStates(work.job.id, work.lease.page);
  // If no server noted when it was sent, only a later event proves something.
  if (await awaitEvent(work, Date.now(), unknownWaitMs)) return finish(work, 'DELETED');
  const key = idempotencyKeyFor(input, { ...options, caller: { id: work.job.callerId } }, work.answered.count);
  return finish(work, {
    kind: 'OutcomeUnknownError',
    message: `${whyUnknown[seen]} It is safe to delete it again. NotFoundError with accountFound: true then means that it is gone.`,
    ...{ upstreamIdempotencyKey: states[`key:${work.index}`] ?? key, retrySafe: true },
    ...{ lastStatusCode: null, engagement: null },
  });
}
