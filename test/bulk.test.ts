import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { outcomesOf, seen, startBulk, started } from './support/bulk.ts';
import { deletesOf, ended, startSetting } from './support/bulk-setting.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import type { Post } from './support/fetch-graphql.ts';
import { jsonLines } from './support/json-lines.ts';
import { startRedis } from './support/redis-server.ts';
import { json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;

it.concurrent.each([
  'query { bulkDelete(id: 1) { id } }',
  'mutation { startBulkDelete(input: { integratedAccountId: 1, ids: [1] }) { id } }',
  ...['pause', 'resume', 'cancel'].map((how) => `mutation { ${how}BulkDelete(id: 1) { id } }`),
])('a server without Redis names the setting that %s needs', async (document) => {
  await using sandbox = closing(await startSandbox());
  await using facade = await startTestFacade(sandbox.url);
  const { body } = await facade.post(document);
  expect(body.errors).toMatchObject([
    { message: expect.stringContaining('REDIS_URL'), extensions: { code: 'NOT_CONFIGURED' } },
  ]);
});

describe.concurrent('a bulk delete by ids', () => {
  it('deletes a repeated id once, and reports the outcome of each', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 250 });
    const ids = seedEngagements(account, 250).map(({ id }) => id);
    const named = [...ids, ...ids.slice(0, 20), 'unheard-of', 'fault-409'];
    const { id, total } = await started(setting.facade.post, { integratedAccountId, ids: named });
    expect(total).toBe(252);
    expect(await ended(setting, id)).toMatchObject({
      state: 'COMPLETED',
      total: 252,
      outcomes: { deleted: 250, notFound: 1, failed: 1, unknown: 0, accepted: 0, alreadyAbsent: 0, remaining: 0 },
    });
    expect(deletesOf(setting)).toHaveLength(252);
    const outcomes = await outcomesOf(setting.facade.post, id, 60);
    expect(outcomes.map((item) => item.id)).toEqual([...new Set(named)]);
    expect(outcomes.slice(-2).map(({ outcome }) => outcome)).toEqual(['NOT_FOUND', 'FAILED']);
    for (const each of ids) expect(setting.sandbox.wasDeleted(integratedAccountId, each)).toBe(true);
  });

  it('returns failures like deleteEngagement, a page at a time', async () => {
    await using setting = await startSetting();
    const ids = ['fault-409', 'unheard-of', 'fault-403', 'fault-422'];
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    await ended(setting, id);
    const document = `query($id: ID!, $after: String) { bulkDelete(id: $id) { failures(first: 2, after: $after) { endCursor items {
      id result { __typename ... on Error { message } ... on RemoteApiError { statusCode } ... on ForbiddenError { missingScopes } } } } } }`;
    const first = (await setting.facade.post(document, { id })).body.data.bulkDelete.failures;
    const rest = (await setting.facade.post(document, { id, after: first.endCursor })).body.data.bulkDelete.failures;
    expect([first.items.length, rest.items.length, rest.endCursor]).toEqual([2, 1, null]);
    const byId = Object.fromEntries([...first.items, ...rest.items].map((item) => [item.id, item.result]));
    expect(byId).toMatchObject({
      'fault-409': { __typename: 'RemoteApiError', statusCode: 409 },
      'fault-403': { __typename: 'ForbiddenError', missingScopes: [expect.any(String)] },
    });
    expect(byId).not.toHaveProperty('unheard-of');
    expect((await outcomesOf(setting.facade.post, id)).map(({ outcome }) => outcome)).toContain('NOT_FOUND');
  });

  it('writes one audit line for each', async () => {
    await using setting = await startSetting();
    const ids = seedEngagements(account).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    await ended(setting, id);
    const lines = jsonLines(setting.facade.logged());
    const deletes = lines.filter(({ msg, bulkDeleteId }) => msg === 'delete' && bulkDeleteId === id);
    expect(deletes.map(({ engagementId }) => engagementId).sort()).toEqual([...ids].sort());
    expect(new Set(deletes.map(({ result, detail }) => `${result} ${detail}`))).toEqual(
      new Set(['DeleteEngagementSuccess DELETED']),
    );
  });

  it.each([
    ['neither ids nor a filter', {}, ['input']],
    ['both', { ids: ['1'], filter: { contact: '1' } }, ['input']],
    ['no id', { ids: [] }, ['input', 'ids']],
    ['too many ids', { ids: Array.from({ length: 5_001 }, (_, index) => `${index}`) }, ['input', 'ids']],
    ['an id that could be no path segment', { ids: ['1', '..'] }, ['input', 'ids', '1']],
    ['a filter without a condition', { filter: { contact: null } }, ['input', 'filter']],
    ['a filter of a range without an end', { filter: { createdAt: { gt: null }, updatedAt: {} } }, ['input', 'filter']],
    ['a filter of an empty text', { filter: { subject: '' } }, ['input', 'filter']],
    ['a filter that cannot be sent', { filter: { contact: '' } }, ['input', 'filter', 'contact']],
    [
      'a type together with a filter',
      { filter: { contact: '1' }, engagementType: 'CALL' },
      ['input', 'engagementType'],
    ],
  ])('is refused with %s, before anything is sent', async (_what, input, path) => {
    await using setting = await startSetting();
    const { body } = await startBulk(setting.facade.post, { integratedAccountId, ...input });
    expect(body.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', issues: [{ path }] } }]);
    expect(deletesOf(setting)).toEqual([]);
  });

  it('is refused when the integration would refuse every delete', async () => {
    await using setting = await startSetting();
    const affinity = sandboxAccount('Affinity').id;
    const untyped = await startBulk(setting.facade.post, { integratedAccountId: affinity, ids: ['1'] });
    expect(untyped.body.errors).toMatchObject([{ extensions: { issues: [{ path: ['input', 'engagementType'] }] } }]);
    const hubspot = await startBulk(setting.facade.post, {
      integratedAccountId: sandboxAccount('HubSpot').id,
      ids: ['1'],
    });
    expect(hubspot.body.errors).toMatchObject([
      { extensions: { issues: [{ path: ['input', 'integratedAccountId'] }] } },
    ]);
  });

  it('is the same one when the start is repeated with its Idempotency-Key', async () => {
    await using setting = await startSetting();
    const ids = seedEngagements(account).map(({ id }) => id);
    const key = { 'idempotency-key': 'k' };
    const all = await Promise.all([1, 2, 3].map(() => started(setting.facade.post, { integratedAccountId, ids }, key)));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    await ended(setting, all[0]?.id ?? '');
    expect((await started(setting.facade.post, { integratedAccountId, ids }, key)).state).toBe('COMPLETED');
    expect(deletesOf(setting)).toHaveLength(ids.length);
    const other = await startBulk(setting.facade.post, { integratedAccountId, ids: ids.slice(1) }, key);
    expect(other.body.errors).toMatchObject([{ extensions: { issues: [{ path: ['Idempotency-Key'] }] } }]);
  });
});

describe.concurrent('a bulk delete by a filter', () => {
  const contactOf = (engagements: ReturnType<typeof seedEngagements>) => engagements[0]?.contact?.[0]?.id ?? '';

  it('deletes every engagement that matches, and no other', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 600 });
    const all = seedEngagements(account, 600);
    const contact = contactOf(all);
    const meant = all.filter((engagement) => engagement.contact?.some(({ id }) => id === contact)).map(({ id }) => id);
    expect(meant.length).toBeGreaterThan(200);
    const { id } = await started(setting.facade.post, { integratedAccountId, filter: { contact } });
    expect(await ended(setting, id)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: meant.length } });
    const deleted = all
      .filter((each) => setting.sandbox.wasDeleted(integratedAccountId, each.id))
      .map((each) => each.id);
    expect(deleted).toEqual(meant);
  });

  it('sends the type of each when the integration requires it', async () => {
    await using setting = await startSetting();
    const close = sandboxAccount('Close');
    const filter = { createdAt: { gt: '2000-01-01T00:00:00Z' } };
    const { id } = await started(setting.facade.post, { integratedAccountId: close.id, filter });
    const { total, outcomes } = await ended(setting, id);
    expect(total).toBeGreaterThan(10);
    expect(outcomes).toMatchObject({ deleted: total });
  });

  it('counts and lists with dryRun, and deletes nothing', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 150 });
    const contact = contactOf(seedEngagements(account, 150));
    const { id } = await started(setting.facade.post, { integratedAccountId, filter: { contact }, dryRun: true });
    const { total, state, outcomes } = await ended(setting, id);
    expect([state, outcomes.remaining, outcomes.deleted]).toEqual(['COMPLETED', 0, 0]);
    const listed = await outcomesOf(setting.facade.post, id);
    expect([listed.length, new Set(listed.map(({ outcome }) => outcome))]).toEqual([total, new Set(['PLANNED'])]);
    expect(deletesOf(setting)).toEqual([]);
  });

  it('fails when the list cannot be read, with the reason', async () => {
    await using setting = await startSetting({
      pickFault: ({ method }) => (method === 'GET' ? findFault('fault-403') : undefined),
    });
    const { id } = await started(setting.facade.post, { integratedAccountId, filter: { contact: '1' } });
    expect(await ended(setting, id)).toMatchObject({
      state: 'FAILED',
      statusReason: expect.stringContaining('Nothing was deleted'),
    });
  });

  it.for<[string, object, object]>([
    ['contact', { contact: '1' }, { contact: [{ id: '2' }] }],
    ['owner', { owner: '1' }, { owner: { id: '2' } }],
    ['engagementType', { engagementType: 'CALL' }, { engagement_type: 'meeting' }],
    ['createdAt', { createdAt: { lt: '2020-01-01T00:00:00Z' } }, { created_at: '2026-01-01T00:00:00Z' }],
  ])(
    'fails, and deletes nothing, when its list shows that the integration ignores filter.%s',
    async ([name, filter, other], { expect }) => {
      await using redis = await startRedis();
      const list = json(200, { result: [{ id: '1' }, { id: '2', ...other }], next_cursor: null });
      await using upstream = await startUpstream(list, 'capsule');
      await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
      const { id } = await started(facade.post, { integratedAccountId: 'a', filter });
      await expect
        .poll(async () => seen(facade.post, id))
        .toMatchObject({ state: 'FAILED', total: 0, statusReason: expect.stringContaining(`match filter.${name}`) });
      expect(upstream.deletes()).toEqual([]);
    },
  );

  it('takes a page that is longer than was asked for', async () => {
    await using redis = await startRedis();
    const result = Array.from({ length: 1_001 }, (_, index) => ({ id: String(index) }));
    await using upstream = await startUpstream(json(200, { result, next_cursor: null }), 'capsule');
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const input = { integratedAccountId: 'a', filter: { contact: '1' }, dryRun: true };
    const { id } = await started(facade.post, input);
    await expect.poll(async () => seen(facade.post, id)).toMatchObject({ state: 'COMPLETED', total: 1_001 });
  });

  /** Upstream whose list is one engagement, of which it says so often that it is only a part. */
  async function startPartial(parts: number) {
    const stack = new AsyncDisposableStack();
    const redis = stack.use(await startRedis());
    let lists = 0;
    const upstream = stack.use(
      await startUpstream((request, response) => {
        if (request.method === 'DELETE') return json(204, undefined)(request, response);
        lists += 1;
        const next = request.query.next_cursor === undefined ? 'second' : null;
        const isPartial = lists <= parts;
        json(200, { result: [{ id: String(next) }], next_cursor: next, is_partial_response: isPartial })(
          request,
          response,
        );
      }, 'capsule'),
    );
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' };
    const { post } = stack.use(await startTestFacade(upstream.url, env));
    return { post, lists: () => lists, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  const partialOf = async (post: Post, id: string) => {
    const { body } = await post('query($id: ID!) { bulkDelete(id: $id) { isPartial statusReason } }', { id });
    return body.data.bulkDelete;
  };

  it('reads a partial list page again, and does not report it once it is complete', async ({ expect }) => {
    await using setting = await startPartial(3);
    const { id } = await started(setting.post, { integratedAccountId: 'a', filter: { contact: '1' } });
    await expect
      .poll(async () => seen(setting.post, id))
      .toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 2, failed: 0 } });
    expect(await partialOf(setting.post, id)).toEqual({ isPartial: false, statusReason: null });
    expect(setting.lists()).toBe(5);
  });

  it('deletes what a partial list has after some retries, and says that it is partial', async ({ expect }) => {
    await using setting = await startPartial(Number.POSITIVE_INFINITY);
    const { id } = await started(setting.post, { integratedAccountId: 'a', filter: { contact: '1' } });
    await expect
      .poll(async () => seen(setting.post, id))
      .toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 2, failed: 0 } });
    expect(await partialOf(setting.post, id)).toEqual({ isPartial: true, statusReason: expect.any(String) });
    expect(setting.lists()).toBe(5);
  });

  it('says that it is partial also when a dry run has listed it', async ({ expect }) => {
    await using setting = await startPartial(Number.POSITIVE_INFINITY);
    const { post } = setting;
    const dryRun = await started(post, { integratedAccountId: 'a', filter: { contact: '1' }, dryRun: true });
    await expect.poll(async () => seen(post, dryRun.id)).toMatchObject({ state: 'COMPLETED', total: 2 });
    const token = 'query($id: ID!) { bulkDelete(id: $id) { confirmationToken } }';
    const { confirmationToken } = (await post(token, { id: dryRun.id })).body.data.bulkDelete;
    const start = 'mutation($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) { id } }';
    const { id } = (await post(start, { input: { confirmationToken } })).body.data.startBulkDelete;
    await expect.poll(async () => seen(post, id)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 2 } });
    expect(await partialOf(post, id)).toEqual({ isPartial: true, statusReason: expect.any(String) });
  });

  it.for<[string, string | undefined, string | undefined, string]>([
    ['in capitals', 'CALL', undefined, 'call'],
    ['with one', 'Call', undefined, 'call'],
    ['with space around it', ' Meeting ', undefined, 'meeting'],
    ['not at all, while the filter names it', undefined, 'CALL', 'call'],
    ['as nothing, while the filter names it', '', 'MEETING', 'meeting'],
  ])(
    'deletes by its type an engagement whose record says it %s',
    async ([_how, written, engagementType, expected], { expect }) => {
      await using redis = await startRedis();
      await using upstream = await startUpstream((request, response) => {
        if (request.method === 'DELETE') return json(204, undefined)(request, response);
        json(200, { result: [{ id: '1', engagement_type: written }], next_cursor: null })(request, response);
      }, 'zohocrm');
      await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
      const filter = { contact: '1', ...(engagementType && { engagementType }) };
      const { id } = await started(facade.post, { integratedAccountId: 'a', filter });
      await expect.poll(async () => (await seen(facade.post, id)).outcomes.deleted).toBe(1);
      expect(upstream.deletes().map(({ query }) => query.engagement_type)).toEqual([expected]);
    },
  );

  it('fails one without a required type, and names the argument', async ({ expect }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream((request, response) => {
      if (request.method === 'DELETE') return json(204, undefined)(request, response);
      json(200, { result: [{ id: '1' }, { id: '2', engagement_type: 'call' }], next_cursor: null })(request, response);
    }, 'zohocrm');
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } });
    await expect
      .poll(async () => seen(facade.post, id))
      .toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 1, failed: 1 } });
    const document =
      'query($id: ID!) { bulkDelete(id: $id) { failures { items { id result { __typename ... on InvalidInputError { issues { path } } } } } } }';
    expect((await facade.post(document, { id })).body.data.bulkDelete.failures.items).toEqual([
      { id: '1', result: { __typename: 'InvalidInputError', issues: [{ path: ['engagementType'] }] } },
    ]);
  });

  it('loses nothing while a firewall answers in place of Truto', async ({ expect }) => {
    let isOut = false;
    await using setting = await startSetting(
      { engagementsPerAccount: 150, latencyMs: 20, pickFault: () => (isOut ? findFault('fault-firewall') : undefined) },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const begin = () => started(post, { integratedAccountId, filter: { createdAt: { gt: '2000-01-01T00:00:00Z' } } });
    const { id } = await begin();
    isOut = true;
    const lists = () => setting.sandbox.requests.filter(({ url }) => url.includes('/engagements?')).length;
    await expect.poll(lists).toBeGreaterThan(1);
    isOut = false;
    await expect
      .poll(() => setting.sandbox.requests.filter(({ method }) => method === 'DELETE').length)
      .toBeGreaterThan(5);
    isOut = true;
    const refusedFrom = setting.sandbox.requests.length;
    await expect.poll(() => setting.sandbox.requests.length - refusedFrom).toBeGreaterThan(30);
    isOut = false;
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 60_000 }).toBe('COMPLETED');
    const { total, outcomes } = await seen(post, id);
    expect(total).toBeGreaterThan(100);
    expect((outcomes.deleted ?? 0) + (outcomes.alreadyAbsent ?? 0)).toBe(total);
    expect([outcomes.failed, outcomes.notFound, outcomes.unknown]).toEqual([0, 0, 0]);
    for (const item of await outcomesOf(post, id))
      expect(setting.sandbox.wasDeleted(integratedAccountId, item.id)).toBe(true);
  }, 90_000);
});
