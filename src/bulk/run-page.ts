import { plainRecord, takeSnapshot, wholeSelection } from '../engagement/delete/snapshot.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import type { Refusal } from '../engagement/result.ts';
import { hasEnded, stateOf } from './job.ts';
import type { PageLease } from './job-store.ts';
import { finish, giveUp, type HeldPage, type ItemEnd, type PageWork, type PendingItem, runItem } from './run-item.ts';
import {
  backoffMs,
  boundsOf,
  findObstacle,
  findOutage,
  later,
  laterWithoutHold,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  type WorkEnd,
  type WorkPorts,
  withoutAdvice,
} from './work.ts';

/** How many engagements of a page are deleted at once. */
const maxAtOnce = 16;

/** How often what became of an item is looked for: some minutes, all in all. */
const maxLooks = 12;

/** How often a record is read that cannot be read, before it ends as a failure of its own: two minutes, where a request may take ten seconds. */
const maxReads = 8;

/** How soon a page goes on that was held back while upstream answered. */
const heldBackMs = 1_000;

/** Why a page's work cannot be finished now. */
interface Ends {
  readonly obstacles: Set<'paused' | 'stopped' | 'trouble'>;
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

/** Does so many at once, until all have begun or something is in the way. */
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
    // All of them, whatever becomes of one: a page must not be taken anew while some of its deletes are on their way.
    await Promise.all(Array.from({ length: atOnce }, runInTurn));
    if (failure) throw failure.error;
  };
}

/** A record that is kept, as a line of an undo file. */
function lineOf(record: EngagementRecord, readAt: Date): string {
  const { integratedAccountId } = record;
  return `${JSON.stringify({ integratedAccountId, readAt, engagement: plainRecord(record) })}\n`;
}

/** Ends an engagement whose record could not be read often enough, while upstream answered other requests; it stops no other. */
async function endUnread(said: Refusal, pending: PendingItem, work: PageWork): Promise<ItemEnd> {
  const { store, job, lease } = work;
  let { message } = said;
  if (said.kind === 'UpstreamUnavailableError' && said.wasSent) {
    const failedReads = await store.countWait(lease, `unread:${pending.index}`);
    const why = withoutAdvice(message);
    if (failedReads < maxReads) {
      if (work.isAnswering === false) return 'trouble';
      await store.note(job.id, `A record cannot be kept, and is read again automatically; others go on. ${why}`);
      return 'unread';
    }
    message = `Each of ${failedReads} reads failed, while upstream answered other requests. ${why} Delete it without a snapshot.`;
  } else {
    const obstacle = await findObstacle(said, work);
    if (obstacle) return obstacle;
  }
  if (said.kind === 'Unauthenticated') return 'paused';
  return finish(pending, work, { ...said, message: `It could not be kept, and so was not deleted. ${message}` });
}

/**
 * Keeps the records of a page before they are deleted, in a file of their own. What cannot be read has its end here; what was
 * kept before is not read again, nor what may have been deleted.
 * @returns what may be deleted now; undefined when the store does not take the file.
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
    const found = await takeSnapshot(input, { caller, selection: wholeSelection, ...boundsOf(work) }, work);
    if (found.kind !== 'Found') return endUnread(found, pending, work);
    lines.push(lineOf(found.record, new Date()));
    kept.push(pending);
    return 'finished';
  });
  if (kept.length > 0) {
    const name = `${job.id}/${String(lease.page).padStart(6, '0')}-${lease.owner}-${kept[0]?.index}.jsonl`;
    try {
      if (!undoStore) throw new Error('there is no undo store');
      await undoStore.write(name, lines.join(''));
    } catch (err) {
      work.log.error({ err, bulkDeleteId: job.id }, 'the undo store does not take a file');
      const message =
        'The server cannot keep records at the moment: nothing is deleted without that. It is retried automatically.';
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

/** When the page's work goes on. */
async function endOf(ends: Ends, work: HeldPage): Promise<WorkEnd> {
  const { store, lease } = work;
  const { obstacles, limitedMs, unknown, unread } = ends;
  if (work.isStopping()) return later(0);
  const readAgainMs = Math.max(0, ...unread.map(({ failedReads }) => lookPauseMs(failedReads, work)));
  const looks = await Promise.all(unknown.map(({ index }) => store.countWait(lease, `look:${index}`)));
  for (const [i, pending] of unknown.entries()) if (Number(looks[i]) > maxLooks) await giveUp(pending, work, 'Nothing');
  const fewest = Math.min(...looks);
  if (fewest <= maxLooks) {
    // By then whoever sent it has an answer or has given up, so that what is found there is there.
    const afterMs = Math.max(work.requestTimeoutMs, lookPauseMs(fewest - 1, work), readAgainMs);
    // The account is fine: what nobody knows of a few must not hold up all that come after them.
    return isBlocked(ends) ? later(afterMs) : laterWithoutHold(afterMs);
  }
  if (obstacles.has('stopped')) {
    // A page whose job was cancelled on the way is done when each that was sent has its end.
    const states = await store.readStates(lease.jobId, lease.page);
    return Object.values(states).includes('begun') ? later(0) : { kind: 'done' };
  }
  if (obstacles.has('paused')) return later(pausedLookMs);
  if (obstacles.has('trouble')) {
    // Upstream answers: records that cannot be read have opened the breaker, and only they have to wait for it.
    if (work.isAnswering) return laterWithoutHold(heldBackMs);
    return later(backoffMs(await store.countWait(lease, 'trouble')));
  }
  if (limitedMs > 0) {
    await store.countWait(lease, 'limited');
    return later(limitedMs);
  }
  return unread.length === 0 ? { kind: 'done' } : laterWithoutHold(readAgainMs);
}

/** The items of a page that have no final outcome. */
function pendingOf(items: readonly PendingItem['item'][], states: Readonly<Record<string, string>>) {
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
 * Works on the items of a page that have no final outcome. It may be called at any time, in any process, also while an earlier call is
 * not over: that one changes nothing any more.
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
      'Redis has lost which engagements were left. Nothing further is deleted; `outcomes` says what was. Start another.';
    await store.stop(job, 'fail', why);
    // It has not failed if somebody has resumed it since it was read.
    return later(0);
  }
  const caller = await openCaller(job, ports);
  if (!caller && !isCancelling) return later(pausedLookMs);
  const states = await store.takePage(lease);
  if (!states) return { kind: 'done' };
  const pending = pendingOf(items, states).filter(({ isBegun }) => isBegun || !isCancelling);
  const ends: Ends = { obstacles: new Set(), limitedMs: 0, unknown: [], unread: [] };
  if (!caller) {
    // Nobody can look with a token that cannot be opened; a cancelled job ends all the same.
    ends.unknown.push(...pending);
    return endOf(ends, { ...ports, job, lease, isAnswering: undefined });
  }
  const hasFailed = pending.some(({ looks, failedReads }) => looks + failedReads > 0);
  const wasTroubled = states['waits:trouble'] !== undefined;
  const mayBeOut = hasFailed || (wasTroubled && pending.length > 0);
  const outage = mayBeOut ? await findOutage({ ...ports, job, caller }) : undefined;
  const isAnswering = mayBeOut ? outage === undefined : undefined;
  const work: PageWork = { ...ports, job, lease, caller, isAnswering };
  // What was sent before a cancel is looked for all the same: each look counts.
  if (outage && outage !== 'trouble' && !isCancelling) {
    for (const one of pending.slice(0, 1)) note(outage, one, ends);
    return endOf(ends, work);
  }
  // One that met a limit will meet it again: each further try is for nothing. So in an outage.
  const isHeldUp = states['waits:limited'] !== undefined || outage !== undefined;
  const runEach = createRunEach(isHeldUp && !isCancelling ? 1 : maxAtOnce, work, ends);
  // What nobody knows comes last, so that it stops no other. What could not be read comes after that, and only while upstream answers
  // at all: then, that it still cannot be read is its own.
  const sound = pending.filter(({ failedReads }) => failedReads === 0).sort((one, other) => one.looks - other.looks);
  const unread = pending.filter(({ failedReads }) => failedReads > 0).sort((a, b) => a.failedReads - b.failedReads);
  // One tries whether upstream takes the token, or whether trouble is over.
  let isProbing = (wasTroubled && !isAnswering) || job.done === 0 || job.resumes > 0;
  for (const some of isAnswering ? [sound, unread] : [sound]) {
    const kept = job.input.snapshot ? await keepRecords(some, work, runEach) : some;
    if (kept === undefined) return later(backoffMs(await store.countWait(lease, 'trouble')));
    if (isProbing) await runEach(kept.slice(0, 1), runItem);
    if (!(isProbing && isBlocked(ends))) await runEach(isProbing ? kept.slice(1) : kept, runItem);
    if (kept.length > 0) isProbing = false;
    if (isBlocked(ends)) break;
  }
  // What failed before was not read again.
  if (outage) ends.obstacles.add('trouble');
  return endOf(ends, work);
}
