import { limitedBy } from '../engagement/account.ts';
import { hasEnded, loggedId } from './job.ts';
import type { PageLease } from './job-store.ts';
import { giveUpRestore, runRestore } from './restore-item.ts';
import { giveUp, type HeldPage, type ItemEnd, type PageWork, type PendingItem, runItem } from './run-item.ts';
import {
  backoffMs,
  fail,
  findOutage,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  type WorkEnd,
  type WorkPorts,
} from './work.ts';

const maxAtOnce = 16;
/** How often an item with an unknown outcome is read: some minutes in total. */
const maxLooks = 12;
/** How soon a page continues that stopped at an obstacle while upstream answered. */
const unblockedMs = 1_000;
/** How soon a page is tried again that a rate limit stopped, at the earliest. */
const minLimitedMs = 1_000;
/** How long a page may stay while limits delay it and other tasks wait. */
const stayMs = 5_000;

interface Ends {
  readonly obstacles: Set<'paused' | 'stopped' | 'outage'>;
  limitedMs: number;
  storeError?: unknown;
  readonly unknown: PendingItem[];
  readonly unread: PendingItem[];
}

function note(end: ItemEnd, pending: PendingItem, ends: Ends): void {
  if (end === 'unknown' || end === 'unread') ends[end].push(pending);
  else if (typeof end === 'object' && 'storeError' in end) ends.storeError = end.storeError;
  else if (typeof end === 'object') ends.limitedMs = Math.max(ends.limitedMs, end.afterMs);
  else if (end !== 'finished') ends.obstacles.add(end);
}

const isBlocked = ({ obstacles, limitedMs, storeError }: Ends) =>
  obstacles.size > 0 || limitedMs > 0 || storeError !== undefined;

/** Works on items concurrently, as fast as the account's pace allows, until all have begun or an obstacle blocks them. */
async function runEach(items: readonly PendingItem[], atOnce: number, ends: Ends, work: PageWork, stayUntil: number) {
  const { job, pace, isStopping, isCrowded } = work;
  const waiting = items.values();
  let failure: { readonly error: unknown } | undefined;

  /** Works on the next item. False when there is none, or none may begin. */
  async function runNext(): Promise<boolean> {
    if (isBlocked(ends) || isStopping()) return false;
    const { done, value: pending } = waiting.next();
    if (done) return false;
    try {
      note(await (job.input.restore ? runRestore : runItem)({ ...work, ...pending }), pending, ends);
    } catch (error) {
      failure ??= { error };
      ends.obstacles.add('stopped');
    }
    return true;
  }

  async function runInTurn(): Promise<void> {
    for (let isGoing = true; isGoing; ) {
      const isDelayed = pace?.isLimited === true && (pace.pauseMs > 0 || performance.now() > stayUntil);
      if ((isDelayed && isCrowded()) || (pace && !(await pace.enter(job.id)))) {
        ends.limitedMs = Math.max(ends.limitedMs, pace?.pauseMs ?? 0, 1);
        return;
      }
      isGoing = await runNext();
      pace?.leave(isGoing && !isBlocked(ends));
    }
  }
  // Waits for all of them, also after a failure: the page must not be leased anew while deletes of it are in flight.
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, runInTurn));
  if (failure) throw failure.error;
}

async function settlePage(ends: Ends, work: HeldPage): Promise<WorkEnd> {
  const { store, lease, job } = work;
  const { obstacles, limitedMs, storeError, unknown, unread } = ends;
  if (storeError !== undefined) {
    const [problem, why] = job.input.restore
      ? ['the undo store does not return a file', 'The server cannot read undo files now, so it creates nothing.']
      : ['the undo store does not accept a file', 'The server cannot store records now, so it deletes nothing.'];
    work.log.error({ err: storeError, ...loggedId(job) }, problem);
    await store.note(lease.jobId, `${why} It retries automatically.`);
  }
  if (work.isStopping()) return { afterMs: 0 };
  const readAgainMs = Math.max(0, ...unread.map(({ failedReads }) => lookPauseMs(failedReads, work)));
  const looks = await Promise.all(unknown.map(({ index }) => store.countWait(lease, `look:${index}`)));
  for (const [i, pending] of unknown.entries()) {
    if (Number(looks[i]) <= maxLooks) continue;
    const held = { ...work, ...pending };
    await (job.input.restore ? giveUpRestore(held) : giveUp(held, 'Nothing'));
  }
  const fewest = Math.min(...looks);
  if (fewest <= maxLooks) {
    // By then, each sender has its answer or has timed out.
    const afterMs = Math.max(work.requestTimeoutMs, lookPauseMs(fewest - 1, work), readAgainMs);
    // The account is fine: a few unknown outcomes must not delay the pages after this one.
    return isBlocked(ends) ? { afterMs } : { afterMs, isFree: true };
  }
  if (obstacles.has('stopped')) {
    // The page of a cancelled job is done when no delete of it is begun.
    const states = await store.readStates(lease.jobId, lease.page);
    return Object.values(states).includes('begun') ? { afterMs: 0 } : 'done';
  }
  if (obstacles.has('paused')) return { afterMs: pausedLookMs };
  // Upstream answers: only unreadable records have opened the breaker, and only they have to wait.
  if (obstacles.has('outage') && work.isAnswering) return { afterMs: unblockedMs, isFree: true };
  if (obstacles.has('outage') || storeError !== undefined)
    return { afterMs: backoffMs(await store.countWait(lease, 'outage')) };
  if (limitedMs > 0) return { afterMs: Math.max(limitedMs, minLimitedMs) };
  return unread.length === 0 ? 'done' : { afterMs: readAgainMs, isFree: true };
}

function pendingItems(items: readonly PendingItem['item'][], states: Readonly<Record<string, string>>) {
  const count = (name: string) => Number(states[name] ?? 0);
  return items.flatMap((item, index): PendingItem[] => {
    const isBegun = states[index] === 'begun';
    if (!isBegun && states[index] !== undefined) return [];
    const [looks, failedReads] = [count(`waits:look:${index}`), count(`waits:unread:${index}`)];
    return [{ item, index, isBegun, looks, failedReads, answered: { count: count(`answers:${index}`) } }];
  });
}

/** Works on a page's items without a final outcome. It may be called at any time: an earlier call that still runs then changes nothing more. */
export async function runPage(lease: PageLease, ports: WorkPorts): Promise<WorkEnd> {
  const { store } = ports;
  const job = await store.read(lease.jobId);
  if (!job || hasEnded(job)) return 'done';
  const isCancelling = job.phase === 'CANCELLING';
  if (job.isPaused && !isCancelling) return { afterMs: pausedLookMs };
  const items = await store.readPage(lease.jobId, lease.page);
  if (!items) {
    const why =
      'Redis has lost the list of the remaining engagements. Nothing further is sent. See `outcomes`, and start another.';
    return fail(job, why, ports);
  }
  const caller = await openCaller(job, ports);
  if (!caller && !isCancelling) return { afterMs: pausedLookMs };
  const { integratedAccountId } = job.input;
  const pace = caller && !isCancelling ? ports.paceOf(limitedBy(caller, integratedAccountId)) : undefined;
  if (pace?.isFull(job.id)) return { afterMs: Math.max(pace.pauseMs, minLimitedMs) };
  const states = await store.takePage(lease);
  if (!states) return 'done';
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
  const keepLine = job.input.snapshot ? ports.undoStore?.openPage(job.id, lease.page) : undefined;
  const work: PageWork = { ...ports, job, lease, caller, isAnswering, keepLine, pace, seenReferences: new Map() };
  // After a cancel, items are read in any case: each read counts as a look.
  if (obstacle && obstacle !== 'outage' && !isCancelling) {
    for (const one of pending.slice(0, 1)) note(obstacle, one, ends);
    return settlePage(ends, work);
  }
  // After an outage, one request at a time shows whether it is over.
  const atOnce = obstacle && !isCancelling ? 1 : maxAtOnce;
  const stayUntil = performance.now() + stayMs;
  const run = (some: readonly PendingItem[]) => runEach(some, atOnce, ends, work, stayUntil);
  // Unknown outcomes come last, so that they delay no others. Unreadable records come after them, and only while upstream answers:
  // then another failed read is about the record.
  const sound = pending.filter(({ failedReads }) => failedReads === 0).sort((one, other) => one.looks - other.looks);
  const unread = pending.filter(({ failedReads }) => failedReads > 0).sort((a, b) => a.failedReads - b.failedReads);
  // One request shows whether upstream accepts the token.
  let isProbing = job.done === 0 || job.resumes > 0;
  for (const some of isAnswering ? [sound, unread] : [sound]) {
    if (isProbing) await run(some.slice(0, 1));
    if (!(isProbing && isBlocked(ends))) await run(isProbing ? some.slice(1) : some);
    if (some.length > 0) isProbing = false;
    if (isBlocked(ends)) break;
  }
  // The unreadable records were not read again.
  if (obstacle) ends.obstacles.add('outage');
  return settlePage(ends, work);
}
