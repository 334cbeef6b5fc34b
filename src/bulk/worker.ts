import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, type Job, type JobsOptions, Queue, Worker } from 'bullmq';
import { keyPrefix, type SharedMemory } from '../redis.ts';
import { withoutCommand } from '../redis-fault.ts';
import { BulkUnavailable } from './bulk-unavailable.ts';
import { type BulkJob, hasEnded } from './job.ts';
import { listJob } from './list-job.ts';
import type { PagePorts, WorkEnd } from './page-ports.ts';
import { runPage } from './run-page.ts';

/** How many pages of one job are under way at once, in all processes: an account's turn among those of others. */
const pagesAtOnce = 16;

/** How many pages one process works on at once. Those that wait for something are not among them. */
const maxAtOnce = 64;

/**
 * How much longer than a request may take a process is believed to be at a page without saying so again: what it sent has an
 * answer by then, or was given up. And how often that is looked at.
 */
const lockMarginMs = 2_000;
const stalledLookMs = 1_000;

/** How long to wait after a failure that nobody foresaw, in milliseconds. */
const failedMs = 2_000;

/** How much longer than a request a close may take. */
const closeTimeoutMs = 2_000;

/** How long Redis may take to hear of a new job. */
const beginTimeoutMs = 2_000;

/** What BullMQ hands from worker to worker: a page, or the list. */
interface Task {
  readonly jobId: string;
  readonly page: number | null;
}

/** A page is never given up: its job's callers say when it is enough. */
const taskOptions: JobsOptions = {
  attempts: 1_000_000_000,
  backoff: { type: 'fixed', delay: 1_000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: true,
};

/** Does the work of bulk deletes, together with whichever processes have the same Redis. */
export interface BulkWorker {
  /** Begins the work on a job; again, when it is not known whether it was begun. */
  begin(job: BulkJob): Promise<void>;
  /** Begins nothing further, waits for what was sent, and leaves the rest to others. */
  close(): Promise<void>;
}

/** Starts working. Without Redis it waits until that is there. */
export function startBulkWorker(memory: SharedMemory, options: Omit<PagePorts, 'isStopping'>): BulkWorker {
  let isStopping = false;
  const ports: PagePorts = { ...options, isStopping: () => isStopping };
  const { store, log, requestTimeoutMs } = options;
  const connections = [memory.connect(), memory.connect()] as const;
  const queue = new Queue<Task>('bulk-deletes', { connection: connections[0], prefix: keyPrefix });

  // One name for each page: to add it twice is to add it once.
  const add = (task: Task) =>
    queue.add('work', task, { ...taskOptions, jobId: `${task.jobId}-${task.page ?? 'list'}` });

  async function begin({ id: jobId, phase, pageCount }: BulkJob): Promise<void> {
    const first = Array.from({ length: Math.min(pageCount, pagesAtOnce) }, (_, page) => page);
    const pages = { LISTING: [null], DELETING: first }[phase as string] ?? [];
    await Promise.all(pages.map((page) => add({ jobId, page })));
  }

  /** Each page is followed by the one that many places behind it. Only then is it done, so that none is lost in between. */
  async function goOn({ jobId, page }: Task): Promise<void> {
    const job = await store.read(jobId);
    if (!job || hasEnded(job) || job.phase === 'CANCELLING') return;
    if (page === null) return begin(job);
    const next = page + pagesAtOnce;
    if (next >= job.pageCount || (await store.isFollowed(jobId, page))) return;
    await add({ jobId, page: next });
    await store.noteFollowed(jobId, page);
  }

  async function work({ jobId, page }: Task): Promise<WorkEnd> {
    try {
      return await (page === null ? listJob(jobId, ports) : runPage({ jobId, page, owner: randomUUID() }, ports));
    } catch (err) {
      // That Redis is gone has been told.
      if (!(err instanceof BulkUnavailable))
        log.error({ err, bulkDeleteId: jobId }, 'a part of a bulk delete is tried again');
      return { kind: 'later', afterMs: failedMs };
    }
  }

  async function process(task: Job<Task>, token?: string): Promise<void> {
    const end = await work(task.data);
    if (end.kind === 'done') return goOn(task.data);
    if (end.isFree) await goOn(task.data);
    await task.moveToDelayed(Date.now() + end.afterMs, token);
    throw new DelayedError();
  }

  const worker = new Worker<Task>('bulk-deletes', process, {
    connection: connections[1],
    prefix: keyPrefix,
    concurrency: maxAtOnce,
    lockDuration: requestTimeoutMs + lockMarginMs,
    stalledInterval: stalledLookMs,
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
  queue.on('error', () => {});
  worker.on(
    'error',
    (error) => memory.isReachable && log.warn({ reason: withoutCommand(error).message }, 'a bulk delete waits'),
  );

  return {
    begin: (job) =>
      Promise.race([
        begin(job),
        sleep(beginTimeoutMs, undefined, { ref: false }).then(() =>
          Promise.reject(new BulkUnavailable('Redis is slow')),
        ),
      ]),
    async close() {
      isStopping = true;
      // Without Redis, neither would end: it has nothing to be told then.
      await Promise.race([worker.close().then(() => queue.close()), sleep(closeTimeoutMs + requestTimeoutMs)]);
      for (const connection of connections) connection.disconnect();
    },
  };
}
