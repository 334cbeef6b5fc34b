import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  lookFirst,
  onlyAnother,
  type RestoreEnd,
  restoreEngagement,
} from '../engagement/restore/restore-engagement.ts';
import { engagementKey, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import type { AuditEvent, Verb } from '../engagement/write.ts';
import type { BulkItem, BulkRestoreOutcome, ShownItem, StoredOutcome } from './job.ts';
import { keyOf } from './list-job.ts';
import { type HeldItem, type ItemEnd, type ItemWork, withPatience } from './run-item.ts';
import { findObstacle, retryUntilAnswered, type WorkPorts } from './work.ts';

/** How often the new record is searched for after a create without a clear answer: lists may lag. */
const maxSearches = 4;
/** How soon an engagement is tried again that another restore has just begun. */
const contendedMs = 500;

/** A restore that ended before its create: nothing was sent. */
class NotSent extends Error {
  readonly end: ItemEnd;

  constructor(end: ItemEnd) {
    super('nothing was sent');
    this.end = end;
  }
}

const searchedFor = 'A restore may have created it, and no search has found the new record.';

/** Reads the record of an item. Undefined when its line is no longer there. @throws while the store does not return it. */
async function readKept({ source = {} }: BulkItem, { undoStore }: WorkPorts): Promise<KeptRecord | undefined> {
  const { file, position, line = '' } = source;
  const isInStore = file !== undefined && undoStore;
  const kept = readUndoLine(isInStore ? await buffer(await undoStore.read(file, position)) : Buffer.from(line));
  return kept.kind === 'Record' ? kept : undefined;
}

type End = Partial<Omit<ShownItem, keyof BulkItem | 'outcome'>>;

async function finish(
  { item, index, store, lease }: HeldItem,
  outcome: StoredOutcome & BulkRestoreOutcome,
  { newId, lost = [], unconfirmed = [], messages = [] }: End,
): Promise<'finished'> {
  const end = { outcome, newId, lost, unconfirmed, messages };
  await store.noteStates(lease, { [`end:${index}`]: JSON.stringify(end) });
  const { id, engagementType } = item;
  const isFailure = outcome === 'FAILED' || outcome === 'MAY_BE_RESTORED' || outcome === 'STILL_EXISTS';
  await store.finish(lease, index, outcome, isFailure ? { id, engagementType, ...end } : undefined);
  return 'finished';
}

/** An item as `by` of the ledger has it; `readRestoring` of the store reads it. */
const nameOf = ({ job, lease, index }: HeldItem) => `${job.id} ${lease.page} ${index}`;

/** Ends an item whose engagement is restored, by a run of this item, or by another restore (`by`). */
function finishRestored(work: HeldItem, { by, ...end }: End & { readonly by: string }) {
  return finish(work, by.startsWith(`${nameOf(work)} `) ? 'RESTORED' : 'ALREADY_RESTORED', end);
}

/** Restores one engagement: brings it to its outcome, or returns why that is not possible now. */
export function runRestore(work: ItemWork): Promise<ItemEnd> {
  return withPatience(work, () => restoreItem(work));
}

async function restoreItem(work: ItemWork): Promise<ItemEnd> {
  const { item, index, job, store, lease, caller, requestTimeoutMs, isStopping } = work;
  const { integratedAccountId, dryRun } = job.input;
  const begun = await store.begin(lease, index);
  if (begun === 'finished' || begun === 'paused' || begun === 'stopped') return begun;
  const refusal = item.source?.refusal;
  if (refusal !== undefined) return finish(work, 'FAILED', { messages: [refusal] });
  const key = keyOf(item, integratedAccountId);
  const [known] = await store.findRestored(integratedAccountId, [key]);
  if (known?.restored) return finishRestored(work, known.restored);
  const begunAtMs = known?.begunAtMs;
  const isCancelled = begun === 'cancelled';
  if (isCancelled && begunAtMs === undefined) return release(work, 'stopped');
  let kept: KeptRecord | undefined;
  try {
    kept = await readKept(item, work);
  } catch (storeError) {
    if (begunAtMs === undefined) await store.release(lease, index);
    return isCancelled ? 'unknown' : { storeError };
  }
  if (!kept || engagementKey(kept.record) !== key) {
    const changed = 'Its line in the undo file is no longer there.';
    return begunAtMs === undefined
      ? finish(work, 'FAILED', { messages: [`Nothing was created. ${changed}`] })
      : finish(work, 'MAY_BE_RESTORED', { messages: [`${searchedFor} ${changed} ${lookFirst}`] });
  }

  // A record that a search finds is that of the create that began.
  const by = known?.begunBy ?? `${nameOf(work)} ${randomUUID()}`;
  const { refusalCount = 0 } = known ?? {};
  // Without this note, a later run has to search for the record.
  const noteEnd = (newId?: string) => {
    const end = { newId, refusalCount: refusalCount + 1 };
    return retryUntilAnswered(() => store.endRestore(integratedAccountId, key, by, end), isStopping);
  };
  let isClaimed = false;
  async function onBegin(): Promise<void> {
    const now = await store.begin(lease, index);
    if (now !== 'again' && now !== 'first') throw new NotSent(now === 'paused' ? 'paused' : 'stopped');
    try {
      isClaimed = await store.claimRestore(integratedAccountId, lease, key, by);
    } catch (error) {
      // Redis may have noted it. Nothing is sent, so nothing has to be searched for.
      await noteEnd();
      throw error;
    }
    if (!isClaimed) throw new NotSent({ afterMs: contendedMs });
  }
  const ports = {
    ...work,
    recordEnd: (verb: Verb, event: AuditEvent) =>
      work.recordEnd(verb, { ...event, bulkRestoreId: job.id, restoredEngagementId: item.id }),
    onBegin,
    isTaken: (newId: string) => store.isTaken(integratedAccountId, key, newId),
    async *others() {
      for await (const other of store.readRestoring(integratedAccountId, key))
        yield other && (await readKept(other, work).catch(() => undefined));
    },
  };
  const options = { caller, dryRun, refusalCount, begunAtMs, requestTimeoutMs, hasCallerLeft: isStopping };
  let end: RestoreEnd;
  try {
    end = await restoreEngagement(kept, options, ports);
  } catch (error) {
    if (!(error instanceof NotSent)) throw error;
    return release(work, error.end);
  }
  return settle(end, work, { by, noteEnd, isClaimed, isCancelled });
}

/** Nothing was sent: the item is no longer begun. */
async function release({ index, store, lease }: HeldItem, end: ItemEnd): Promise<ItemEnd> {
  await store.release(lease, index);
  return end;
}

interface Sent {
  readonly by: string;
  readonly noteEnd: (newId?: string) => Promise<boolean>;
  readonly isClaimed: boolean;
  readonly isCancelled: boolean;
}

/** Notes the end of a restore in the ledger, then as the item's outcome. */
async function settle(
  end: RestoreEnd,
  work: ItemWork,
  { by, noteEnd, isClaimed, isCancelled }: Sent,
): Promise<ItemEnd> {
  const { dryRun } = work.job.input;
  switch (end.kind) {
    case 'Restored': {
      const { newId, lost, unconfirmed, warnings: messages } = end;
      if (dryRun || (await noteEnd(newId))) return finishRestored(work, { by, newId, lost, unconfirmed, messages });
      return finish(work, 'MAY_BE_RESTORED', { messages: [`${onlyAnother} ${lookFirst}`] });
    }
    case 'RestorePlan':
      return finish(work, 'PLANNED', { lost: end.lost, messages: end.warnings });
    case 'StillExists':
      return finish(work, 'STILL_EXISTS', { messages: [end.message] });
    case 'MayStillExist':
      return finish(work, 'FAILED', { messages: [end.message] });
    case 'MayBeRestored':
    case 'OutcomeUnknownError': {
      const refused = end.kind === 'MayBeRestored' && !isCancelled ? end.refused : undefined;
      // As of deletes: a failed search counts only while Truto answers other requests.
      if (refused && !(refused.kind === 'UpstreamUnavailableError' && refused.wasSent && work.isAnswering)) {
        const obstacle = await findObstacle(refused, work);
        if (obstacle) return obstacle;
      }
      // While Truto answers nothing, a search does not count; a cancelled restore must end.
      if (work.isAnswering === false && !isCancelled) return 'outage';
      if (work.looks + 1 < maxSearches && !dryRun) return 'unknown';
      return finish(work, 'MAY_BE_RESTORED', { messages: [end.message] });
    }
    default: {
      if (isClaimed) await noteEnd();
      const obstacle = await findObstacle(end, work);
      if (obstacle || end.kind === 'Unauthenticated') return release(work, obstacle ?? 'paused');
      return finish(work, 'FAILED', { messages: [end.message] });
    }
  }
}

/** Ends an item of a cancelled restore whose token cannot be opened, so that nothing can be searched for. */
export async function giveUpRestore(work: HeldItem): Promise<ItemEnd> {
  const { integratedAccountId } = work.job.input;
  const key = keyOf(work.item, integratedAccountId);
  const [known] = await work.store.findRestored(integratedAccountId, [key]);
  if (known?.restored) return finishRestored(work, known.restored);
  if (known?.begunAtMs === undefined) return release(work, 'stopped');
  return finish(work, 'MAY_BE_RESTORED', { messages: [`${searchedFor} ${lookFirst}`] });
}
