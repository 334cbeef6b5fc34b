import { PassThrough } from 'node:stream';
import { Redis } from 'ioredis';
import type { BulkItem, BulkJob } from '../../src/bulk/job.ts';
import { type Abilities, JobStore, type Lease, type PageLease } from '../../src/bulk/job-store.ts';
import { Secret } from '../../src/config/secret.ts';
import { createLog } from '../../src/log/log.ts';
import { connectRedis, type SharedMemory } from '../../src/redis/shared-memory.ts';
import { prefix } from './redis-facade.ts';
import { startRedis } from './redis-server.ts';

/** How long a lease lasts: longer than any test, so that none ends by itself. */
export const leaseMs = 60_000;

/** A Redis with what is kept of bulk deletes, and no server that works on them. */
export interface BulkStore extends AsyncDisposable {
  /** For a look at what is kept, and to change it as time does. */
  readonly client: Redis;
  readonly memory: SharedMemory;
  readonly store: JobStore;
}

/** Starts a Redis, with its store. */
export async function startBulkStore(): Promise<BulkStore> {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const client = new Redis(redis.url);
  stack.defer(() => client.disconnect());
  const memory = await connectRedis(
    new Secret(redis.url),
    createLog({ destination: new PassThrough().resume() }),
    prefix,
  );
  stack.defer(() => memory.close());
  const abilities = { upstream: 'u', credential: 'own', keepsUndoFiles: true };
  const store = new JobStore(memory, abilities, leaseMs);
  return { client, memory, store, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What a job is made with: only what differs from the usual. */
export interface Created {
  /** Its queue is only served with these. */
  readonly abilities: Abilities;
  readonly snapshot?: boolean;
}

let count = 0;

/** Keeps a job that names these engagements; one with a filter without them. */
export async function createJob(
  { memory }: BulkStore,
  ids: readonly string[] | undefined,
  { abilities, snapshot = false }: Created,
): Promise<BulkJob> {
  count += 1;
  const filter = ids === undefined ? { contact: '1' } : undefined;
  const input = { integratedAccountId: 'a', dryRun: false, snapshot, filter } as const;
  // Each has an owner of its own.
  const job = {
    id: `job${count}`,
    ownerId: `owner of job${count}`,
    input,
    callerId: 'c',
    sealedToken: 'sealed',
    fingerprint: 'f',
  };
  const items = ids?.map((id): BulkItem => ({ id, engagementType: null }));
  const store = new JobStore(memory, abilities, leaseMs);
  await store.create(job, items);
  const kept = await store.read(job.id);
  if (!kept) throw new Error('it is not kept');
  return kept;
}

/** True for a page, false for a list. */
export const isPage = (lease: Lease): lease is PageLease => lease.page !== 'list';

/** Takes the task that has been due longest, which must be a page, for some server. */
export async function takeLease({ memory }: BulkStore, abilities: Abilities, holder = 'w'): Promise<PageLease> {
  const [lease] = (await new JobStore(memory, abilities, leaseMs).takeTasks(1, holder)).leases;
  if (!lease || !isPage(lease)) throw new Error('no page');
  return lease;
}
