import { hasEnded } from './job.ts';
import type { PageLease } from './job-store.ts';
import { keepPage } from './keep-page.ts';
import { findOutage } from './obstacle.ts';
import { backoffMs, lookPauseMs, openCaller, type PagePorts, pausedLookMs, type WorkEnd } from './page-ports.ts';
import type { HeldPage, ItemEnd, PageWork, PendingItem } from './page-work.ts';
import { giveUp, runItem } from './run-item.ts';

/** How many engagements of a page are deleted at once. */
const maxAtOnce = 16;

/** How often what became of an item is looked for: some minutes, all in all. */
const maxLooks = 12;

/** Why a page's work cannot be finished now. */
interface Obstacles {
  isPaused: boolean;
  isStopped: boolean;
  isTroubled: boolean;
  limitedMs: number;
  readonly unknown: PendingItem[];
  readonly unread: PendingItem[];
}

const noObstacles = (): Obstacles => ({
  ...{ isPaused: false, isStopped: false, isTroubled: false, limitedMs: 0 },
  ...{ unknown: [], unread: [] },
});

/** How soon a page goes on that was held back while upstream answered. */
const heldBackMs = 1_000;

function note(end: ItemEnd, pending: PendingItem, obstacles: Obstacles): void {
  if (end === 'unknown') obstacles.unknown.push(pending);
  else if (end === 'unread') obstacles.unread.push(pending);
  else if (end === 'stopped') obstacles.isStopped = true;
  else if (end === 'finished') return;
  else if (end.kind === 'paused') obstacles.isPaused = true;
  else if (end.kind === 'trouble') obstacles.isTroubled = true;
  else obstacles.limitedMs = Math.max(obstacles.limitedMs, end.afterMs);
}

const blocks = ({ isPaused, isStopped, isTroubled, limitedMs }: Obstacles) =>
  isPaused || isStopped || isTroubled || limitedMs > 0;

/** Does so many at once, until all have begun or something is in the way. */
async function runEach(
  items: readonly PendingItem[],
  atOnce: number,
  task: (item: PendingItem) => Promise<ItemEnd>,
  obstacles: Obstacles,
  { isStopping }: PagePorts,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  let hasFailed = false;
  async function runInTurn(): Promise<void> {
    try {
      for (const pending of waiting) {
        note(await task(pending), pending, obstacles);
        if (blocks(obstacles) || isStopping() || hasFailed) return;
      }
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  }
  // All of them, whatever becomes of one: a page must not be taken anew while some of its deletes are on their way.
  const turns = await Promise.allSettled(Array.from({ length: atOnce }, runInTurn));
  const failed = turns.find((turn) => turn.status === 'rejected');
  if (failed) throw failed.reason;
}

/** True when a delete that was sent from this page still has no outcome. */
async function hasBegun({ job, lease }: HeldPage, { store }: PagePorts): Promise<boolean> {
  return Object.values(await store.readStates(job.id, lease.page)).includes('begun');
}

/** @param isAnswering true when upstream answered a list meanwhile: then what is in trouble is not all of it. */
async function endOf(
  obstacles: Obstacles,
  work: HeldPage & Partial<Pick<PageWork, 'isAnswering'>>,
  ports: PagePorts,
): Promise<WorkEnd> {
  const { isPaused, isStopped, isTroubled, limitedMs, unknown, unread } = obstacles;
  const readAgainMs = Math.max(0, ...unread.map(({ failedReads }) => lookPauseMs(failedReads, ports)));
  if (ports.isStopping()) return { kind: 'later', afterMs: 0 };
  const looked = await Promise.all(
    unknown.map(async (pending) => ({
      pending,
      looks: await ports.store.countWait(work.lease, `look:${pending.index}`),
    })),
  );
  const inVain = looked.filter(({ looks }) => looks > maxLooks);
  for (const { pending } of inVain) await giveUp(pending, work, ports);
  if (inVain.length < looked.length) {
    const fewest = Math.min(...looked.map(({ looks }) => looks));
    // By then whoever sent it has an answer or has given up, so that what is found there is there.
    const afterMs = Math.max(ports.requestTimeoutMs, lookPauseMs(fewest - 1, ports), readAgainMs);
    // The account is fine: what nobody knows of a few must not hold up all that come after them.
    return { kind: 'later', afterMs, ...(!blocks(obstacles) && { isFree: true }) };
  }
  // A page whose job was cancelled on the way is done when each that was sent has its end.
  if (isStopped) return (await hasBegun(work, ports)) ? { kind: 'later', afterMs: 0 } : { kind: 'done' };
  if (isPaused) return { kind: 'later', afterMs: pausedLookMs };
  // Upstream answers: records that cannot be read have opened the breaker, and only they have to wait for it.
  if (isTroubled && work.isAnswering) return { kind: 'later', afterMs: heldBackMs, isFree: true };
  if (isTroubled) return { kind: 'later', afterMs: backoffMs(await ports.store.countWait(work.lease, 'trouble')) };
  if (limitedMs === 0)
    return unread.length === 0 ? { kind: 'done' } : { kind: 'later', afterMs: readAgainMs, isFree: true };
  await ports.store.countWait(work.lease, 'limited');
  return { kind: 'later', afterMs: limitedMs };
}

/**
 * What nobody knows, or cannot read, comes last, so that it stops no other; what could not be read comes only while upstream answers at
 * all: then, that it still cannot be read is its own.
 */
function inOrder(
  pending: readonly PendingItem[],
  isAnswering: boolean | undefined,
): readonly (readonly PendingItem[])[] {
  const sound = pending.filter(({ failedReads }) => failedReads === 0).sort((one, other) => one.looks - other.looks);
  const unread = pending.filter(({ failedReads }) => failedReads > 0);
  return [sound, ...(isAnswering ? [unread.sort((one, other) => one.failedReads - other.failedReads)] : [])];
}

/**
 * Works on one page of a bulk delete: whatever has no final outcome yet. It may be called again at any time, in any process,
 * also while the one before is still at it: that one then changes nothing any more.
 */
export async function runPage(lease: PageLease, ports: PagePorts): Promise<WorkEnd> {
  const { store } = ports;
  const job = await store.read(lease.jobId);
  if (!job || hasEnded(job)) return { kind: 'done' };
  if (job.isPaused && job.phase !== 'CANCELLING') return { kind: 'later', afterMs: pausedLookMs };
  const items = await store.readPage(lease.jobId, lease.page);
  if (!items) {
    await store.stop(
      job,
      'fail',
      'Redis has lost which engagements were left. Nothing further is deleted; `outcomes` says what was. Start another.',
    );
    // It has not failed if somebody has resumed it since it was read.
    return { kind: 'later', afterMs: 0 };
  }
  const caller = await openCaller(job, ports);
  if (!caller && job.phase !== 'CANCELLING') return { kind: 'later', afterMs: pausedLookMs };
  const states = await store.takePage(lease);
  if (!states) return { kind: 'done' };
  const pending = items
    .map((item, index) => ({
      ...{ item, index, isBegun: states[index] === 'begun', isKept: states[`kept:${index}`] === '1' },
      looks: Number(states[`waits:look:${index}`] ?? 0),
      failedReads: Number(states[`waits:unread:${index}`] ?? 0),
      answerCount: Number(states[`answers:${index}`] ?? 0),
    }))
    .filter(({ index, isBegun }) => isBegun || (states[index] === undefined && job.phase !== 'CANCELLING'));
  const obstacles = noObstacles();
  if (!caller) {
    // Nobody can look with a token that cannot be opened; a cancelled job ends all the same.
    obstacles.unknown.push(...pending);
    return endOf(obstacles, { job, lease }, ports);
  }
  const hasFailed = pending.some(({ looks, failedReads }) => looks + failedReads > 0);
  const wasTroubled = states['waits:trouble'] !== undefined;
  const mayBeOut = hasFailed || (wasTroubled && pending.length > 0);
  const outage = mayBeOut ? await findOutage(job, caller, ports) : undefined;
  const isAnswering = mayBeOut ? outage === undefined : undefined;
  const work = { job, lease, caller, isAnswering };
  // What was sent before a cancel is looked for all the same: each look counts.
  if (outage && outage.kind !== 'trouble' && job.phase !== 'CANCELLING') {
    for (const one of pending.slice(0, 1)) note(outage, one, obstacles);
    return endOf(obstacles, work, ports);
  }
  // One that met a limit will meet it again: each further try that finds no place is for nothing. So in an outage.
  const isHeldUp = states['waits:limited'] !== undefined || outage !== undefined;
  const atOnce = isHeldUp && job.phase !== 'CANCELLING' ? 1 : maxAtOnce;
  const run = (some: readonly PendingItem[], task: (item: PendingItem) => Promise<ItemEnd>) =>
    runEach(some, atOnce, task, obstacles, ports);
  const remove = (item: PendingItem) => runItem(item, work, ports);
  // One tries whether upstream takes the token, or whether trouble is over.
  let isProbing = (wasTroubled && !isAnswering) || job.done === 0 || job.resumes > 0;
  for (const some of inOrder(pending, isAnswering)) {
    const kept = job.input.snapshot ? await keepPage(some, work, ports, run) : some;
    if (kept === undefined) return { kind: 'later', afterMs: backoffMs(await store.countWait(lease, 'trouble')) };
    if (isProbing) await run(kept.slice(0, 1), remove);
    if (!(isProbing && blocks(obstacles))) await run(isProbing ? kept.slice(1) : kept, remove);
    if (kept.length > 0) isProbing = false;
    if (blocks(obstacles)) break;
  }
  // What failed before was not read again.
  if (outage) obstacles.isTroubled = true;
  return endOf(obstacles, work, ports);
}
