import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { contradicts } from '../engagement/create/find-created.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import {
  createOf,
  lookFirst,
  onlyAnother,
  type RestoreEnd,
  restoreEngagement,
} from '../engagement/restore/restore-engagement.ts';
import { engagementKey, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import type { BulkItem, RestoredItem, RestoreOutcome } from './job.ts';
import { keyOf } from './list-job.ts';
import { itemName, type Restoration, type RestoreItemPosition } from './restore-ledger.ts';
import { type HeldPage, type ItemEnd, type PageWork, type PendingItem, withPatience } from './run-item.ts';
import { findObstacle, type WorkPorts } from './work.ts';

/** How often the new record is searched for after a create without a clear answer: lists may lag. */
const maxSearches = 4;
/** How long to wait until Redis is asked again. */
const redisPauseMs = 250;
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
async function readKept(
  { source = {} }: BulkItem,
  { undoStore }: Pick<WorkPorts, 'undoStore'>,
): Promise<KeptRecord | undefined> {
  const pieces: Uint8Array[] = source.line === undefined ? [] : [Buffer.from(source.line)];
  if (source.file !== undefined && undoStore)
    for await (const piece of await undoStore.read(source.file, source.position)) pieces.push(piece);
  const line = readUndoLine(Buffer.concat(pieces));
  return line.kind === 'Record' ? line : undefined;
}

/** Stores the final outcome of a restore. */
async function finish(
  { item, index }: PendingItem,
  { store, lease }: HeldPage,
  outcome: RestoreOutcome,
  { newId, lost, unconfirmed, messages = [] }: Omit<RestoredItem, keyof BulkItem | 'outcome'> = {},
): Promise<'finished'> {
  const end = { outcome, ...(newId !== undefined && { newId }), lost, unconfirmed, messages };
  await store.noteStates(lease, { [`end:${index}`]: JSON.stringify(end) });
  const { id, engagementType } = item;
  const isFailure = outcome === 'FAILED' || outcome === 'MAY_BE_RESTORED' || outcome === 'STILL_EXISTS';
  await store.finish(lease, index, outcome, isFailure ? { id, engagementType, ...end } : undefined);
  return 'finished';
}

/** True when an earlier run of this item has sent the create, not another restore. */
function isOwn(by: string | undefined, { index }: PendingItem, { job, lease }: HeldPage): boolean {
  return by?.startsWith(`${itemName({ jobId: job.id, page: lease.page, index })} `) === true;
}

/** Ends an item whose engagement is restored, by an earlier run of this item or by another restore. */
function finishRestored({ newId, by }: NonNullable<Restoration['restored']>, pending: PendingItem, work: HeldPage) {
  return finish(pending, work, isOwn(by, pending, work) ? 'RESTORED' : 'ALREADY_RESTORED', { newId });
}

/** Asks Redis again until it answers, or this process stops: what it does not know later has to be searched for. */
async function retryUntilAnswered<Answer>({ isStopping }: WorkPorts, ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (isStopping()) throw error;
      await sleep(redisPauseMs);
    }
  }
}

/** True when the create of that item, whose end is not known, may have made the record. */
async function mayHaveCreated(
  position: RestoreItemPosition | null,
  found: EngagementRecord,
  { store, ...ports }: HeldPage,
): Promise<boolean> {
  const items = position && (await store.readPage(position.jobId, position.page));
  const item = position && items?.[position.index];
  const kept = item ? await readKept(item, ports).catch(() => undefined) : undefined;
  return !kept || !contradicts(found, createOf(kept).input);
}

/** Restores one engagement: brings it to its outcome, or returns why that is not possible now. */
export function runRestore(pending: PendingItem, work: PageWork): Promise<ItemEnd> {
  return withPatience(work, () => restoreItem(pending, work));
}

async function restoreItem(pending: PendingItem, work: PageWork): Promise<ItemEnd> {
  const { job, store, lease, caller, ledger, requestTimeoutMs, isStopping } = work;
  const { item, index } = pending;
  const { integratedAccountId, dryRun } = job.input;
  const begun = await store.begin(lease, index);
  if (begun === 'done') return 'finished';
  if (begun === 'lost') return 'stopped';
  if (begun === 'paused' || begun === 'stopped') return begun;
  const refusal = item.source?.refusal;
  if (refusal !== undefined) return finish(pending, work, 'FAILED', { messages: [refusal] });
  const key = keyOf(item, integratedAccountId);
  const [known] = await ledger.find(integratedAccountId, [key]);
  if (known?.restored) return finishRestored(known.restored, pending, work);
  const begunAtMs = known?.begunAtMs;
  const isCancelled = begun === 'cancelled';
  if (isCancelled && begunAtMs === undefined) return release(pending, work, 'stopped');
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
      ? finish(pending, work, 'FAILED', { messages: [`Nothing was created. ${changed}`] })
      : finish(pending, work, 'MAY_BE_RESTORED', { messages: [`${searchedFor} ${changed} ${lookFirst}`] });
  }

  // A record that a search finds is that of the create that began.
  const by = known?.begunBy ?? `${itemName({ jobId: job.id, page: lease.page, index })} ${randomUUID()}`;
  let isClaimed = false;
  async function onBegin(): Promise<void> {
    const now = await store.begin(lease, index);
    if (now !== 'again' && now !== 'first') throw new NotSent(now === 'paused' ? 'paused' : 'stopped');
    try {
      isClaimed = await ledger.claim(integratedAccountId, lease, key, by);
    } catch (error) {
      // Redis may have noted it. Nothing is sent, so nothing has to be searched for.
      await retryUntilAnswered(work, () => ledger.end(integratedAccountId, key, by, undefined));
      throw error;
    }
    if (!isClaimed) throw new NotSent({ afterMs: contendedMs });
  }
  const ports = {
    ...work,
    recordCreate: (event: Parameters<typeof work.recordCreate>[0]) =>
      work.recordCreate({ ...event, bulkRestoreId: job.id, restoredEngagementId: item.id }),
    recordRepeatedCreate() {},
    onBegin,
    isTaken: (newId: string) => ledger.isTaken(integratedAccountId, key, newId),
    async mayBeOfOther(found: EngagementRecord) {
      for (const other of await ledger.readBegun(integratedAccountId, key))
        if (await mayHaveCreated(other, found, work)) return true;
      return false;
    },
  };
  const { refusalCount = 0 } = known ?? {};
  const options = { caller, dryRun, refusalCount, begunAtMs, requestTimeoutMs, hasCallerLeft: isStopping };
  let end: RestoreEnd;
  try {
    end = await restoreEngagement(kept, options, ports);
  } catch (error) {
    if (!(error instanceof NotSent)) throw error;
    return release(pending, work, error.end);
  }
  return settle(end, { key, by, isClaimed, isCancelled }, pending, work);
}

/** Nothing was sent: the item is no longer begun. */
async function release<End extends ItemEnd>({ index }: PendingItem, { store, lease }: HeldPage, end: End) {
  await store.release(lease, index);
  return end;
}

/** Notes the end of a restore in the ledger, then as the item's outcome. */
async function settle(
  end: RestoreEnd,
  sent: { readonly key: string; readonly by: string; readonly isClaimed: boolean; readonly isCancelled: boolean },
  pending: PendingItem,
  work: PageWork,
): Promise<ItemEnd> {
  const { key, by, isClaimed, isCancelled } = sent;
  const { job, ledger } = work;
  const { integratedAccountId, dryRun } = job.input;
  switch (end.kind) {
    case 'Restored': {
      const { newId, lost, unconfirmed, warnings: messages } = end;
      const outcome = isOwn(by, pending, work) ? 'RESTORED' : 'ALREADY_RESTORED';
      if (dryRun || (await retryUntilAnswered(work, () => ledger.end(integratedAccountId, key, by, newId))))
        return finish(pending, work, outcome, { newId, lost, unconfirmed, messages });
      return finish(pending, work, 'MAY_BE_RESTORED', { messages: [`${onlyAnother} ${lookFirst}`] });
    }
    case 'RestorePlan':
      return finish(pending, work, 'PLANNED', { lost: end.lost, messages: end.warnings });
    case 'StillExists':
      return finish(pending, work, 'STILL_EXISTS', { messages: [end.message] });
    case 'MayStillExist':
      return finish(pending, work, 'FAILED', { messages: [end.message] });
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
      if (pending.looks + 1 < maxSearches && !dryRun) return 'unknown';
      return finish(pending, work, 'MAY_BE_RESTORED', { messages: [end.message] });
    }
    default: {
      if (isClaimed) await retryUntilAnswered(work, () => ledger.end(integratedAccountId, key, by, undefined));
      const obstacle = await findObstacle(end, work);
      if (obstacle || end.kind === 'Unauthenticated') return release(pending, work, obstacle ?? 'paused');
      return finish(pending, work, 'FAILED', { messages: [end.message] });
    }
  }
}

/** Ends an item of a cancelled restore whose token cannot be opened, so that nothing can be searched for. */
export async function giveUpRestore(pending: PendingItem, work: HeldPage): Promise<ItemEnd> {
  const { integratedAccountId } = work.job.input;
  const key = keyOf(pending.item, integratedAccountId);
  const [known] = await work.ledger.find(integratedAccountId, [key]);
  if (known?.restored) return finishRestored(known.restored, pending, work);
  if (known?.begunAtMs === undefined) return release(pending, work, 'stopped');
  return finish(pending, work, 'MAY_BE_RESTORED', { messages: [`${searchedFor} ${lookFirst}`] });
}
