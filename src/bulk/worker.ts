import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { loggedId, type UnfinishedJobs } from './job.ts';
import { BulkUnavailable } from './job-scripts.ts';
import type { Lease } from './job-store.ts';
import { listJob } from './list-job.ts';
import { Pace } from './pace.ts';
import { runPage } from './run-page.ts';
import { retryUntilAnswered, type WorkEnd, type WorkPorts } from './work.ts';

/** How many tasks one process works on at once. Delayed tasks do not count. */
const maxAtOnce = 64;
/** How many of them may wait for the limits of their accounts. The others give way. */
const maxWaitingAtOnce = 48;
/** The most accounts whose pace is known. A dropped pace starts again, even while it is in use. */
const maxPaces = 5_000;
const idlePollMs = 500;
const heartbeatsPerLease = 4;
const maxHeartbeatMs = 5_000;
/** How often to check for bulk deletes that no server serves, and to count those that have not ended. */
const checkMs = 5_000;
/** How long a queue waits for a server with its settings, until other servers end its cancelled bulk deletes. */
const unservedPatienceMs = 600_000;
const failedMs = 2_000;
/** How much longer than a request a close may take. */
const closeMarginMs = 2_000;

/** Its ports. `noteUnfinished` gets the numbers of all servers' bulk deletes every few seconds. */
type WorkerOptions = Omit<WorkPorts, 'isStopping' | 'isCrowded' | 'paceOf'> & {
  readonly noteUnfinished: (jobs: UnfinishedJobs) => void;
};

/**
 * Works on bulk deletes, together with all processes that share the Redis; waits for it while it cannot be reached. `wake` polls the queue now:
 * call it after adding tasks. `close` waits for the deletes in flight, and leaves the rest to other servers.
 */
export function startBulkWorker({ noteUnfinished, ...options }: WorkerOptions) {
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const running = new Map<Promise<void>, Lease>();
  const paces = new LRUCache<string, Pace>({ max: maxPaces, memoMethod: () => new Pace(stopping.signal) });
  const ports: WorkPorts = {
    ...{ ...options, isStopping, isCrowded: () => running.size > maxWaitingAtOnce },
    paceOf: ({ tokenId, integratedAccountId }) => paces.memo(JSON.stringify([tokenId, integratedAccountId])),
  };
  const { store, log, requestTimeoutMs } = options;
  let rest = new AbortController();
  const wake = () => rest.abort();

  async function work(lease: Lease): Promise<WorkEnd> {
    const { jobId, page } = lease;
    try {
      return await (page === 'list' ? listJob(jobId, ports) : runPage({ ...lease, page }, ports));
    } catch (err) {
      // That Redis is gone has its own log line.
      if (!(err instanceof BulkUnavailable)) {
        const job = await store.read(jobId).catch(() => null);
        const id = job ? loggedId(job) : { bulkDeleteId: jobId };
        log.error({ err, ...id }, 'a task of a bulk delete or restore failed unexpectedly, and is retried');
      }
      return { afterMs: failedMs };
    }
  }

  /** Ends a lease, as soon as Redis can be reached: other servers would have to wait until it expires. */
  async function release(lease: Lease, end: WorkEnd): Promise<void> {
    const afterMs = end === 'done' ? undefined : end.afterMs;
    const isFollowed = end === 'done' || end.isFree === true;
    await retryUntilAnswered(() => store.releaseTask(lease, afterMs, isFollowed), isStopping).catch(() => {});
  }

  /** Takes the due tasks of these queues that there is room for. Returns how long to wait before the next poll, in milliseconds. */
  async function takeDue(queues?: readonly string[]): Promise<number> {
    const free = maxAtOnce - running.size;
    if (free === 0) return idlePollMs;
    const { leases, nextMs = idlePollMs } = await store.takeTasks(free, randomUUID(), queues);
    for (const lease of leases) {
      const task = work(lease)
        .then((end) => release(lease, end))
        .finally(() => {
          running.delete(task);
          wake();
        });
      running.set(task, lease);
    }
    return Math.min(nextMs, idlePollMs);
  }

  async function takeAll(): Promise<void> {
    while (!isStopping()) {
      rest = new AbortController();
      // While Redis cannot be reached, a poll sends nothing.
      const waitMs = await takeDue().catch(() => idlePollMs);
      if (!isStopping()) await sleep(waitMs, undefined, { signal: rest.signal, ref: false }).catch(() => {});
    }
  }

  /**
   * Notes in bulk deletes that no server has the settings for them. After a while, this server takes their tasks: without the settings it
   * deletes nothing, but cancelled bulk deletes end, and expired ones leave the queue.
   */
  async function attendUnserved(): Promise<void> {
    for (const { needs, jobIds, silentMs, lacks } of await store.findUnserved()) {
      const why = `No server can work on it. It waits for a server with the same ${lacks.join(' and ')} as at its start.`;
      for (const jobId of jobIds) await store.note(jobId, why, 'unserved');
      if (silentMs > unservedPatienceMs) await takeDue([needs]);
    }
  }

  const every = (ms: number, act: () => Promise<void>) => setInterval(() => void act().catch(() => {}), ms).unref();
  const beat = () => store.heartbeat(running.values());
  const heartbeatMs = Math.min(store.leaseMs / heartbeatsPerLease, maxHeartbeatMs);
  const count = async () => noteUnfinished(await store.countUnfinished());
  const timers = [every(heartbeatMs, beat), every(checkMs, attendUnserved), every(checkMs, count)];
  for (const atOnce of [beat, count]) void atOnce().catch(() => {});
  const taking = takeAll();

  return {
    wake,
    async close(): Promise<void> {
      stopping.abort();
      wake();
      const ended = taking.then(() => Promise.all(running.keys()));
      await Promise.race([ended, sleep(closeMarginMs + requestTimeoutMs, undefined, { ref: false })]);
      for (const timer of timers) clearInterval(timer);
    },
  };
}
