import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BulkFailure, BulkItem, BulkJob } from '../src/bulk/job.ts';
import type { Abilities, PageLease } from '../src/bulk/job-store.ts';
import { createJob, startBulkStore, takeLease } from './support/bulk-store.ts';
import { shared } from './support/shared.ts';

const kept = await shared(startBulkStore());
const store = kept.store;

let count = 0;
const ownAbilities = (): Abilities => {
  count += 1;
  return { upstream: `u${count}`, credential: 'own', keepsUndoFiles: true };
};

/** A job of so many engagements, at most a page, and the page's lease. */
async function taken(length: number): Promise<{ readonly job: BulkJob; readonly lease: PageLease }> {
  const abilities = ownAbilities();
  const ids = Array.from({ length }, (_, index) => `${index}`);
  const job = await createJob(kept, ids, { abilities });
  return { job, lease: await takeLease(kept, abilities) };
}

const listing = () => createJob(kept, undefined, { abilities: ownAbilities() });
const now = async ({ id }: BulkJob) => {
  const job = await store.read(id);
  if (!job) throw new Error('it is kept no more');
  return job;
};
const itemsOf = (...ids: readonly string[]) => ids.map((id): BulkItem => ({ id, engagementType: null }));
const failure = { id: '0', engagementType: null, result: { kind: 'NotFoundError' } } as BulkFailure;

describe('the outcome of an engagement', () => {
  it('is stored once: a later one changes nothing, and returns false', async () => {
    const { job, lease } = await taken(2);
    await store.begin(lease, 0);
    expect(await store.finish(lease, 0, 'DELETED')).toBe(true);
    expect(await store.finish(lease, 0, 'NotFoundError', failure)).toBe(false);
    expect(await now(job)).toMatchObject({ phase: 'DELETING', done: 1, outcomes: { DELETED: 1 } });
    expect((await now(job)).outcomes).not.toHaveProperty('NotFoundError');
    expect(await store.readFailures(job.id, 0, 10)).toEqual([]);
    expect(await store.begin(lease, 0)).toBe('finished');
  });

  it.each(['cancel', 'fail'] as const)(
    'is not stored for one that was not begun when the bulk delete ended: %s',
    async (how) => {
      const { job, lease } = await taken(2);
      if (how === 'cancel') await store.control(job, 'cancel');
      else await store.stop(job, 'fail', 'why');
      expect(await store.finish(lease, 0, 'DELETED')).toBe(false);
      expect(await store.begin(lease, 0)).toBe('stopped');
      expect(await now(job)).toMatchObject({ phase: how === 'cancel' ? 'CANCELLED' : 'FAILED', done: 0, outcomes: {} });
    },
  );

  it('of each begun engagement is what a cancelled bulk delete waits for', async () => {
    const { job, lease } = await taken(3);
    await store.begin(lease, 0);
    await store.begin(lease, 1);
    await store.control(job, 'cancel');
    expect([await store.begin(lease, 0), await store.begin(lease, 2)]).toEqual(['cancelled', 'stopped']);
    await store.finish(lease, 0, 'DELETED');
    expect((await now(job)).phase).toBe('CANCELLING');
    await store.finish(lease, 1, 'OutcomeUnknownError', failure);
    expect(await now(job)).toMatchObject({ phase: 'CANCELLED', done: 2, endedAt: expect.any(Date) });
  });

  it('completes its bulk delete when it is the last', async () => {
    const { job, lease } = await taken(2);
    for (const index of [0, 1]) {
      expect((await now(job)).phase).toBe('DELETING');
      await store.begin(lease, index);
      await store.finish(lease, index, 'DELETED');
    }
    expect((await now(job)).phase).toBe('COMPLETED');
  });
});

describe('a begun engagement', () => {
  it('is open until it is released, once, or ends', async () => {
    const { job, lease } = await taken(2);
    expect([await store.begin(lease, 0), await store.begin(lease, 1), await store.begin(lease, 1)]).toEqual([
      'first',
      'first',
      'again',
    ]);
    await store.release(lease, 0);
    await store.release(lease, 0);
    await store.control(job, 'cancel');
    expect((await now(job)).phase).toBe('CANCELLING');
    await store.release(lease, 1);
    expect(await now(job)).toMatchObject({ phase: 'CANCELLED', done: 0 });
  });

  it('is not begun again while its bulk delete is paused', async () => {
    const { job, lease } = await taken(2);
    await store.begin(lease, 0);
    await store.control(job, 'pause');
    expect([await store.begin(lease, 0), await store.begin(lease, 1)]).toEqual(['paused', 'paused']);
    await store.control(job, 'resume');
    expect([await store.begin(lease, 0), await store.begin(lease, 1)]).toEqual(['again', 'first']);
  });

  it.each<[string, (lease: PageLease) => Promise<unknown>]>([
    ['begin', (lease) => store.begin(lease, 1)],
    ['take back', (lease) => store.release(lease, 0)],
    ['end', (lease) => store.finish(lease, 0, 'DELETED')],
    ['note an attempt of', (lease) => store.noteStates(lease, { 'answers:0': 1, 'key:0': 'k' })],
    ['note the record of', (lease) => store.noteKept(lease, 1, 'a file')],
    ['start to keep the record of', (lease) => store.startKeeping(lease, 1)],
    ['take the page of', (lease) => store.takePage(lease)],
  ])('can be changed only by the owner of its page (%s)', async (_what, act) => {
    const { job, lease } = await taken(3);
    await store.takePage(lease);
    await store.begin(lease, 0);
    const everything = async () => [
      await store.readStates(job.id, 0),
      await kept.client.hgetall(`${kept.memory.keyPrefix}:bulk:${job.id}`),
    ];
    const before = await everything();
    await act({ ...lease, holder: 'another' });
    expect(await everything()).toEqual(before);
  });
});

describe('a bulk delete', () => {
  it('is not paused or failed for a reason from before a resume', async () => {
    const { job } = await taken(1);
    await store.stop(job, 'UNAUTHENTICATED', 'renew the token');
    expect(await now(job)).toMatchObject({ isPaused: true, statusReason: 'renew the token' });
    await store.control(job, 'resume');
    for (const how of ['UNAUTHENTICATED', 'fail'] as const) {
      await store.stop(job, how, 'too late');
      expect(await now(job)).toMatchObject({ phase: 'DELETING', isPaused: false, statusReason: null });
    }
    await store.stop(await now(job), 'UNAUTHENTICATED', 'once more');
    expect(await now(job)).toMatchObject({ isPaused: true, statusReason: 'once more' });
  });

  it('is counted while it has not ended: with its age, or by the reason of its pause', async () => {
    await using alone = await startBulkStore();
    const create = () => createJob(alone, ['1'], { abilities: ownAbilities() });
    expect(await alone.store.countUnfinished()).toEqual({ oldestAgeMs: 0, paused: {} });
    const [byCaller, byServer, running, ended, vanished] = [
      await create(),
      await create(),
      await create(),
      await create(),
      await create(),
    ];
    const agoMs = 1_000_000;
    for (const { id } of [byCaller, running])
      await alone.client.hincrby(`{engagements}:bulk:${id}`, 'createdAt', -agoMs);
    await alone.store.control(byCaller, 'pause');
    await alone.store.stop(byServer, 'ACCOUNT_BLOCKED', 'why');
    await alone.store.control(ended, 'cancel');
    await alone.client.del(`{engagements}:bulk:${vanished.id}`);
    const counted = await alone.store.countUnfinished();
    expect(counted.paused).toEqual({ CALLER: 1, ACCOUNT_BLOCKED: 1 });
    expect(counted.oldestAgeMs).toBeGreaterThanOrEqual(agoMs);
    expect(counted.oldestAgeMs).toBeLessThan(2 * agoMs);
    expect(await alone.client.zrange('{engagements}:bulk-unfinished', 0, '-1')).toEqual(
      [byCaller, byServer, running].map(({ id }) => id),
    );
    await alone.store.control(byServer, 'resume');
    expect((await alone.store.countUnfinished()).paused).toEqual({ CALLER: 1 });
  });

  it('does not change after its end', async () => {
    const { job, lease } = await taken(1);
    await store.finish(lease, 0, 'DELETED');
    const ended = await now(job);
    expect(ended.phase).toBe('COMPLETED');
    for (const how of ['pause', 'resume', 'cancel'] as const) await store.control(job, how);
    await store.stop(job, 'fail', 'why');
    await store.note(job.id, 'why');
    expect(await now(job)).toEqual(ended);
  });

  it('is neither paused nor resumed while it is being cancelled', async () => {
    const { job, lease } = await taken(2);
    await store.begin(lease, 0);
    await store.control(job, 'cancel');
    for (const how of ['pause', 'resume'] as const) {
      await store.control(job, how);
      expect(await now(job)).toMatchObject({ phase: 'CANCELLING', isPaused: false });
    }
  });

  it('is stored once under one id', async () => {
    const { job } = await taken(3);
    const { input, callerId, ownerId, needs, sealedToken } = job;
    const again = { id: job.id, input, callerId, ownerId, needs, sealedToken, fingerprint: 'another' };
    expect(await store.create(again, itemsOf('x'))).toMatchObject({ kind: 'there' });
    expect(await now(job)).toEqual(job);
    expect(await store.readPage(job.id, 0)).toEqual(itemsOf('0', '1', '2'));
  });
});

const dayMs = 24 * 3_600_000;

it('the keys in Redis expire after 30 days, and after a day while nothing was begun', async () => {
  const { job, lease } = await taken(2);
  const list = await listing();
  await store.addListed(list, itemsOf('1'), 'A');
  const idle = await taken(1);
  await store.takePage(lease);
  await store.begin(lease, 0);
  await store.finish(lease, 0, 'NotFoundError', failure);
  const daysOf = async (key: string) => Math.round((await kept.client.pttl(`${kept.memory.keyPrefix}:${key}`)) / dayMs);
  const begun = ['', ':page:0', ':page:0:states', ':failures'].map((rest) => `bulk:${job.id}${rest}`);
  for (const key of [...begun, `bulk-of:${job.ownerId}`, `bulk:${list.id}:listed`, `bulk:${list.id}:cursors`])
    expect([key, await daysOf(key)]).toEqual([key, 30]);
  for (const rest of ['', ':page:0']) expect([rest, await daysOf(`bulk:${idle.job.id}${rest}`)]).toEqual([rest, 1]);
});

describe('a list', () => {
  it('stores each page once, also when two servers read it', async () => {
    const job = await listing();
    expect(await store.addListed(job, itemsOf('1', '2'), 'A')).toBe('added');
    expect(await store.addListed(job, itemsOf('1', '2'), 'A')).toBe('late');
    const next = await now(job);
    expect(next).toMatchObject({ total: 2, pageCount: 1, cursor: 'A' });
    expect(await store.addListed(next, itemsOf('3'), null)).toBe('added');
    expect(await store.addListed(next, itemsOf('4'), null)).toBe('late');
    expect(await now(job)).toMatchObject({ phase: 'DELETING', total: 3, pageCount: 2 });
  });

  it('does not go back behind an empty page', async () => {
    const job = await listing();
    expect(await store.addListed(job, [], 'A')).toBe('added');
    expect(await store.addListed(job, itemsOf('1'), 'B')).toBe('late');
    expect(await now(job)).toMatchObject({ total: 0, pageCount: 0, cursor: 'A' });
  });

  it('does not begin to delete after a cancel', async () => {
    const job = await listing();
    await store.addListed(job, itemsOf('1'), 'A');
    const listed = await now(job);
    await store.control(job, 'cancel');
    const cancelled = await now(job);
    expect(cancelled.phase).toBe('CANCELLED');
    expect(await store.addListed(listed, itemsOf('2'), null)).toBe('late');
    expect(await now(job)).toEqual(cancelled);
  });
});

it('the rate of a bulk delete is measured since it began to delete, or was resumed', async () => {
  const { job, lease } = await taken(2);
  await store.begin(lease, 0);
  await store.finish(lease, 0, 'DELETED');
  const [createdAt, lately] = [new Date(Date.now() - 3_600_000), new Date(Date.now() - 15_000)];
  const rateSince = (activeSince: Date) => store.readRate({ ...job, createdAt, activeSince });
  expect(await rateSince(lately)).toBeGreaterThan(2 * (await rateSince(createdAt)));
  await store.control(job, 'pause');
  const { activeSince } = await now(job);
  // The next millisecond of Redis' clock.
  await setTimeout(2);
  await store.control(job, 'resume');
  expect((await now(job)).activeSince?.getTime()).toBeGreaterThan(activeSince?.getTime() ?? Number.NaN);
});
