import { describe, expect, it, vi } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { type SandboxOptions, startSandbox } from '../src/sandbox/server.ts';
import { control, outcomesOf, seen, started } from './support/bulk.ts';
import { deletesOf, ended, type Setting, startSetting } from './support/bulk-setting.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import type { Post } from './support/fetch-graphql.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const many = { engagementsPerAccount: 500, latencyMs: 150 };
const idsOf = (count: number) => seedEngagements(account, count).map(({ id }) => id);

async function begun({ facade, sandbox }: Setting, count = 500, least = 50): Promise<string> {
  const { id } = await started(facade.post, { integratedAccountId, ids: idsOf(count) });
  await vi.waitFor(() => expect(sandbox.requests.length).toBeGreaterThan(least), { timeout: 10_000 });
  return id;
}

/** A sandbox where another was, as if that had never been. */
const restarted = async (port: number) => closing(await startSandbox({ ...many, latencyMs: 20, port }));

/** Waits until nothing of it is under way: no item that began is without an end. */
async function settled({ facade }: Setting, id: string): Promise<number> {
  await vi.waitFor(
    async () => expect((await outcomesOf(facade.post, id)).map(({ outcome }) => outcome)).not.toContain('IN_PROGRESS'),
    { timeout: 10_000 },
  );
  return (await seen(facade.post, id)).outcomes.deleted ?? 0;
}

describe.concurrent('a bulk delete', () => {
  it('sends nothing further while it is paused, and continues after a resume', async ({ expect }) => {
    await using setting = await startSetting(many);
    const { post } = setting.facade;
    const id = await begun(setting);
    expect((await control(post, 'pause', id)).state).toBe('PAUSED');
    const before = await settled(setting, id);
    expect(before).toBeLessThan(500);
    const sent = deletesOf(setting).length;
    // Another, which is started later, is done from its beginning to its end meanwhile.
    const { id: later } = await started(post, { integratedAccountId, ids: ['unheard-of'] });
    expect((await ended(setting, later)).state).toBe('COMPLETED');
    expect([deletesOf(setting).length, (await seen(post, id)).outcomes.deleted]).toEqual([sent + 1, before]);
    await control(post, 'resume', id);
    expect(await ended(setting, id)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 500 } });
  });

  it('sends nothing further after a cancel, finishes deletes in flight, and stays cancelled', async ({ expect }) => {
    await using setting = await startSetting(many);
    const { post } = setting.facade;
    const id = await begun(setting);
    expect((await control(post, 'cancel', id)).state).toMatch(/^CANCELL/);
    const { state, outcomes } = await ended(setting, id);
    expect(state).toBe('CANCELLED');
    const told = await outcomesOf(post, id);
    expect(new Set(told.map(({ outcome }) => outcome))).toEqual(new Set(['DELETED', 'SKIPPED']));
    expect(outcomes.remaining).toBe(told.filter(({ outcome }) => outcome === 'SKIPPED').length);
    for (const item of told)
      expect(setting.sandbox.wasDeleted(integratedAccountId, item.id)).toBe(item.outcome === 'DELETED');
    for (const how of ['resume', 'pause', 'cancel'] as const)
      expect(await control(post, how, id)).toMatchObject({ state: 'CANCELLED', outcomes });
  });

  it('is cancelled at once while it is paused or lists', async ({ expect }) => {
    await using setting = await startSetting({ latencyMs: 500 });
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, filter: { createdAt: { gt: '2000-01-01T00:00:00Z' } } });
    expect((await control(post, 'pause', id)).state).toBe('PAUSED');
    expect((await control(post, 'cancel', id)).state).toBe('CANCELLED');
    expect(deletesOf(setting)).toEqual([]);
  });

  it('pauses when its account must be connected again, says so, and loses nothing', async ({ expect }) => {
    let isConnected = false;
    await using setting = await startSetting({
      ...many,
      pickFault: ({ method }) => (method === 'DELETE' && !isConnected ? findFault('fault-401') : undefined),
    });
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: idsOf(300) });
    await expect.poll(async () => (await seen(post, id)).state).toBe('PAUSED');
    expect(await seen(post, id)).toMatchObject({
      statusReason: expect.stringContaining('connect it again'),
      outcomes: { deleted: 0, failed: 0, remaining: 300 },
    });
    isConnected = true;
    await control(post, 'resume', id);
    expect(await ended(setting, id)).toMatchObject({
      state: 'COMPLETED',
      statusReason: null,
      outcomes: { deleted: 300 },
    });
  });

  it('waits during an outage of upstream, and continues by itself', async ({ expect }) => {
    await using setting = await startSetting({ ...many, latencyMs: 20 }, { REQUEST_TIMEOUT_MS: '1000' });
    const { post } = setting.facade;
    const port = Number(new URL(setting.sandbox.url).port);
    const id = await begun(setting, 500, 100);
    await setting.sandbox.close();
    await expect.poll(async () => (await seen(post, id)).statusReason).toMatch(/retried automatically/);
    const { outcomes } = await seen(post, id);
    expect([outcomes.failed, outcomes.notFound, outcomes.unknown]).toEqual([0, 0, 0]);
    await using again = await restarted(port);
    // The new sandbox has the deleted engagements again. Their deletes have ended already, and are not repeated.
    const end = await ended(setting, id, 40_000);
    expect(end).toMatchObject({
      state: 'COMPLETED',
      statusReason: null,
      outcomes: { failed: 0, unknown: 0, notFound: 0 },
    });
    expect(again.requests.length).toBeGreaterThan(100);
  }, 60_000);

  it.each([
    ['carried out', 'fault-reset-after', 'ALREADY_ABSENT', ['DELETE', 'DELETE', 'GET']],
    ['not carried out', 'fault-reset-before', 'DELETED', ['DELETE', 'DELETE', 'GET', 'DELETE']],
  ])(
    'reads an engagement whose delete had no answer and was %s, before it deletes it again',
    async (_what, fault, outcome, methods) => {
      const attempts = new Map<string, number>();
      const pickFault: SandboxOptions['pickFault'] = ({ method, url }) => {
        if (method !== 'DELETE') return undefined;
        const count = (attempts.get(url) ?? 0) + 1;
        attempts.set(url, count);
        // The second attempt tells nothing either.
        return count === 1 ? findFault(fault) : count === 2 ? findFault('fault-502') : undefined;
      };
      await using setting = await startSetting({ pickFault }, { REQUEST_TIMEOUT_MS: '1000' });
      const { id } = await started(setting.facade.post, { integratedAccountId, ids: idsOf(3) });
      await ended(setting, id);
      const told = await outcomesOf(setting.facade.post, id);
      expect(told.map((item) => item.outcome)).toEqual([outcome, outcome, outcome]);
      for (const item of told) {
        expect(setting.sandbox.wasDeleted(integratedAccountId, item.id)).toBe(true);
        const sent = setting.sandbox.requests.filter(({ url }) => url.includes(`/engagements/${item.id}?`));
        expect(sent.map(({ method }) => method)).toEqual(methods);
      }
    },
  );

  it('continues after a restart of Redis, and reports what upstream did', async ({ expect }) => {
    await using setting = await startSetting(many, { REQUEST_TIMEOUT_MS: '1000' });
    const { post } = setting.facade;
    const id = await begun(setting);
    await setting.redis.kill();
    const { body } = await post('query($id: ID!) { bulkDelete(id: $id) { id } }', { id });
    expect(body.errors).toMatchObject([{ extensions: { code: 'BULK_DELETES_UNAVAILABLE' } }]);
    await setting.redis.start();
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 30_000 }).toBe('COMPLETED');
    const told = await outcomesOf(post, id);
    expect(told.filter(({ outcome }) => outcome !== 'DELETED' && outcome !== 'ALREADY_ABSENT')).toEqual([]);
    for (const item of told) expect(setting.sandbox.wasDeleted(integratedAccountId, item.id)).toBe(true);
  });

  it('is left to other servers by one that drains, which finishes its deletes in flight', async ({ expect }) => {
    await using setting = await startSetting(many);
    const id = await begun(setting, 400);
    await setting.facade[Symbol.asyncDispose]();
    await using other = await startTestFacade(setting.sandbox.url, { REDIS_URL: setting.redis.url });
    const { outcomes } = await seen(other.post, id);
    expect(outcomes.remaining).toBeGreaterThan(0);
    await expect.poll(async () => (await seen(other.post, id)).state).toBe('COMPLETED');
    const told = await outcomesOf(other.post, id);
    expect(new Set(told.map(({ outcome }) => outcome))).toEqual(new Set(['DELETED']));
    expect(deletesOf(setting)).toHaveLength(400);
  });
});

describe.concurrent('R28 a bulk delete that is cancelled while upstream does not answer', () => {
  const short = { REQUEST_TIMEOUT_MS: '500' };

  /** What the failures say of each that is of unknown outcome. */
  async function unknownOf(post: Post, id: string) {
    const document = `query($id: ID!) { bulkDelete(id: $id) { failures(first: 1000) { items { id result {
      __typename ... on OutcomeUnknownError { upstreamIdempotencyKey retrySafe } } } } } }`;
    return (await post(document, { id })).body.data.bulkDelete.failures.items;
  }

  it('ends with an unknown outcome for each delete in flight, and reports none of them as not sent', async ({
    expect,
  }) => {
    await using setting = await startSetting({ ...many, latencyMs: 100 }, short);
    const { post } = setting.facade;
    const id = await begun(setting, 300, 40);
    const keys = new Map<string, unknown>();
    const noteKeys = () => {
      for (const { url, headers } of deletesOf(setting))
        keys.set(decodeURIComponent(url.split('?')[0]?.split('/').at(-1) ?? ''), headers['idempotency-key']);
    };
    await setting.sandbox.close();
    noteKeys();
    expect((await control(post, 'cancel', id)).state).toBe('CANCELLING');
    const duringIt = await outcomesOf(post, id);
    for (const item of duringIt) if (keys.has(item.id)) expect(item.outcome).not.toBe('WAITING');
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 60_000 }).toBe('CANCELLED');
    const items = await outcomesOf(post, id);
    // Upstream may never have received a delete that was in flight when it stopped.
    for (const item of items)
      expect(keys.has(item.id) ? ['DELETED', 'UNKNOWN'] : ['SKIPPED', 'UNKNOWN']).toContain(item.outcome);
    expect(items.map(({ outcome }) => outcome)).toContain('SKIPPED');
    const unknown = await unknownOf(post, id);
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown).toHaveLength((await seen(post, id)).outcomes.unknown ?? 0);
    for (const failure of unknown)
      expect(failure.result).toEqual({
        __typename: 'OutcomeUnknownError',
        upstreamIdempotencyKey: keys.get(failure.id) ?? expect.any(String),
        retrySafe: true,
      });
  }, 90_000);

  it('reconciles deletes in flight when upstream is back in time', async ({ expect }) => {
    let isOut = false;
    await using setting = await startSetting(
      {
        ...many,
        pickFault: ({ method }) =>
          isOut ? findFault(method === 'DELETE' ? 'fault-reset-after' : 'fault-502') : undefined,
      },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const id = await begun(setting, 300, 40);
    isOut = true;
    const underWay = async () => (await outcomesOf(post, id)).filter(({ outcome }) => outcome === 'IN_PROGRESS').length;
    await expect.poll(underWay).toBeGreaterThan(0);
    await control(post, 'cancel', id);
    isOut = false;
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 60_000 }).toBe('CANCELLED');
    const told = await outcomesOf(post, id);
    for (const item of told)
      expect(['DELETED', 'ALREADY_ABSENT'].includes(item.outcome), item.outcome).toBe(
        setting.sandbox.wasDeleted(integratedAccountId, item.id),
      );
  }, 90_000);

  it('reports an unknown outcome for a delete in flight whose engagement is still readable', async ({ expect }) => {
    await using setting = await startSetting(
      { ...many, pickFault: ({ method }) => (method === 'DELETE' ? findFault('fault-504') : undefined) },
      short,
    );
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: idsOf(2) });
    await expect.poll(() => deletesOf(setting).length).toBeGreaterThan(0);
    await control(post, 'cancel', id);
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 60_000 }).toBe('CANCELLED');
    const sent = new Set(deletesOf(setting).map(({ url }) => url.split('?')[0]?.split('/').at(-1)));
    for (const item of await outcomesOf(post, id)) expect(item.outcome).toBe(sent.has(item.id) ? 'UNKNOWN' : 'SKIPPED');
  }, 90_000);
});
