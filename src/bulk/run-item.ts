import { GraphQLError } from 'graphql';
import type { Caller } from '../engagement/access.ts';
import type { DeleteMemory } from '../engagement/delete-memory.ts';
import type { DeleteEngagementInput } from '../engagement/input.ts';
import { readEngagement } from '../engagement/read-engagements.ts';
import { readResource } from '../engagement/read-record.ts';
import { deleteOnce } from '../engagement/repeated-delete.ts';
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

/** Deletes it, under a key that is the same whoever does it. */
function deleteItem(
  { item, index }: PendingItem,
  { job, lease, caller }: PageWork,
  { send, findAccountIntegration, recordDelete, requestTimeoutMs, isStopping }: PagePorts,
): Promise<DeleteEngagementResult> {
  const options = {
    ...{ caller, selection: nothing, dryRun: false, snapshot: false },
    callerKey: [`bulk ${job.id}`, `${lease.page}.${index}`] as const,
    deadlineAt: Date.now() + requestTimeoutMs,
    hasCallerLeft: isStopping,
  };
  return deleteOnce(inputOf(job, item), options, {
    ...{ send, findAccountIntegration, deleteMemory: noMemory },
    recordDelete: (event) => void (passing.has(event.result) || recordDelete({ ...event, bulkDeleteId: job.id })),
    recordRepetition: () => {},
    readNote: (key, fields) =>
      readResource(
        'notes',
        key,
        { caller, selected: fields, deadlineAt: options.deadlineAt, hasCallerLeft: isStopping },
        send,
      ),
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

/** What a result means for the job: most are final. */
export async function conclude(
  result: DeleteEngagementResult,
  pending: PendingItem,
  work: PageWork,
  ports: PagePorts,
): Promise<ItemEnd> {
  const { index } = pending;
  const { job, lease } = work;
  const { store } = ports;
  if (result.kind === 'OutcomeUnknownError') return 'unknown';
  if (result.kind === 'RateLimitedError') {
    await store.release(lease, index);
    return { kind: 'limited', afterMs: result.retryAfterMs ?? 0 };
  }
  if (result.kind === 'UpstreamUnavailableError') {
    await store.release(lease, index);
    if (!ports.isStopping()) await store.note(job.id, `${result.message} It is tried again by itself.`);
    return { kind: 'trouble' };
  }
  if (accountTrouble.has(result.kind) && 'message' in result) {
    await store.release(lease, index);
    await store.stop(job, 'pause', `${result.message} Mend that, then resume.`);
    return 'paused';
  }
  await finish(pending, work, result, ports);
  return 'finished';
}

/**
 * Reads what may have been deleted: by now whoever sent it has given it up, so what is there was not. Undefined then, and it has
 * to be deleted again.
 */
async function settle({ item, index }: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd | undefined> {
  const { job, lease, caller } = work;
  const { integratedAccountId } = job.input;
  const startMs = performance.now();
  const deadlineAt = Date.now() + ports.requestTimeoutMs;
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
 * if it is gone, that is its end; if not, it is deleted again, under the same key.
 */
export async function runItem(pending: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd> {
  const { lease } = work;
  const { index } = pending;
  const begun = await ports.store.begin(lease, index);
  if (begun === 'done') return 'finished';
  if (begun === 'paused') return 'paused';
  if (begun === 'stopped' || begun === 'lost') return 'stopped';
  const wasBegun = begun === 'again';
  try {
    const settled = wasBegun ? await settle(pending, work, ports) : undefined;
    if (settled) return settled;
    const result = inItsLight(await deleteItem(pending, work, ports), wasBegun);
    if (result !== 'ALREADY_ABSENT') return await conclude(result, pending, work, ports);
    await ports.store.finish(lease, index, result);
    return 'finished';
  } catch (error) {
    const end = await pauseForToken(error, work, ports);
    if (!wasBegun) await ports.store.release(lease, index);
    return end;
  }
}

/** The end of an item of which nobody can say what became of it, after all that was tried. */
export async function giveUp(
  { item, index }: PendingItem,
  { job, lease }: PageWork,
  { store }: PagePorts,
): Promise<void> {
  const message =
    'Nobody can say whether it is deleted: it could neither be deleted again nor read, however often that was tried.';
  const unknown = { idempotencyKey: job.id, retrySafe: true, lastStatusCode: null, engagement: null };
  const kind: BulkOutcome = 'OutcomeUnknownError';
  await store.finish(lease, index, kind, { ...item, result: { kind, message, ...unknown } });
}
