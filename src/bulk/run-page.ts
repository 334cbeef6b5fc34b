import { plainRecord, takeSnapshot, wholeSelection } from '../engagement/delete/snapshot.ts';
import type { Refusal } from '../engagement/result.ts';
import { hasEnded, stateOf } from './job.ts';
import type { PageLease } from './job-store.ts';
import { finish, giveUp, type HeldPage, type ItemEnd, type PageWork, type PendingItem, runItem } from './run-item.ts';
import {
  backoffMs,
  findObstacle,
  findOutage,
  later,
  laterWithoutHold,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  requestBounds,
  type WorkEnd,
  type WorkPorts,
  withoutAdvice,
} from './work.ts';

/** How many engagements of a page are deleted at once. */
const maxAtOnce = 16;

/** How often an item with an unknown outcome is read: some minutes in total. */
const maxLooks = 12;

/** How often a read for the undo file may fail, until the engagement fails: two minutes in total, when a request may take 10 s. */
const maxReads = 8;

/** How soon a page continues that stopped at an obstacle while upstream answered. */
const unblockedMs = 1_000;

/** Why a page cannot be finished now. */
interface Ends {
  readonly obstacles: Set<'paused' | 'stopped' | 'outage'>;
  limitedMs: number;
  readonly unknown: PendingItem[];
  readonly unread: PendingItem[];
}

function note(end: ItemEnd, pending: PendingItem, ends: Ends): void {
  if (end === 'unknown' || end === 'unread') ends[end].push(pending);
  else if (typeof end === 'object') ends.limitedMs = Math.max(ends.limitedMs, end.afterMs);
  else if (end !== 'finished') ends.obstacles.add(end);
}

const isBlocked = ({ obstacles, limitedMs }: Ends) => obstacles.size > 0 || limitedMs > 0;

/** Runs tasks concurrently, until all have begun or an obstacle blocks them. */
type RunEach = (
  items: readonly PendingItem[],
  task: (pending: PendingItem, work: PageWork) => Promise<ItemEnd>,
) => Promise<void>;

function createRunEach(atOnce: number, work: PageWork, ends: Ends): RunEach {
  return async (items, task) => {
    const waiting = items.values();
    let failure: { readonly error: unknown } | undefined;
    async function runInTurn(): Promise<void> {
      for (const pending of waiting) {
        const end = await task(pending, work).catch((error: unknown): ItemEnd => {
          failure ??= { error };
          return 'stopped';
        });
        note(end, pending, ends);
        if (isBlocked(ends) || work.isStopping()) return;
      }
    }
    // Waits for all of them, also after a failure: the page must not be leased anew while deletes of it are in flight.
    await Promise.all(Array.from({ length: atOnce }, runInTurn));
    if (failure) throw failure.error;
  };
}

/** Handles a record that could not be read for the undo file. While upstream answers other requests, it fails alone, after some reads. */
async function endUnread(said: Refusal, pending: PendingItem, work: PageWork): Promise<ItemEnd> {
  const { store, job, lease } = work;
  let { message } = said;
  if (said.kind === 'UpstreamUnavailableError' && said.wasSent) {
    const failedReads = await store.countWait(lease, `unread:${pending.index}`);
    const why = withoutAdvice(message);
    if (failedReads < maxReads) {
      if (work.isAnswering === false) return 'outage';
      await store.note(
        job.id,
        `A record cannot be read for the undo file. It is read again automatically, and the others continue. ${why}`,
      );
      return 'unread';
    }
    message = `${failedReads} reads failed, while Truto answered other requests. ${why} Delete it without a snapshot.`;
  } else {
    const obstacle = await findObstacle(said, work);
    if (obstacle) return obstacle;
  }
  if (said.kind === 'Unauthenticated') return 'paused';
  return finish(pending, work, {
    ...said,
    message: `Its record could not be stored, so it was not deleted. ${message}`,
  });
}

/**
 * Stores the records of a page in one undo file, before their deletes. Skips engagements whose record is stored, or whose delete may
 * have been sent.
 * @returns the engagements that may be deleted now; undefined when the store does not accept the file.
 */
async function keepRecords(
  items: readonly PendingItem[],
  work: PageWork,
  runEach: RunEach,
): Promise<readonly PendingItem[] | undefined> {
  const { job, lease, caller, store, undoStore } = work;
  const isSafe = ({ isBegun, isKept }: PendingItem) => isBegun || isKept;
  const lines: string[] = [];
  const kept: PendingItem[] = [];
  const unsafe = items.filter((pending) => !isSafe(pending));
  await runEach(unsafe, async (pending) => {
    const now = await store.read(job.id);
    if (!now || stateOf(now) !== 'DELETING') return 'paused';
    const { integratedAccountId } = job.input;
    const input = { ...pending.item, integratedAccountId, format: 'unified' as const };
    const found = await takeSnapshot(input, { caller, selection: wholeSelection, ...requestBounds(work) }, work);
    if (found.kind !== 'Found') return endUnread(found, pending, work);
    const line = { integratedAccountId, readAt: new Date(), engagement: plainRecord(found.record) };
    lines.push(`${JSON.stringify(line)}\n`);
    kept.push(pending);
    return 'finished';
  });
  if (kept.length > 0) {
    const name = `${job.id}/${String(lease.page).padStart(6, '0')}-${lease.owner}-${kept[0]?.index}.jsonl`;
    try {
      if (!undoStore) throw new Error('there is no undo store');
      await undoStore.write(name, lines.join(''));
    } catch (err) {
      work.log.error({ err, bulkDeleteId: job.id }, 'the undo store does not accept a file');
      const message = 'The server cannot store records now, so it deletes nothing. It retries automatically.';
      await store.note(job.id, message);
      return undefined;
    }
    await store.noteKept(
      lease,
      kept.map(({ index }) => index),
    );
  }
  return [...items.filter(isSafe), ...kept];
}

/** When the page is due again, if it is. */
async function settlePage(ends: Ends, work: HeldPage): Promise<WorkEnd> {
  const { store, lease } = work;
  const { obstacles, limitedMs, unknown, unread } = ends;
  if (work.isStopping()) return later(0);
  const readAgainMs = Math.max(0, ...unread.map(({ failedReads }) => lookPauseMs(failedReads, work)));
  const looks = await Promise.all(unknown.map(({ index }) => store.countWait(lease, `look:${index}`)));
  for (const [i, pending] of unknown.entries()) if (Number(looks[i]) > maxLooks) await giveUp(pending, work, 'Nothing');
  const fewest = Math.min(...looks);
  if (fewest <= maxLooks) {
    // By then, each sender has its answer or has timed out.
    const afterMs = Math.max(work.requestTimeoutMs, lookPauseMs(fewest - 1, work), readAgainMs);
    // The account is fine: a few unknown outcomes must not delay the pages after this one.
    return isBlocked(ends) ? later(afterMs) : laterWithoutHold(afterMs);
  }
  if (obstacles.has('stopped')) {
    // The page of a cancelled job is done when no delete of it is begun.
    const states = await store.readStates(lease.jobId, lease.page);
    return Object.values(states).includes('begun') ? later(0) : { kind: 'done' };
  }
  if (obstacles.has('paused')) return later(pausedLookMs);
  if (obstacles.has('outage')) {
    // Upstream answers: only unreadable records have opened the breaker, and only they have to wait.
    if (work.isAnswering) return laterWithoutHold(unblockedMs);
    return later(backoffMs(await store.countWait(lease, 'outage')));
  }
  if (limitedMs > 0) {
    await store.countWait(lease, 'limited');
    return later(limitedMs);
  }
  return unread.length === 0 ? { kind: 'done' } : laterWithoutHold(readAgainMs);
}

function pendingItems(items: readonly PendingItem['item'][], states: Readonly<Record<string, string>>) {
  return items
    .map(
      (item, index): PendingItem => ({
        ...{ item, index, isBegun: states[index] === 'begun', isKept: states[`kept:${index}`] === '1' },
        looks: Number(states[`waits:look:${index}`] ?? 0),
        failedReads: Number(states[`waits:unread:${index}`] ?? 0),
        answerCount: Number(states[`answers:${index}`] ?? 0),
      }),
    )
    .filter(({ index, isBegun }) => isBegun || states[index] === undefined);
}

/**
 * Works on the items of a page without a final outcome. It may be called at any time, in any process, also while an earlier call runs:
 * from then on, the earlier call changes nothing.
 */
export async function runPage(lease: PageLease, ports: WorkPorts): Promise<WorkEnd> {
  const { store } = ports;
  const job = await store.read(lease.jobId);
  if (!job || hasEnded(job)) return { kind: 'done' };
  const isCancelling = job.phase === 'CANCELLING';
  if (job.isPaused && !isCancelling) return later(pausedLookMs);
  const items = await store.readPage(lease.jobId, lease.page);
  if (!items) {
    const why =
      'Redis has lost the list of the remaining engagements. Nothing further is deleted. See `outcomes`, and start another bulk delete.';
    await store.stop(job, 'fail', why);
    // It has not failed if a caller has just resumed it.
    return later(0);
  }
  const caller = await openCaller(job, ports);
  if (!caller && !isCancelling) return later(pausedLookMs);
  const states = await store.takePage(lease);
  if (!states) return { kind: 'done' };
  const pending = pendingItems(items, states).filter(({ isBegun }) => isBegun || !isCancelling);
  const ends: Ends = { obstacles: new Set(), limitedMs: 0, unknown: [], unread: [] };
  if (!caller) {
    // Without the token, nothing can be read. A cancelled job must end anyway.
    ends.unknown.push(...pending);
    return settlePage(ends, { ...ports, job, lease, isAnswering: undefined });
  }
  const hasFailed = pending.some(({ looks, failedReads }) => looks + failedReads > 0);
  const hadOutage = states['waits:outage'] !== undefined;
  const mayBeOutage = pending.length > 0 && (hasFailed || hadOutage);
  const obstacle = mayBeOutage ? await findOutage({ ...ports, job, caller }) : undefined;
  const isAnswering = mayBeOutage ? obstacle === undefined : undefined;
  const work: PageWork = { ...ports, job, lease, caller, isAnswering };
  // After a cancel, items are read in any case: each read counts as a look.
  if (obstacle && obstacle !== 'outage' && !isCancelling) {
    for (const one of pending.slice(0, 1)) note(obstacle, one, ends);
    return settlePage(ends, work);
  }
  // After a rate limit or an outage, one request at a time shows whether it is over.
  const isHeldUp = states['waits:limited'] !== undefined || obstacle !== undefined;
  const runEach = createRunEach(isHeldUp && !isCancelling ? 1 : maxAtOnce, work, ends);
  // Unknown outcomes come last, so that they delay no others. Unreadable records come after them, and only while upstream answers:
  // then another failed read is about the record.
  const sound = pending.filter(({ failedReads }) => failedReads === 0).sort((one, other) => one.looks - other.looks);
  const unread = pending.filter(({ failedReads }) => failedReads > 0).sort((a, b) => a.failedReads - b.failedReads);
  // One request shows whether upstream accepts the token.
  let isProbing = job.done === 0 || job.resumes > 0;
  for (const some of isAnswering ? [sound, unread] : [sound]) {
    const kept = job.input.snapshot ? await keepRecords(some, work, runEach) : some;
    if (kept === undefined) return later(backoffMs(await store.countWait(lease, 'outage')));
    if (isProbing) await runEach(kept.slice(0, 1), runItem);
    if (!(isProbing && isBlocked(ends))) await runEach(isProbing ? kept.slice(1) : kept, runItem);
    if (kept.length > 0) isProbing = false;
    if (isBlocked(ends)) break;
  }
  // The unreadable records were not read again.
  if (obstacle) ends.obstacles.add('outage');
  return settlePage(ends, work);
}
