import { hasEnded } from './job.ts';
import type { PageLease } from './job-store.ts';
import { keepPage } from './keep-page.ts';
import { backoffMs, openCaller, type PagePorts, pausedLookMs, type WorkEnd } from './page-ports.ts';
import type { ItemEnd, PageWork, PendingItem } from './page-work.ts';
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
}

function note(end: ItemEnd, pending: PendingItem, obstacles: Obstacles): void {
  if (end === 'unknown') obstacles.unknown.push(pending);
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

async function endOf(obstacles: Obstacles, work: PageWork, ports: PagePorts): Promise<WorkEnd> {
  const { isPaused, isStopped, isTroubled, limitedMs, unknown } = obstacles;
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
    const afterMs = Math.max(ports.requestTimeoutMs, backoffMs(fewest - 1));
    // The account is fine: what nobody knows of a few must not hold up all that come after them.
    return { kind: 'later', afterMs, ...(!blocks(obstacles) && { isFree: true }) };
  }
  if (isStopped) return { kind: 'done' };
  if (isPaused) return { kind: 'later', afterMs: pausedLookMs };
  if (isTroubled) return { kind: 'later', afterMs: backoffMs(await ports.store.countWait(work.lease, 'trouble')) };
  if (limitedMs === 0) return { kind: 'done' };
  await ports.store.countWait(work.lease, 'limited');
  return { kind: 'later', afterMs: limitedMs };
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
    await store.stop(job, 'fail', 'Which engagements were left is not kept any more. What was deleted is in outcomes.');
    return { kind: 'done' };
  }
  const caller = await openCaller(job, ports);
  if (!caller) return { kind: 'later', afterMs: pausedLookMs };
  const states = await store.takePage(lease);
  if (!states) return { kind: 'done' };
  const pending = items
    .map((item, index) => ({
      ...{ item, index, isBegun: states[index] === 'begun', isKept: states[`kept:${index}`] === '1' },
      looks: Number(states[`waits:look:${index}`] ?? 0),
      answerCount: Number(states[`answers:${index}`] ?? 0),
    }))
    .filter(({ index, isBegun }) => isBegun || (states[index] === undefined && job.phase !== 'CANCELLING'));
  const work = { job, lease, caller };
  const obstacles: Obstacles = { isPaused: false, isStopped: false, isTroubled: false, limitedMs: 0, unknown: [] };
  // One that met a limit will meet it again: each further try that finds no place is for nothing.
  const atOnce = states['waits:limited'] === undefined ? maxAtOnce : 1;
  const run = (some: readonly PendingItem[], task: (item: PendingItem) => Promise<ItemEnd>) =>
    runEach(some, atOnce, task, obstacles, ports);
  const kept = job.input.snapshot ? await keepPage(pending, work, ports, run) : pending;
  if (kept === undefined) return { kind: 'later', afterMs: backoffMs(await store.countWait(lease, 'trouble')) };
  const remove = (item: PendingItem) => runItem(item, work, ports);
  // One tries whether upstream takes the token, or whether trouble is over.
  const isProbing = states['waits:trouble'] !== undefined || job.done === 0 || job.resumes > 0;
  if (isProbing) await run(kept.slice(0, 1), remove);
  if (!(isProbing && blocks(obstacles))) await run(isProbing ? kept.slice(1) : kept, remove);
  return endOf(obstacles, work, ports);
}
