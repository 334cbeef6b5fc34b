import type { BulkInput } from './job.ts';
import {
  type BulkMemory,
  findUnserved,
  heartbeat,
  pagesAtOnce,
  redisKey,
  releaseTask,
  takeTasks,
} from './job-scripts.ts';

/** A unit of work of a bulk delete that a server has taken: a page, or its list. Its writes count only while it holds the lease. */
export interface Lease {
  readonly jobId: string;
  readonly page: number | 'list';
  readonly task: string;
  /** The name of its queue. */
  readonly needs: string;
  readonly owner: string;
}

/** The settings of a server that tasks depend on. */
export interface Abilities {
  readonly upstream: string;
  /** `own` for the server's own credential, or the name of the seal that opens callers' tokens; undefined when the server cannot keep tokens. */
  readonly credential: string | undefined;
  readonly keepsUndoFiles: boolean;
}

/** The settings behind the {@link Abilities}, in the order in which a queue's name has them. */
const settingsBehind = ['TRUTO_BASE_URL', 'AUTH_MODE and BULK_TOKEN_SECRET', 'UNDO_STORE'] as const;

/**
 * The queue of a job that this server starts. Only servers with matching settings take from it. Restores have queues of their own: a server of
 * an earlier version would take their pages for those of deletes.
 */
export function needsOf({ upstream, credential }: Abilities, input: Pick<BulkInput, 'snapshot' | 'restore'>): string {
  const { snapshot, restore } = input;
  const store = snapshot || restore?.jobId ? 'store' : 'none';
  return [upstream, credential, store, ...(restore ? ['restore'] : [])].join(' ');
}

/** How long a lease lasts without a heartbeat, in milliseconds. By then each delete of its holder has an answer or has timed out. */
export const leaseMsFor = (requestTimeoutMs: number): number => requestTimeoutMs + 2_000;

/** How long after the last heartbeat a queue counts as not served, in milliseconds. */
const unservedMs = 20_000;

/** The queues of this server's bulk deletes, in Redis. Each method rejects with `BulkUnavailable` while Redis cannot be reached. */
export class TaskQueue {
  readonly #memory: BulkMemory;
  readonly #abilities: Abilities;
  readonly #leaseMs: number;
  /** The names of the queues that this server can serve. */
  readonly #served: readonly string[];

  constructor(memory: BulkMemory, abilities: Abilities, leaseMs: number) {
    this.#memory = memory;
    this.#abilities = abilities;
    this.#leaseMs = leaseMs;
    const withoutStore = [{ snapshot: false }, { snapshot: false, restore: {} }];
    const withStore = [{ snapshot: true }, { snapshot: false, restore: { jobId: 'any' } }];
    const kinds = abilities.keepsUndoFiles ? [...withoutStore, ...withStore] : withoutStore;
    this.#served = abilities.credential === undefined ? [] : kinds.map((kind) => needsOf(abilities, kind));
  }

  readonly #keyOfQueue = (needs: string) => redisKey(this.#memory, 'queue', { needs });

  /** Takes up to `count` tasks of these queues that are due. `nextMs`: until the next task is due, in milliseconds, if there is one. */
  async take(count: number, owner: string, queues = this.#served): Promise<{ leases: Lease[]; nextMs?: number }> {
    if (queues.length === 0) return { leases: [] };
    const keys = queues.map(this.#keyOfQueue);
    const [nextMs, ...taken] = await takeTasks(this.#memory, { count, owner, leaseMs: this.#leaseMs }, { keys });
    const leases: Lease[] = [];
    for (let i = 0; i < taken.length; i += 2) {
      const task = String(taken[i + 1]);
      const [jobId = '', page] = task.split(':');
      const needs = queues[Number(taken[i])] ?? '';
      leases.push({ jobId, page: page === 'list' ? page : Number(page), task, needs, owner });
    }
    return { leases, ...(nextMs >= 0 && { nextMs }) };
  }

  /** Renews these leases, and says that this server serves its queues. */
  async heartbeat(leases: Iterable<Lease>): Promise<void> {
    const held = [...leases];
    const keys = held.map(({ needs }) => this.#keyOfQueue(needs));
    const args = [...this.#served, ...held.flatMap(({ task, owner }) => [task, owner])];
    await heartbeat(this.#memory, { leaseMs: this.#leaseMs }, { keys, args });
  }

  /** Ends a lease. `afterMs`: when the task is due again, if it is. `isFollowed` queues the page that is {@link pagesAtOnce} after it. */
  async release(lease: Lease, afterMs: number | undefined, isFollowed: boolean): Promise<void> {
    const follower = isFollowed && lease.page !== 'list' ? lease.page + pagesAtOnce : '';
    await releaseTask(this.#memory, { ...lease, afterMs: afterMs ?? -1, follower });
  }

  /** The queues that have tasks and no server: their first jobs, for how long, and what this server would have to change to serve them. */
  async findUnserved() {
    const has = needsOf(this.#abilities, { snapshot: this.#abilities.keepsUndoFiles }).split(' ');
    const found = await findUnserved(this.#memory, { queuePrefix: this.#keyOfQueue(''), unservedMs });
    return found.map(([needs, silentMs, jobIds]) => {
      const isLacking = needs.split(' ').map((need, index) => need !== has[index] && need !== 'none');
      return { needs, silentMs, jobIds, lacks: settingsBehind.filter((_, index) => isLacking[index]) };
    });
  }
}
