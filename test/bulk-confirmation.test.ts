import { describe, expect, it, vi } from 'vitest';
import { maxIds } from '../src/bulk/job.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { outcomesOf, type Start, started } from './support/bulk.ts';
import { deletesOf, ended, type Setting, startSetting } from './support/bulk-setting.ts';
import type { Post } from './support/fetch-graphql.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';

const account = sandboxAccount('Pipedrive');
const integratedAccountId = account.id;
const ids = seedEngagements(account, 30)
  .slice(0, 3)
  .map(({ id }) => id);
const required = { REQUIRE_CONFIRMATION: '1' };

async function tokenOf(post: Post, id: string): Promise<string | null> {
  const { body } = await post('query($id: ID!) { bulkDelete(id: $id) { confirmationToken } }', { id });
  return body.data.bulkDelete.confirmationToken;
}

async function plan(setting: Setting, input: Start): Promise<string | null> {
  const { post } = setting.facade;
  const { id } = await started(post, { integratedAccountId, dryRun: true, ...input });
  await ended(setting, id);
  return tokenOf(post, id);
}

async function confirm(post: Post, confirmationToken: string | null, rest: object = {}) {
  const document = `mutation($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) { id total dryRun } }`;
  return (await post(document, { input: { confirmationToken, ...rest } })).body;
}

const refusedFor = (name: string) => [{ extensions: { code: 'INVALID_INPUT', issues: [{ path: ['input', name] }] } }];

describe('S35 a bulk delete with a confirmation token', () => {
  it.each<[string, Start]>([
    ['ids', { ids }],
    ['a filter', { filter: { createdAt: { gt: '1990-01-01T00:00:00Z' } } }],
  ])('deletes exactly the engagements that its dry run listed, once: %s', async (_how, input) => {
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const { id: dryRunId, total } = await started(post, { integratedAccountId, dryRun: true, ...input });
    const planned = await ended(setting, dryRunId);
    const token = await tokenOf(post, dryRunId);
    // It matches the filter, but was not confirmed.
    const create = `mutation { createEngagement(integratedAccountId: "${integratedAccountId}", input: { engagementType: CALL, subject: "later", content: "x", startTime: "2026-01-01T00:00:00Z" }) { __typename } }`;
    expect((await post(create)).body.data.createEngagement.__typename).toBe('CreateEngagementSuccess');
    const { data } = await confirm(post, token);
    expect(data.startBulkDelete).toMatchObject({ total: planned.total, dryRun: false });
    const { id } = data.startBulkDelete;
    expect(await ended(setting, id)).toMatchObject({ outcomes: { deleted: planned.total } });
    expect((await confirm(post, token)).data.startBulkDelete.id).toBe(id);
    const listed = (await outcomesOf(post, dryRunId)).map((item) => item.id);
    expect((await outcomesOf(post, id)).map((item) => item.id)).toEqual(listed);
    expect(deletesOf(setting)).toHaveLength(listed.length);
    expect(total).toBeLessThanOrEqual(listed.length);
  });

  it('starts one of two requests at the same time', async () => {
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const token = await plan(setting, { ids });
    const starts = await Promise.all([confirm(post, token), confirm(post, token)]);
    expect(new Set(starts.map(({ data }) => data.startBulkDelete.id)).size).toBe(1);
  });

  it('is refused with other fields, by their names', async () => {
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const token = await plan(setting, { ids });
    const others = {
      ...{ ids: ['other'], filter: { status: 'open' }, snapshot: true, dryRun: true },
      ...{ engagementType: 'CALL', integratedAccountId: 'other' },
    };
    for (const [name, value] of Object.entries(others))
      expect((await confirm(post, token, { [name]: value })).errors).toMatchObject(refusedFor(name));
    expect(deletesOf(setting)).toEqual([]);
  });

  it('takes no token of a single delete, and gives none that a single delete takes', async () => {
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const args = `id: "${ids[0]}", integratedAccountId: "${integratedAccountId}"`;
    const dryRun = `mutation { deleteEngagement(${args}, dryRun: true) { ... on DeleteEngagementPlan { confirmationToken } } }`;
    const single = (await post(dryRun)).body.data.deleteEngagement.confirmationToken;
    expect((await confirm(post, single)).errors).toMatchObject(refusedFor('confirmationToken'));
    const bulk = await plan(setting, { ids });
    const document = `mutation($token: String) { deleteEngagement(confirmationToken: $token) { ... on InvalidInputError { issues { path } } } }`;
    for (const token of [bulk, bulk?.replace('bulk_', 'delete_')])
      expect((await post(document, { token })).body.data.deleteEngagement.issues).toEqual([
        { path: ['confirmationToken'] },
      ]);
    for (const token of [`${bulk}A`, single?.replace('delete_', 'bulk_'), ''])
      expect((await confirm(post, token)).errors).toMatchObject(refusedFor('confirmationToken'));
    expect(deletesOf(setting)).toEqual([]);
  });

  it('is required by REQUIRE_CONFIRMATION=1', async () => {
    await using setting = await startSetting({}, required);
    for (const input of [{ ids }, { filter: { status: 'open' } }])
      expect((await confirm(setting.facade.post, null, { integratedAccountId, ...input })).errors).toMatchObject(
        refusedFor('confirmationToken'),
      );
    expect(deletesOf(setting)).toEqual([]);
  });

  it('has none while it cannot be confirmed: nothing was found, or it is no dry run', async () => {
    await using setting = await startSetting();
    const { post } = setting.facade;
    expect(await plan(setting, { filter: { subject: 'no engagement has this' } })).toBeNull();
    const { id } = await started(post, { integratedAccountId, ids });
    await ended(setting, id);
    expect(await tokenOf(post, id)).toBeNull();
    expect((await confirm(post, null, { ids })).errors).toMatchObject(refusedFor('integratedAccountId'));
  });

  it(`has none for more than ${maxIds} engagements`, async () => {
    await using setting = await startSetting({ engagementsPerAccount: maxIds + 1_000 });
    const filter = { createdAt: { gt: '1990-01-01T00:00:00Z' } };
    const { id } = await started(setting.facade.post, { integratedAccountId, dryRun: true, filter });
    expect((await ended(setting, id, 60_000)).total).toBeGreaterThan(maxIds);
    expect(await tokenOf(setting.facade.post, id)).toBeNull();
  });
});

describe('a confirmation token of a bulk delete', () => {
  it('is refused from another caller', async () => {
    const env = { ...required, ...serviceEnv, JWT_SECRET: jwtSecret };
    await using setting = await startSetting({ token: serviceEnv.TRUTO_API_TOKEN }, env);
    const as = async (sub: string): Promise<Post> => {
      const headers = bearer(await signToken({ sub, integrated_accounts: [integratedAccountId] }));
      return (query, variables) => setting.facade.post(query, variables, headers);
    };
    const [mine, other] = [await as('one'), await as('two')];
    const { id } = await started(mine, { integratedAccountId, dryRun: true, ids });
    const token = await tokenOf(mine, id);
    expect(await tokenOf(other, id)).toBeNull();
    expect((await confirm(other, token)).errors).toMatchObject(refusedFor('confirmationToken'));
    expect(deletesOf(setting)).toEqual([]);
    expect((await confirm(mine, token)).data.startBulkDelete.total).toBe(ids.length);
  });

  it('returns what it started also when the dry run is no longer stored', async () => {
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const { id: dryRunId } = await started(post, { integratedAccountId, dryRun: true, ids });
    const token = await tokenOf(post, dryRunId);
    const { id } = (await confirm(post, token)).data.startBulkDelete;
    const keys = (await setting.redis.tell('KEYS', `*${dryRunId}*`)) as string[];
    expect(await setting.redis.tell('DEL', ...keys)).toBe(keys.length);
    expect((await confirm(post, token)).data.startBulkDelete.id).toBe(id);
    expect((await confirm(post, token, { integratedAccountId: 'other' })).errors).toMatchObject(
      refusedFor('integratedAccountId'),
    );
  });

  it('starts nothing 5 minutes after the end of the dry run, and still returns what it started', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await using setting = await startSetting({}, required);
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, dryRun: true, ids });
    const token = await tokenOf(post, id);
    const used = await plan(setting, { ids: ids.slice(1) });
    const { id: startedId } = (await confirm(post, used)).data.startBulkDelete;
    vi.setSystemTime(Date.now() + 6 * 60_000);
    expect((await confirm(post, token)).errors).toMatchObject(refusedFor('confirmationToken'));
    expect(await tokenOf(post, id)).toBeNull();
    expect((await confirm(post, used)).data.startBulkDelete.id).toBe(startedId);
    vi.useRealTimers();
  });
});
