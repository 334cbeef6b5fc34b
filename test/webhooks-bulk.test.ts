import { describe, it } from 'vitest';
import { control, outcomesOf, type SeenBulkDelete, seen, started } from './support/bulk.ts';
import { type Setting, startSetting } from './support/bulk-setting.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startTwo } from './support/keyed-delete.ts';
import { startRedis } from './support/redis-server.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';
import { accountEvent, deletedEvent, deliver, eventOf, webhookEnv } from './support/webhooks.ts';

interface Parts extends AsyncDisposable {
  readonly upstream: FakeUpstream;
  readonly facade: TestFacade;
}

/** A facade with a Redis, over an upstream of the test's. Reads find each engagement. */
async function startParts(onDelete: Answer, integration = 'capsule', env: Record<string, string> = {}): Promise<Parts> {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const upstream = stack.use(
    await startUpstream((request, response) => {
      const id = request.path.split('/').at(-1);
      if (request.method === 'DELETE') onDelete(request, response);
      else json(200, { id, engagement_type: 'call' })(request, response);
    }, integration),
  );
  const settings = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '300', ...webhookEnv, ...env };
  const facade = stack.use(await startTestFacade(upstream.url, settings));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const breaks: Answer = (_request, response) => void response.destroy();
const accepts: Answer = ({ path }, response) => json(202, { id: path.split('/').at(-1) })({} as never, response);

/** Starts a bulk delete and cancels it once its deletes are sent: it ends with unknown outcomes. */
async function endUnknown({ upstream, facade }: Parts, input: object, expect: Chai['expect']): Promise<SeenBulkDelete> {
  const { id } = await started(facade.post, { integratedAccountId: 'a', ...input });
  await expect.poll(() => upstream.deletes().length).toBeGreaterThan(0);
  await expect.poll(async () => (await seen(facade.post, id)).outcomes.remaining).toBeGreaterThan(0);
  await control(facade.post, 'cancel', id);
  await expect.poll(async () => (await seen(facade.post, id)).state).toBe('CANCELLED');
  return seen(facade.post, id);
}

type Chai = { readonly expect: typeof import('vitest').expect };

const failuresOf = async ({ facade }: Parts, id: string) => {
  const { body } = await facade.post(
    'query($id: ID!) { bulkDelete(id: $id) { failures(first: 1000) { items { id } } } }',
    { id },
  );
  return body.data.bulkDelete.failures.items.map((item: { id: string }) => item.id);
};

const reportOf = async ({ facade }: Parts, id: string) => {
  const response = await fetch(`${facade.url}/bulk/${id}/report.json`);
  return JSON.parse(await response.text());
};

describe.concurrent('an event record:deleted, for bulk deletes,', () => {
  it('settles unknown outcomes after the end, and the report says so', async ({ expect }) => {
    await using parts = await startParts(breaks);
    const { facade } = parts;
    const { id, outcomes } = await endUnknown(parts, { ids: ['1'] }, expect);
    expect(outcomes).toMatchObject({ unknown: 1, deleted: 0 });
    expect(await failuresOf(parts, id)).toEqual(['1']);
    const before = await reportOf(parts, id);
    await deliver(facade.url, deletedEvent('a', '1'));
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ unknown: 0, deleted: 1 });
    expect(await failuresOf(parts, id)).toEqual([]);
    const after = await reportOf(parts, id);
    expect(after).toMatchObject({
      outcomes: { DELETED: 1 },
      engagements: [{ id: '1', outcome: 'DELETED' }],
      failures: [],
      settledByEvents: { count: 1 },
    });
    expect(after.sha256).not.toBe(before.sha256);
    expect(before.settledByEvents).toBeUndefined();
    // A second event changes nothing.
    await deliver(facade.url, deletedEvent('a', '1'));
    expect((await reportOf(parts, id)).sha256).toBe(after.sha256);
    expect(facade.logged().match(/"delete settled by an event"/g)).toHaveLength(1);
  });

  it('settles each of hundreds of unknown outcomes, also with events at once', async ({ expect }) => {
    const unclear: Answer = (_request, response) => void response.end('neither');
    await using parts = await startParts(unclear, 'capsule', { TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '2000' });
    const { post } = parts.facade;
    const ids = Array.from({ length: 300 }, (_, index) => `e${index}`);
    const { id } = await started(post, { integratedAccountId: 'a', ids });
    await expect
      .poll(() => new Set(parts.upstream.deletes().map(({ path }) => path)).size, { timeout: 20_000 })
      .toBe(300);
    await control(post, 'cancel', id);
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 40_000 }).toBe('CANCELLED');
    const { outcomes } = await seen(post, id);
    expect(outcomes.unknown).toBeGreaterThan(250);
    const unknown = await failuresOf(parts, id);
    const groups = Array.from({ length: 10 }, (_, group) => unknown.slice(group * 30, group * 30 + 30));
    const events = groups.map((part) => {
      const records = part.map((one: string) => ({ id: one }));
      return eventOf('record:deleted', { integrated_account_id: 'a', resource: 'crm/engagements', records });
    });
    for (const response of await Promise.all(events.map((body) => deliver(parts.facade.url, body))))
      expect(response.status).toBe(200);
    expect((await seen(post, id)).outcomes).toMatchObject({ unknown: 0, deleted: outcomes.unknown });
  }, 90_000);

  it('settles begun deletes while the bulk delete runs, and it completes', async ({ expect }) => {
    await using parts = await startParts(breaks);
    const { facade, upstream } = parts;
    const ids = ['1', '2', '3'];
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids });
    await expect.poll(() => new Set(upstream.deletes().map(({ path }) => path)).size).toBe(3);
    // Each is noted as waiting for its event when its outcome is unknown.
    await expect
      .poll(async () => {
        for (const one of ids) await deliver(facade.url, deletedEvent('a', one));
        return (await seen(facade.post, id)).state;
      })
      .toBe('COMPLETED');
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ deleted: 3, unknown: 0, remaining: 0 });
    expect(facade.logged().match(/"msg":"delete"/g)).toHaveLength(3);
    expect(await reportOf(parts, id)).toMatchObject({ isComplete: true });
  });

  it('makes DELETED of ACCEPTED, of this engagement only', async ({ expect }) => {
    await using parts = await startParts(accepts);
    const { facade } = parts;
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1', '2'] });
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('COMPLETED');
    await deliver(facade.url, deletedEvent('b', '2'));
    await deliver(facade.url, deletedEvent('a', '2'));
    expect((await outcomesOf(facade.post, id)).map(({ outcome }) => outcome)).toEqual(['ACCEPTED', 'DELETED']);
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ accepted: 1, deleted: 1 });
  });

  it('settles nothing that was sent after it, or has another type', async ({ expect }) => {
    await using parts = await startParts(accepts, 'zohocrm');
    const { facade } = parts;
    const early = new Date(Date.now() - 2_000);
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'], engagementType: 'CALL' });
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('COMPLETED');
    const bodies = [deletedEvent('a', '1', 'call', early), deletedEvent('a', '1', 'meeting'), deletedEvent('a', '1')];
    for (const body of bodies) await deliver(facade.url, body);
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ accepted: 1 });
    await deliver(facade.url, deletedEvent('a', '1', 'call'));
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ accepted: 0, deleted: 1 });
  });

  it('may arrive at another replica, and before the answer of the delete', async ({ expect }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream((request, response) => {
      if (request.method !== 'DELETE') return json(200, { id: '1' })(request, response);
      void deliver(two.other.url, deletedEvent('a', '1')).then(() => response.destroy());
    }, 'capsule');
    await using two = await startTwo(upstream.url, redis.url, webhookEnv);
    const { id } = await started(two.one.post, { integratedAccountId: 'a', ids: ['1'] });
    await expect.poll(async () => (await seen(two.other.post, id)).state).toBe('COMPLETED');
    expect((await seen(two.one.post, id)).outcomes).toMatchObject({ deleted: 1 });
  });
});

async function startSlow(setting: Setting, account: string): Promise<string> {
  const ids = setting.sandbox.engagementsOf(account).map(({ id }) => id);
  return (await started(setting.facade.post, { integratedAccountId: account, ids })).id;
}

const capsule = '00000000-0000-4000-8000-000000000002';
const slow = { engagementsPerAccount: 200, latencyMs: 800 };

describe.concurrent('an event about an account', () => {
  const later = () => new Date(Date.now() + 1);

  it('pauses its bulk deletes, and another one resumes them', async ({ expect }) => {
    await using setting = await startSetting(slow, webhookEnv);
    const { facade } = setting;
    const id = await startSlow(setting, capsule);
    await deliver(facade.url, accountEvent('authentication_error', 'another', later()));
    expect((await seen(facade.post, id)).state).toBe('DELETING');
    await deliver(facade.url, accountEvent('authentication_error', capsule, later()));
    const paused = await seen(facade.post, id);
    expect(paused.state).toBe('PAUSED');
    expect(paused.statusReason).toContain('integrated_account:authentication_error');
    await deliver(facade.url, accountEvent('reactivated', 'another', later()));
    expect((await seen(facade.post, id)).state).toBe('PAUSED');
    await deliver(facade.url, accountEvent('reactivated', capsule, later()));
    expect(await seen(facade.post, id)).toMatchObject({ state: 'DELETING', statusReason: null });
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('COMPLETED');
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ deleted: 200 });
  });

  it('also resumes them when the account is connected again', async ({ expect }) => {
    await using setting = await startSetting(slow, webhookEnv);
    const id = await startSlow(setting, capsule);
    await deliver(setting.facade.url, accountEvent('authentication_error', capsule, later()));
    await deliver(setting.facade.url, accountEvent('active', capsule, later()));
    expect((await seen(setting.facade.post, id)).state).toBe('DELETING');
  });

  it("resumes nothing that a person has paused, before or after Truto's event", async ({ expect }) => {
    await using setting = await startSetting(slow, webhookEnv);
    const { facade } = setting;
    const [before, after] = [await startSlow(setting, capsule), await startSlow(setting, capsule)];
    await control(facade.post, 'pause', before);
    await deliver(facade.url, accountEvent('authentication_error', capsule, later()));
    await control(facade.post, 'pause', after);
    // Truto says it again.
    await deliver(facade.url, accountEvent('authentication_error', capsule, later()));
    await deliver(facade.url, accountEvent('reactivated', capsule, later()));
    for (const id of [before, after]) expect((await seen(facade.post, id)).state).toBe('PAUSED');
  });

  it("does not pause what a person has resumed since, and leaves a person's resume alone", async ({ expect }) => {
    await using setting = await startSetting(slow, webhookEnv);
    const { facade } = setting;
    const id = await startSlow(setting, capsule);
    const at = later();
    await deliver(facade.url, accountEvent('authentication_error', capsule, at));
    await control(facade.post, 'resume', id);
    await deliver(facade.url, accountEvent('authentication_error', capsule, at));
    expect((await seen(facade.post, id)).state).toBe('DELETING');
    await deliver(facade.url, accountEvent('reactivated', capsule, later()));
    expect((await seen(facade.post, id)).state).toBe('DELETING');
  });

  it('does not pause when the account was reactivated since: events may arrive in another order', async ({
    expect,
  }) => {
    await using setting = await startSetting(slow, webhookEnv);
    const { facade } = setting;
    const id = await startSlow(setting, capsule);
    const [first, second] = [later(), new Date(Date.now() + 2)];
    // Times in the future count as now.
    await expect.poll(() => Date.now()).toBeGreaterThan(second.getTime());
    await deliver(facade.url, accountEvent('reactivated', capsule, second));
    await deliver(facade.url, accountEvent('authentication_error', capsule, first));
    expect((await seen(facade.post, id)).state).toBe('DELETING');
    // It fails again after the reactivation.
    const at = Date.now();
    const times = [1, 2, 3].map((ms) => new Date(at + ms)) as [Date, Date, Date];
    await expect.poll(() => Date.now()).toBeGreaterThan(at + 3);
    await deliver(facade.url, accountEvent('authentication_error', capsule, times[2]));
    await deliver(facade.url, accountEvent('authentication_error', capsule, times[0]));
    await deliver(facade.url, accountEvent('reactivated', capsule, times[1]));
    expect((await seen(facade.post, id)).state).toBe('PAUSED');
  });
});
