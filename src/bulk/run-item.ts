import { GraphQLError } from 'graphql';
import type { Caller } from '../engagement/access.ts';
import type { DeleteMemory } from '../engagement/delete-memory.ts';
import type { DeleteEngagementInput } from '../engagement/input.ts';
import { readEngagement } from '../engagement/read-engagements.ts';
import { readResource } from '../engagement/read-record.ts';
import { deleteOnce, idempotencyKeyFor } from '../engagement/repeated-delete.ts';
import type { DeleteEngagementError, DeleteEngagementResult } from '../engagement/result.ts';
import type { Selection } from '../engagement/selection.ts';
import { withoutRecord } from '../engagement/without-record.ts';
import type { BulkItem, BulkJob, BulkOutcome } from './job.ts';
import type { PageLease } from './job-store.ts';
import type { PagePorts } from './page-ports.ts';

/** How the work on one item ended. */
export type ItemEnd =
  /** It has its final outcome. */
  | 'finished'
  /** The job is paused, at an end, or somebody else's: go no further. */
  | 'paused'
  | 'stopped'
  /** Nobody knows what became of it: look later. */
  | 'unknown'
  /** Nothing was sent: upstream is in trouble, or wants a pause of so many milliseconds. */
  | { readonly kind: 'trouble' }
  | { readonly kind: 'limited'; readonly afterMs: number };

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
}

/** A page's work, and who it is for. */
export interface PageWork {
  readonly job: BulkJob;
  readonly lease: PageLease;
  readonly caller: Caller;
}

/** Nobody looks at what a bulk delete's answers hold. */
const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

const notKept = 'Its content is not kept.';

/** A refusal is believed of an engagement that may have been deleted before when it was still there so often. */
const looksToBelieve = 2;

/** Failures that the whole account has, until somebody does something about it. */
const accountTrouble = new Set<DeleteEngagementResult['kind']>(['AccountNeedsReauthError', 'AccountBlockedError']);

function inputOf({ input }: BulkJob, { id, engagementType }: BulkItem): DeleteEngagementInput {
  return { id, integratedAccountId: input.integratedAccountId, format: 'unified', engagementType };
}

/** Remembers nothing: what is to be known of an item is in its page's states. */
const noMemory: DeleteMemory = {
  async perform({ hasCallerLeft }, work) {
    return { kind: 'performed', result: await work({ hasCallerLeft, earlier: undefined }) };
  },
};

/** Ends of one try, of which the job makes another: nothing was sent. */
const passing = new Set([
  'RateLimitedError',
  'UpstreamUnavailableError',
  'AccountNeedsReauthError',
  'AccountBlockedError',
]);

async function finish(
  { item, index }: PendingItem,
  { lease }: PageWork,
  result: DeleteEngagementResult,
  ports: PagePorts,
) {
  if (result.kind === 'DeleteEngagementSuccess') return ports.store.finish(lease, index, result.outcome);
  const failed = withoutRecord(result, notKept) as DeleteEngagementError;
  return ports.store.finish(lease, index, failed.kind, { ...item, result: failed });
}

/** What is the same whoever deletes it, and whenever: the key upstream is made of it. */
function optionsFor({ index }: PendingItem, { job, lease, caller }: PageWork) {
  const callerKey = [`bulk ${job.id}`, `${lease.page}.${index}`] as const;
  return { caller, selection: nothing, dryRun: false, snapshot: false, callerKey };
}

/** Deletes it, unless the time for that is over. */
function deleteItem(
  pending: PendingItem,
  work: PageWork,
  deadlineAt: number,
  ports: PagePorts,
): Promise<DeleteEngagementResult> {
  const { job, caller } = work;
  const { send, findAccountIntegration, recordDelete, isStopping } = ports;
  const options = { ...optionsFor(pending, work), deadlineAt, hasCallerLeft: isStopping };
  return deleteOnce(inputOf(job, pending.item), options, {
    ...{ send, findAccountIntegration, deleteMemory: noMemory },
    recordDelete: (event) => void (passing.has(event.result) || recordDelete({ ...event, bulkDeleteId: job.id })),
    recordRepetition: () => {},
    readNote: (key, fields) =>
      readResource('notes', key, { caller, selected: fields, deadlineAt, hasCallerLeft: isStopping }, send),
  });
}

/**
 * Pauses the job when upstream does not take its caller's token: nothing was done with it.
 * @throws what anything else threw.
 */
export async function pauseForToken(error: unknown, { job }: PageWork, { store }: PagePorts): Promise<'paused'> {
  if (!(error instanceof GraphQLError)) throw error;
  await store.stop(job, 'pause', 'Upstream no longer takes the token that this was started with: start another.');
  return 'paused';
}

/** Says why nothing was sent, or pauses the job for it. Undefined for a result that says something of the engagement. */
async function obstacleIn(
  result: DeleteEngagementResult,
  { job }: PageWork,
  ports: PagePorts,
): Promise<ItemEnd | undefined> {
  if (result.kind === 'RateLimitedError') return { kind: 'limited', afterMs: result.retryAfterMs ?? 0 };
  if (result.kind === 'UpstreamUnavailableError') {
    if (!ports.isStopping()) await ports.store.note(job.id, `${result.message} It is tried again by itself.`);
    return { kind: 'trouble' };
  }
  if (!accountTrouble.has(result.kind) || !('message' in result)) return undefined;
  await ports.store.stop(job, 'pause', `${result.message} Mend that, then resume.`);
  return 'paused';
}

/**
 * What a result means for the job: most are final. Of one that may have been sent before, a refusal now says nothing: it stays
 * begun, until it was seen to be there often enough.
 */
export async function conclude(
  result: DeleteEngagementResult,
  pending: PendingItem,
  wasBegun: boolean,
  work: PageWork,
  ports: PagePorts,
): Promise<ItemEnd> {
  if (result.kind === 'OutcomeUnknownError') return 'unknown';
  const obstacle = await obstacleIn(result, work, ports);
  if (obstacle) {
    if (!wasBegun) await ports.store.release(work.lease, pending.index);
    return obstacle;
  }
  const isSuccess = result.kind === 'DeleteEngagementSuccess';
  if (wasBegun && !isSuccess && pending.looks < looksToBelieve) return 'unknown';
  await finish(pending, work, result, ports);
  return 'finished';
}

/**
 * Reads what may have been deleted: by now whoever sent it has given it up, so what is there was not. Undefined then, and it has
 * to be deleted again.
 */
async function settle(
  { item, index }: PendingItem,
  work: PageWork,
  deadlineAt: number,
  ports: PagePorts,
): Promise<ItemEnd | undefined> {
  const { job, lease, caller } = work;
  const { integratedAccountId } = job.input;
  const startMs = performance.now();
  const options = { caller, selected: nothing.fields, deadlineAt, hasCallerLeft: ports.isStopping };
  const found = await readEngagement({ ...item, integratedAccountId }, options, ports.send);
  if (found.kind === 'Found') return undefined;
  if (found.kind !== 'NotFoundError') return 'unknown';
  await ports.store.finish(lease, index, 'ALREADY_ABSENT');
  ports.recordDelete({
    ...{ callerId: job.callerId, integratedAccountId, integration: null, engagementId: item.id, bulkDeleteId: job.id },
    ...{ result: 'DeleteEngagementSuccess', detail: 'ALREADY_ABSENT', attempts: 0, idempotencyKey: null },
    durationMs: Math.round(performance.now() - startMs),
  });
  return 'finished';
}

/** What is gone now was there when it was read: an attempt of ours came through after all. */
function inItsLight(result: DeleteEngagementResult, wasBegun: boolean): DeleteEngagementResult | 'ALREADY_ABSENT' {
  return wasBegun && result.kind === 'NotFoundError' ? 'ALREADY_ABSENT' : result;
}

/**
 * Brings one engagement of a bulk delete to its end, or says why not now. One that may have been sent before is read first:
 * if it is gone, that is its end; if not, it is deleted again, under the same key, unless the job is cancelled.
 */
export async function runItem(pending: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd> {
  const { lease } = work;
  const { index } = pending;
  // From before it is begun: a process that was frozen in between must not send what others have settled since.
  const deadlineAt = Date.now() + ports.requestTimeoutMs;
  const begun = await ports.store.begin(lease, index);
  if (begun === 'done') return 'finished';
  if (begun === 'paused') return 'paused';
  if (begun === 'stopped' || begun === 'lost') return 'stopped';
  const wasBegun = begun !== 'first';
  try {
    const settled = wasBegun ? await settle(pending, work, deadlineAt, ports) : undefined;
    if (settled) return settled;
    if (begun === 'cancelled') {
      await ports.store.release(lease, index);
      return 'stopped';
    }
    const result = inItsLight(await deleteItem(pending, work, deadlineAt, ports), wasBegun);
    if (result !== 'ALREADY_ABSENT') return await conclude(result, pending, wasBegun, work, ports);
    await ports.store.finish(lease, index, result);
    return 'finished';
  } catch (error) {
    const end = await pauseForToken(error, work, ports);
    if (!wasBegun) await ports.store.release(lease, index);
    // A cancelled job is not paused: it ends, with what nobody can find out any more.
    return begun === 'cancelled' ? 'unknown' : end;
  }
}

/** The end of an item of which nobody can say what became of it, after all that was tried. */
export async function giveUp(pending: PendingItem, work: PageWork, { store }: PagePorts): Promise<void> {
  const { item, index } = pending;
  const message =
    'Nobody can say whether it is deleted: it could neither be deleted again nor read, however often that was tried.';
  const idempotencyKey = idempotencyKeyFor(inputOf(work.job, item), optionsFor(pending, work));
  const unknown = { idempotencyKey, retrySafe: true, lastStatusCode: null, engagement: null };
  const kind: BulkOutcome = 'OutcomeUnknownError';
  await store.finish(work.lease, index, kind, { ...item, result: { kind, message, ...unknown } });
}
