import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { control, outcomesOf, seen, started } from './support/bulk.ts';
import { deletesOf, ended, startSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { inTurn, lostAnswer } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const idsOf = (count: number) => seedEngagements(account, count).map(({ id }) => id);

/** Longer than a question to Redis is waited for. */
const frozenMs = 1_300;

describe.concurrent('a bulk delete whose Redis freezes for a moment', () => {
  it('reports what upstream did, and repeats no delete without a read', async ({ expect }) => {
    await using setting = await startSetting(
      { engagementsPerAccount: 300, latencyMs: 100 },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: idsOf(300) });
    await expect.poll(() => deletesOf(setting).length).toBeGreaterThan(20);
    setting.redis.freeze(true);
    await new Promise((resolve) => setTimeout(resolve, frozenMs));
    setting.redis.freeze(false);
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 30_000 }).toBe('COMPLETED');
    const told = await outcomesOf(post, id);
    expect(told).toHaveLength(300);
    // The process lives, and heard each answer: none has to be guessed from what is left upstream.
    for (const item of told) {
      expect(['DELETED', 'ALREADY_ABSENT']).toContain(item.outcome);
      expect(setting.sandbox.wasDeleted(integratedAccountId, item.id)).toBe(true);
    }
  });
});

describe.concurrent('S01 a Redis with a password that is lost during a bulk delete', () => {
  it('leaves no password and no command in the log', async ({ expect }) => {
    await using redis = await startRedis();
    const password = 'pw7!x';
    const admin = new Redis(redis.url);
    await admin.config('SET', 'requirepass', password);
    admin.disconnect();
    await using upstream = await startUpstream((request, response) => {
      setTimeout(() => json(204, undefined)(request, response), 50);
    }, 'capsule');
    const url = redis.url.replace('://', `://:${encodeURIComponent(password)}@`);
    await using facade = await startTestFacade(upstream.url, {
      ...{ REDIS_URL: url, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '1000' },
    });
    const ids = Array.from({ length: 200 }, (_, index) => `told-to-redis-${index}`);
    await started(facade.post, { integratedAccountId: 'a', ids });
    await expect.poll(() => upstream.deletes().length).toBeGreaterThan(20);
    await redis.kill();
    await expect.poll(() => facade.logged()).toContain('lost the connection to Redis');
    // It comes back without its password, as one does whose configuration was lost: what it says to ours is an error.
    await redis.start();
    await expect.poll(() => facade.logged()).toContain('connected to Redis');
    const complaints = facade
      .logged()
      .split('\n')
      .filter((line) => line.includes('"level":40') || line.includes('"level":50'))
      .join('\n');
    expect(complaints).not.toContain(password);
    expect(complaints).not.toContain('told-to-redis');
    expect(complaints).not.toMatch(/evalsha|"command"|"args"/i);
  });
});

describe.concurrent('a bulk delete that finds an engagement gone after its own delete without an answer', () => {
  it('reports it as already absent, not as not found', async ({ expect }) => {
    await using redis = await startRedis();
    const removals = inTurn(lostAnswer, lostAnswer, truto(404));
    // As a provider whose reads lag behind its deletes.
    const isThere = json(200, { id: '1' });
    await using upstream = await startUpstream(
      (request, response) => (request.method === 'GET' ? isThere : removals)(request, response),
      'capsule',
    );
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' });
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
    await expect.poll(async () => (await seen(facade.post, id)).state, { timeout: 20_000 }).toBe('COMPLETED');
    expect(await outcomesOf(facade.post, id)).toMatchObject([{ outcome: 'ALREADY_ABSENT' }]);
    expect(upstream.deletes()).toHaveLength(3);
  });
});

describe.concurrent('a bulk delete that cannot continue', () => {
  const sealing = { AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' };
  const caller = bearer('token-of-a-caller');

  it('ends after a cancel, although its token can no longer be opened', async ({ expect }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(
      json(401, { statusCode: 401, error: 'Unauthorized', message: 'no' }),
      'capsule',
    );
    const env = { ...sealing, REDIS_URL: redis.url, BULK_TOKEN_SECRET: 'secret'.repeat(8) };
    await using facade = await startTestFacade(upstream.url, env);
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1', '2'] }, caller);
    await expect.poll(async () => (await seen(facade.post, id, caller)).state).toBe('PAUSED');
    await facade.post('mutation($id: ID!) { cancelBulkDelete(id: $id) { id } }', { id }, caller);
    await expect.poll(async () => (await seen(facade.post, id, caller)).state).toBe('CANCELLED');
    expect((await seen(facade.post, id, caller)).outcomes).toMatchObject({ deleted: 0, remaining: 2 });
  });

  it('fails, and says so, when Redis has lost the remaining engagements', async ({ expect }) => {
    await using setting = await startSetting({ engagementsPerAccount: 90, latencyMs: 300 });
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: idsOf(90) });
    await expect.poll(() => deletesOf(setting).length).toBeGreaterThan(0);
    await control(post, 'pause', id);
    const underWay = async () => (await outcomesOf(post, id)).filter(({ outcome }) => outcome === 'IN_PROGRESS').length;
    await expect.poll(underWay).toBe(0);
    const redis = new Redis(setting.redis.url);
    expect(await redis.del(`{engagements}:bulk:${id}:page:0`)).toBe(1);
    redis.disconnect();
    await control(post, 'resume', id);
    expect(await ended(setting, id)).toMatchObject({
      state: 'FAILED',
      statusReason: expect.stringContaining('Redis has lost'),
    });
  });
});

it.concurrent('R27 engagements that can neither be deleted nor read end as unknown, and delay no others', async ({
  expect,
}) => {
  const bad = idsOf(30).slice(0, 18);
  await using setting = await startSetting(
    { pickFault: ({ url }) => (bad.some((id) => url.includes(`/${id}?`)) ? findFault('fault-500') : undefined) },
    { REQUEST_TIMEOUT_MS: '500' },
  );
  const { post } = setting.facade;
  const { id } = await started(post, { integratedAccountId, ids: idsOf(30) });
  // On a busy machine, the answer to a delete may come too late, so that a read finds the engagement gone.
  const counts = async () => {
    const { deleted = 0, alreadyAbsent = 0, unknown } = (await seen(post, id)).outcomes;
    return { gone: deleted + alreadyAbsent, unknown };
  };
  await expect.poll(counts, { timeout: 30_000 }).toEqual({ gone: 12, unknown: 0 });
  await expect.poll(async () => (await seen(post, id)).state, { timeout: 90_000 }).toBe('COMPLETED');
  const told = await outcomesOf(post, id);
  expect(told.filter(({ outcome }) => outcome === 'UNKNOWN').map((item) => item.id)).toEqual(bad);
}, 120_000);

describe.concurrent('a bulk delete in an integration that keeps deleted engagements readable', () => {
  it('recognizes a deleted one by the mark in its record, and sends no further delete', async () => {
    const pipedrive = sandboxAccount('Pipedrive');
    const ids = seedEngagements(pipedrive, 3).map((engagement) => engagement.id);
    const faults = [findFault('fault-reset-after'), findFault('fault-502')];
    const seenOf = new Map<string, number>();
    await using setting = await startSetting(
      {
        pickFault({ method, url }) {
          if (method !== 'DELETE') return undefined;
          const count = seenOf.get(url) ?? 0;
          seenOf.set(url, count + 1);
          return faults[count];
        },
      },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId: pipedrive.id, ids });
    await ended(setting, id);
    expect((await outcomesOf(post, id)).map(({ outcome }) => outcome)).toEqual(Array(3).fill('ALREADY_ABSENT'));
    expect([...seenOf.values()]).toEqual([2, 2, 2]);
  });

  it.for<[string, string, string, object]>([
    ['UNKNOWN', 'pipedrive', 'is no proof that it was not deleted', {}],
    ['FAILED', 'pipedrive', 'says that it is not deleted', { remote_data: { data: { active_flag: true } } }],
    ['FAILED', 'capsule', 'means that it was not deleted', {}],
  ])(
    'ends as %s in %s after a delete without an answer and a refusal, when a read %s',
    { timeout: 90_000 },
    async ([outcome, integration, _why, rest], { expect }) => {
      await using redis = await startRedis();
      const removals = inTurn(lostAnswer, lostAnswer, truto(409));
      const isThere = json(200, { id: '1', ...rest });
      await using upstream = await startUpstream(
        (request, response) => (request.method === 'GET' ? isThere : removals)(request, response),
        integration,
      );
      const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '250' };
      await using facade = await startTestFacade(upstream.url, env);
      const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
      await expect.poll(async () => (await seen(facade.post, id)).state, { timeout: 60_000 }).toBe('COMPLETED');
      expect(await outcomesOf(facade.post, id)).toMatchObject([{ outcome }]);
    },
  );
});
