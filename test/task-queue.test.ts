import { describe, expect, it } from 'vitest';
import type { BulkFailure, BulkJob } from '../src/bulk/job.ts';
import { pagesAtOnce } from '../src/bulk/job-scripts.ts';
import { type Abilities, JobStore, type Lease, type PageLease } from '../src/bulk/job-store.ts';
import { listJob } from '../src/bulk/list-job.ts';
import type { WorkPorts } from '../src/bulk/work.ts';
import { createJob, isPage, leaseMs, startBulkStore, takeLease } from './support/bulk-store.ts';
import { shared } from './support/shared.ts';

const abilities: Abilities = { upstream: 'u', credential: 'own', keepsUndoFiles: true };
const lacking = { ...abilities, keepsUndoFiles: false };

const kept = await shared(startBulkStore());
const { client, memory, store } = kept;

/** Keeps a job of so many pages; without a number, one with a filter. */
function create(pageCount?: number, snapshot = false): Promise<BulkJob> {
  const ids =
    pageCount === undefined ? undefined : Array.from({ length: (pageCount - 1) * 100 + 1 }, (_, index) => `${index}`);
  return createJob(kept, ids, { abilities, snapshot });
}

const queueKey = ({ needs }: Pick<BulkJob, 'needs'>) => `${memory.keyPrefix}:bulk-queue:${needs}`;
const dueOf = (job: BulkJob, page: number | 'list') => client.zscore(queueKey(job), `${job.id}:${page}`).then(Number);

/** Makes tasks due whose lease has not ended, as time does. */
const letLeaseEnd = (job: BulkJob, page: number | 'list') => client.zadd(queueKey(job), 0, `${job.id}:${page}`);

async function empty(): Promise<void> {
  await client.flushall();
}

describe('the queue of bulk deletes', () => {
  it('has the tasks of a job as soon as the job is stored, also after a crash', async () => {
    await empty();
    const listed = await create();
    const named = await create(pagesAtOnce + 5);
    const names = await client.zrange(queueKey(named), '0', '-1');
    expect(names.sort()).toEqual(
      [`${listed.id}:list`, ...Array.from({ length: pagesAtOnce }, (_, page) => `${named.id}:${page}`)].sort(),
    );
  });

  it('gives each task to one server at a time, the longest due first', async () => {
    await empty();
    const [first, second] = [await create(3), await create(3)];
    const one = new JobStore(memory, abilities, leaseMs);
    const other = new JobStore(memory, abilities, leaseMs);
    const taken = await one.takeTasks(4, 'one');
    expect(new Set(taken.leases.slice(0, 3).map(({ jobId }) => jobId))).toEqual(new Set([first.id]));
    const rest = await other.takeTasks(10, 'other');
    expect(rest.leases).toHaveLength(2);
    expect(rest.leases.every(({ jobId }) => jobId === second.id)).toBe(true);
    // The next is due when a lease ends.
    expect(rest.nextMs).toBeGreaterThan(leaseMs / 2);
  });

  it('gives a task only to a server with the settings that it needs', async () => {
    await empty();
    const keeping = await create(1, true);
    const plain = await create(1);
    const without = new JobStore(memory, lacking, leaseMs);
    expect((await without.takeTasks(10, 'w')).leases.map(({ jobId }) => jobId)).toEqual([plain.id]);
    // A restore of a bulk delete reads its undo files.
    expect(without.needsOf({ snapshot: false, restore: { jobId: keeping.id } })).toMatch(/ store$/);
    const tokenless = new JobStore(memory, { ...abilities, credential: undefined }, leaseMs);
    expect((await tokenless.takeTasks(10, 't')).leases).toEqual([]);
    expect((await new JobStore(memory, { ...abilities, upstream: 'v' }, leaseMs).takeTasks(10, 'v')).leases).toEqual(
      [],
    );
    expect(
      (await new JobStore(memory, abilities, leaseMs).takeTasks(10, 'k')).leases.map(({ jobId }) => jobId),
    ).toEqual([keeping.id]);
  });

  it('accepts nothing from a server that has lost its lease: no outcome, no release, no page', async () => {
    await empty();
    const job = await create(1);
    const queue = new JobStore(memory, abilities, leaseMs);
    const [frozen] = (await queue.takeTasks(1, 'frozen')).leases;
    if (!frozen || !isPage(frozen)) throw new Error('no page');
    expect(await store.takePage(frozen)).not.toBeNull();
    expect(await store.begin(frozen, 0)).toBe('first');
    await letLeaseEnd(job, 0);
    const [next] = (await queue.takeTasks(1, 'next')).leases;
    if (!next || !isPage(next)) throw new Error('no page');
    expect(await store.takePage(frozen)).toBeNull();
    expect(await store.begin(frozen, 0)).toBe('stopped');
    expect(await store.finish(frozen, 0, 'DELETED')).toBe(false);
    await store.release(frozen, 0);
    await store.noteStates(frozen, { 'answers:0': 7, 'key:0': 'k' });
    await queue.releaseTask(frozen, undefined, true);
    await letLeaseEnd(job, 0);
    await queue.heartbeat([frozen]);
    expect(await dueOf(job, 0)).toBe(0);
    expect(await store.takePage(next)).toMatchObject({ 0: 'begun' });
    expect(await store.readStates(job.id, 0)).not.toHaveProperty('answers:0');
    expect(await store.begin(next, 0)).toBe('again');
    expect(await store.finish(next, 0, 'DELETED')).toBe(true);
    expect((await store.read(job.id))?.phase).toBe('COMPLETED');
  });

  it('renews leases by heartbeat, and by the begin of a delete for the whole time that it may take', async () => {
    await empty();
    const job = await create(2);
    const queue = new JobStore(memory, abilities, leaseMs);
    const { leases } = await queue.takeTasks(2, 'busy');
    await letLeaseEnd(job, 0);
    await letLeaseEnd(job, 1);
    await queue.heartbeat(leases);
    expect(await dueOf(job, 0)).toBeGreaterThan(Date.now() + leaseMs / 2);
    await letLeaseEnd(job, 1);
    const second = leases.filter(isPage).find(({ page }) => page === 1);
    if (!second) throw new Error('no page');
    await store.begin(second, 0);
    expect(await dueOf(job, 1)).toBeGreaterThan(Date.now() + leaseMs / 2);
  });

  it('queues the next page once, when a page is done or waits only for itself', async () => {
    await empty();
    const job = await create(pagesAtOnce + 2);
    const queue = new JobStore(memory, abilities, leaseMs);
    const { leases } = await queue.takeTasks(2, 'w');
    const [zero, one] = leases;
    if (!zero || !one) throw new Error('no pages');
    await queue.releaseTask(zero, 60_000, true);
    expect(await dueOf(job, pagesAtOnce)).toBeGreaterThan(0);
    await client.zrem(queueKey(job), `${job.id}:${pagesAtOnce}`);
    await letLeaseEnd(job, 0);
    const [again] = (await queue.takeTasks(1, 'w2')).leases;
    if (!again) throw new Error('no page');
    await queue.releaseTask(again, undefined, true);
    expect(await client.zscore(queueKey(job), `${job.id}:${pagesAtOnce}`)).toBeNull();
    await queue.releaseTask(one, 60_000, false);
    expect(await client.zscore(queueKey(job), `${job.id}:${pagesAtOnce + 1}`)).toBeNull();
  });

  it('lets the pages of a paused job rest, and has them due at once after a resume or a cancel', async () => {
    for (const how of ['resume', 'cancel'] as const) {
      await empty();
      const job = await create(2);
      const queue = new JobStore(memory, abilities, leaseMs);
      const [soon, later] = (await queue.takeTasks(2, 'w')).leases;
      if (!soon || !later || !isPage(later)) throw new Error('no pages');
      // Something was sent, so that a cancel does not end it at once.
      await store.begin(later, 0);
      await store.control(job, 'pause');
      await queue.releaseTask(soon, 1, false);
      await queue.releaseTask(later, 50_000, false);
      expect(await dueOf(job, soon.page)).toBeGreaterThan(Date.now() + 100_000);
      await store.control(job, how);
      expect(await dueOf(job, soon.page)).toBeLessThanOrEqual(Date.now() + 1);
      // A page whose deletes may still be in flight becomes due only when they must have arrived.
      expect(await dueOf(job, later.page)).toBeGreaterThan(Date.now() + 25_000);
      expect(await dueOf(job, later.page)).toBeLessThan(Date.now() + 100_000);
    }
  });

  it('finds the jobs without a server, with the settings that they need', async () => {
    await empty();
    const job = await create(1, true);
    const without = new JobStore(memory, lacking, leaseMs);
    await new JobStore(memory, abilities, leaseMs).heartbeat([]);
    expect(await without.findUnserved()).toEqual([]);
    await client.hset(`${memory.keyPrefix}:bulk-queues`, job.needs, 0);
    expect(await without.findUnserved()).toMatchObject([{ jobIds: [job.id], needs: job.needs, lacks: ['UNDO_STORE'] }]);
  });
});

it('a queue that no server serves hides no job behind the pages of others', async () => {
  await empty();
  for (let behind = 0; behind < 7; behind += 1) await create(pagesAtOnce, true);
  const last = await create(1, true);
  await client.hset(`${memory.keyPrefix}:bulk-queues`, last.needs, 0);
  const found = await new JobStore(memory, lacking, leaseMs).findUnserved();
  expect(found).toMatchObject([{ needs: last.needs, jobIds: expect.arrayContaining([last.id]) }]);
  expect(found[0]?.jobIds).toHaveLength(8);
});

/** Takes one task of the only job, which must be a page. */
async function takePage(): Promise<PageLease> {
  const lease = await takeLease(kept, abilities);
  await store.takePage(lease);
  return lease;
}

/** How many commands Redis carries out for it, those of its scripts among them. */
async function commandsOf(act: () => Promise<unknown>): Promise<number> {
  await client.config('RESETSTAT');
  await act();
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

it('a bulk delete of a million engagements is begun, paused, resumed and cancelled in scripts that visit few of its pages', async () => {
  await empty();
  const job = await create();
  await store.addListed(job, [{ id: '1', engagementType: null }], 'A');
  await client.hset(`${memory.keyPrefix}:bulk:${job.id}`, { pageCount: 10_000, total: 1_000_000 });
  const listed = { ...job, pageCount: 10_000, cursor: 'A' };
  const last = [{ id: '2', engagementType: null }];
  const queue = new JobStore(memory, abilities, leaseMs);
  const few = 200;
  expect(await commandsOf(() => store.addListed(listed, last, null))).toBeLessThan(few);
  const { leases } = await queue.takeTasks(1 + pagesAtOnce, 'w');
  const page = leases.find(isPage);
  if (!page) throw new Error('no page');
  expect(await commandsOf(() => store.begin(page, 0))).toBeLessThan(few);
  expect(await commandsOf(() => store.control(job, 'pause'))).toBeLessThan(few);
  for (const lease of leases) await queue.releaseTask(lease, 1, false);
  expect(await commandsOf(() => store.control(job, 'resume'))).toBeLessThan(few);
  const [again] = (await queue.takeTasks(pagesAtOnce, 'x')).leases.filter(({ page: taken }) => taken === page.page);
  if (!again || !isPage(again)) throw new Error('it still rests');
  await store.release(again, 0);
  expect(await commandsOf(() => store.control(job, 'cancel'))).toBeLessThan(few);
  expect((await store.read(job.id))?.phase).toBe('CANCELLED');
});

describe('why a bulk delete waits', () => {
  const statusReasonOf = async ({ id }: BulkJob) => (await store.read(id))?.statusReason;

  it('stays after the bulk delete paused by itself, also when deletes in flight end or fail, or a caller pauses it too', async () => {
    await empty();
    const job = await create(1);
    const page = await takePage();
    await store.begin(page, 0);
    await store.stop(job, 'UNAUTHENTICATED', 'renew the token');
    await store.note(job.id, 'upstream is away');
    expect(await statusReasonOf(job)).toBe('renew the token');
    await store.control(job, 'pause');
    expect(await statusReasonOf(job)).toBe('renew the token');
    await client.hset(`${memory.keyPrefix}:bulk:${job.id}`, 'total', 2);
    await store.finish(page, 0, 'DELETED');
    expect(await statusReasonOf(job)).toBe('renew the token');
    await store.control(job, 'resume');
    expect(await statusReasonOf(job)).toBeNull();
  });

  it('ends when the list continues or upstream refuses an engagement, not with an unknown outcome', async () => {
    await empty();
    const listed = await create();
    await store.note(listed.id, 'upstream is away');
    await store.addListed(listed, [{ id: '1', engagementType: null }], 'A');
    expect(await statusReasonOf(listed)).toBeNull();
    await empty();
    const job = await create(2);
    const page = await takePage();
    const failure = (kind: 'NotFoundError' | 'OutcomeUnknownError') =>
      ({ id: '0', engagementType: null, result: { kind } }) as BulkFailure;
    await store.note(job.id, 'upstream is away');
    await store.finish(page, 0, 'OutcomeUnknownError', failure('OutcomeUnknownError'));
    expect(await statusReasonOf(job)).toBe('upstream is away');
    await store.finish(page, 1, 'NotFoundError', failure('NotFoundError'));
    expect(await statusReasonOf(job)).toBeNull();
  });

  it('does not ask to resume a cancelled one', async () => {
    await empty();
    const job = await create(1);
    await store.begin(await takePage(), 0);
    await store.control(job, 'cancel');
    await store.stop(job, 'UNAUTHENTICATED', 'Fix this, then resume.');
    expect(await statusReasonOf(job)).toBeNull();
  });
});

it('a bulk delete that fails has the outcomes of deletes in flight', async () => {
  await empty();
  const job = await create(1);
  const page = await takePage();
  await store.begin(page, 0);
  await store.stop(job, 'fail', 'why');
  expect(await store.finish(page, 0, 'DELETED')).toBe(true);
  expect(await store.read(job.id)).toMatchObject({
    phase: 'FAILED',
    statusReason: 'why',
    done: 1,
    outcomes: { DELETED: 1 },
  });
});

it('the note that no server has the settings of a bulk delete comes before other reasons, and ends when a server works on it', async () => {
  await empty();
  const job = await create(1);
  await store.note(job.id, 'a limit');
  await store.note(job.id, 'nobody', 'unserved');
  expect((await store.read(job.id))?.statusReason).toBe('nobody');
  await takePage();
  expect((await store.read(job.id))?.statusReason).toBe('a limit');
});

it.each(['complete', 'cancel', 'fail'] as const)(
  "S34 a caller's sealed token is removed when its bulk delete ends: %s",
  async (how) => {
    await empty();
    const job = await create(1);
    expect(job.sealedToken).toBe('sealed');
    if (how === 'cancel') await store.control(job, 'cancel');
    if (how === 'fail') await store.stop(job, 'fail', 'why');
    if (how === 'complete') {
      const lease = await takePage();
      await store.finish(lease, 0, 'DELETED');
    }
    const ended = await store.read(job.id);
    expect(ended).toMatchObject({ sealedToken: '', endedAt: expect.any(Date) });
  },
);

describe('S30 the data of a completed bulk delete', () => {
  it('is stored as long as the bulk delete, also that of pages that ended long before', async () => {
    await empty();
    const job = await create(1);
    const lease = await takePage();
    await store.begin(lease, 0);
    const failure = { id: '0', engagementType: null, result: { kind: 'ForbiddenError' } } as BulkFailure;
    const key = `${memory.keyPrefix}:bulk:${job.id}`;
    const names = [`${key}:page:0`, `${key}:page:0:states`, `${key}:failures`];
    await store.finish(lease, 0, 'ForbiddenError', failure);
    for (const name of names) await client.pexpire(name, 3_600_000);
    expect(await store.read(job.id)).toMatchObject({ phase: 'COMPLETED' });
    expect(await client.zscore(queueKey(job), `${job.id}:list`)).not.toBeNull();
    expect(await listJob(job.id, { store } as WorkPorts)).toBe('done');
    const left = await Promise.all([key, ...names].map(async (name) => (await client.pttl(name)) / 3_600_000));
    expect(left.map(Math.round)).toEqual([720, 720, 720, 720]);
  });

  it('is gone when it has expired: a task of it that is left has nothing to do', async () => {
    await empty();
    expect(await listJob('00000000-0000-4000-8000-00000000000a', { store } as WorkPorts)).toBe('done');
  });

  it('has its expiry set also when the bulk delete ends before the task of its list does', async () => {
    await empty();
    const job = await create();
    const queue = new JobStore(memory, abilities, leaseMs);
    const [list] = (await queue.takeTasks(1, 'w')).leases as [Lease];
    await store.addListed(job, [{ id: '1', engagementType: null }], null);
    const page = await takeLease(kept, abilities);
    await store.begin(page, 0);
    await store.finish(page, 0, 'DELETED');
    await queue.releaseTask(page, undefined, true);
    await queue.releaseTask(list, undefined, true);
    const [again] = (await queue.takeTasks(1, 'w')).leases as [Lease];
    expect(again).toMatchObject({ jobId: job.id, page: 'list' });
    expect(await listJob(job.id, { store } as WorkPorts)).toBe('done');
    await queue.releaseTask(again, undefined, true);
    expect(await client.zscore(queueKey(job), `${job.id}:list`)).toBeNull();
  });

  it('is, after a list in a dry run, that of pages that were listed long before, too', async () => {
    await empty();
    const job = await create();
    const dry = { ...job, input: { ...job.input, dryRun: true } };
    await store.addListed(dry, [{ id: '1', engagementType: null }], 'A');
    const key = `${memory.keyPrefix}:bulk:${job.id}`;
    await client.pexpire(`${key}:page:0`, 3_600_000);
    await store.addListed({ ...dry, cursor: 'A', pageCount: 1 }, [{ id: '2', engagementType: null }], null);
    await listJob(job.id, { store } as WorkPorts);
    const left = await Promise.all(
      [key, `${key}:page:0`, `${key}:page:1`].map(async (name) => (await client.pttl(name)) / 3_600_000),
    );
    expect(left.map(Math.round)).toEqual([24, 24, 24]);
  });
});

describe('S30 the data of cancelled bulk deletes', () => {
  it('is stored for 30 days as far as they got; the rest for one day, and counts against its owner so long', async () => {
    await empty();
    const job = await create(3);
    const lease = await takePage();
    await store.begin(lease, 0);
    await store.finish(lease, 0, 'DELETED');
    await store.control(job, 'cancel');
    expect((await store.read(job.id))?.phase).toBe('CANCELLED');
    expect(await client.zscore(queueKey(job), `${job.id}:list`)).not.toBeNull();
    expect(await listJob(job.id, { store } as WorkPorts)).toBe('done');
    const key = `${memory.keyPrefix}:bulk:${job.id}`;
    const hours = await Promise.all(
      [key, `${key}:page:0`, `${key}:page:1`, `${key}:page:2`].map(async (name) =>
        Math.round((await client.pttl(name)) / 3_600_000),
      ),
    );
    expect(hours).toEqual([720, 720, 24, 24]);
    const { input, callerId, ownerId, needs, sealedToken } = job;
    const other = { id: 'next', input, callerId, ownerId, needs, sealedToken, fingerprint: 'f' };
    await client.hset(key, 'bytes', 16 * 1024 * 1024);
    expect(await store.create(other, [])).toMatchObject({ kind: 'bytes' });
    await client.hset(key, 'unreachedUntil', Date.now() - 1);
    expect(await store.create(other, [])).toMatchObject({ kind: 'created' });
  });

  it.each(['cancel', 'fail'] as const)('is for a day, if engagements were listed and none begun: %s', async (how) => {
    await empty();
    const job = await create();
    expect(await store.addListed(job, [{ id: '1', engagementType: null }], 'A')).toBe('added');
    const key = `${memory.keyPrefix}:bulk:${job.id}`;
    await client.hset(key, 'listedBytes', 128 * 1024 * 1024 + 1);
    await (how === 'cancel' ? store.control(job, 'cancel') : store.stop(job, 'fail', 'why'));
    await listJob(job.id, { store } as WorkPorts);
    expect(Math.round((await client.pttl(`${key}:page:0`)) / 3_600_000)).toBe(24);
    expect(await client.exists(`${key}:listed`, `${key}:cursors`)).toBe(0);
    const { input, callerId, ownerId, needs, sealedToken } = job;
    const other = { id: 'next', input, callerId, ownerId, needs, sealedToken, fingerprint: 'f' };
    expect(await store.create(other, undefined)).toMatchObject({ kind: 'listed' });
    await client.hset(key, 'unreachedUntil', Date.now() - 1);
    expect(await store.create(other, undefined)).toMatchObject({ kind: 'created' });
  });

  it('stays within the bound of lists, also when many are started at once', async () => {
    await empty();
    const job = await create();
    const second = { ...(await create()), ownerId: job.ownerId };
    await client.sadd(`${memory.keyPrefix}:bulk-of:${job.ownerId}`, `${memory.keyPrefix}:bulk:${second.id}`);
    const page = [{ id: '1', engagementType: null }];
    expect(await store.addListed(job, page, 'A')).toBe('added');
    await client.hset(`${memory.keyPrefix}:bulk:${job.id}`, 'listedBytes', 128 * 1024 * 1024 + 1);
    expect(await store.addListed(second, page, 'A')).toBe('full');
  });
});

it('the rate of a bulk delete counts what ended in earlier parts of the last minute too', async () => {
  await empty();
  const job = await create(1);
  const lease = await takeLease(kept, abilities);
  await store.begin(lease, 0);
  expect(await store.finish(lease, 0, 'DELETED')).toBe(true);
  const [key = ''] = await client.keys(`*:${job.id}:rate:*`);
  const [, name = '', interval = ''] = /^(.*:)(\d+)$/.exec(key) ?? [];
  await client.rename(key, `${name}${Number(interval) - 2}`);
  const begun = { ...job, activeSince: new Date(Date.now() - 60_000) };
  expect(await store.readRate(begun)).toBeGreaterThan(0);
});
