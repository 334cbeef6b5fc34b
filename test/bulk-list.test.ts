import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { started } from './support/bulk.ts';
import { startSetting } from './support/bulk-setting.ts';
import { createJob, startBulkStore } from './support/bulk-store.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import type { Post } from './support/fetch-graphql.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const ids = seedEngagements(account).map(({ id }) => id);

const query = `query($account: ID!, $first: Int! = 20, $after: String) {
  bulkDeletes(integratedAccountId: $account, first: $first, after: $after) {
    items { id createdBy snapshot keptCount dryRun createdAt } endCursor
  }
}`;
const listed = async (post: Post, variables: object, headers: Record<string, string> = {}) =>
  (await post(query, variables, headers)).body;
const idsIn = (body: Awaited<ReturnType<typeof listed>>) =>
  body.data.bulkDeletes.items.map(({ id }: { readonly id: string }) => id);

describe.concurrent('the list of the bulk deletes of an account', () => {
  it('has them newest first, in pages, with who started each, and none of another account', async ({ expect }) => {
    await using setting = await startSetting();
    const { post } = setting.facade;
    const all: string[] = [];
    for (let count = 0; count < 5; count += 1)
      all.unshift((await started(post, { integratedAccountId, ids, dryRun: true })).id);
    await started(post, { integratedAccountId: sandboxAccount('Close').id, ids, dryRun: true, engagementType: 'CALL' });
    const { body } = await post(query, { account: integratedAccountId });
    expect(idsIn(body)).toEqual(all);
    expect(body.data.bulkDeletes).toMatchObject({
      items: all.map(() => ({ createdBy: 'anybody', snapshot: false, keptCount: 0, dryRun: true })),
      endCursor: null,
    });
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listed>> = await listed(post, {
        account: integratedAccountId,
        first: 2,
        after,
      });
      pages.push(idsIn(page));
      after = page.data.bulkDeletes.endCursor;
    } while (after !== null);
    expect(pages).toEqual([all.slice(0, 2), all.slice(2, 4), all.slice(4)]);
  });

  it('leaves out those that are no longer stored, and forgets them', async ({ expect }) => {
    await using setting = await startSetting();
    const { post } = setting.facade;
    const one = await started(post, { integratedAccountId, ids, dryRun: true });
    const other = await started(post, { integratedAccountId, ids, dryRun: true });
    const client = new Redis(setting.redis.url);
    await client.del(`{engagements}:bulk:${other.id}`);
    expect(idsIn(await listed(post, { account: integratedAccountId, first: 1 }))).toEqual([one.id]);
    expect(await client.zcard(`{engagements}:bulk-in:${integratedAccountId}`)).toBe(1);
    client.disconnect();
  });

  it('refuses a bad page and a bad id, and names the argument', async ({ expect }) => {
    await using setting = await startSetting();
    for (const [variables, name] of [
      [{ first: 0 }, 'first'],
      [{ first: 101 }, 'first'],
      [{ after: '' }, 'after'],
      [{ after: '100' }, 'after'],
      [{ after: `${Date.now()}:+inf` }, 'after'],
      [{ account: '../..' }, 'integratedAccountId'],
    ] as const) {
      const body = await listed(setting.facade.post, { account: integratedAccountId, ...variables });
      const extensions = { code: 'INVALID_INPUT', issues: [{ path: [name] }] };
      expect(body).toMatchObject({ data: { bulkDeletes: null }, errors: [{ extensions }] });
    }
  });

  it('is the same for all callers with access to the account in service mode, and refused to others', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startFacadeOver(json(500, {}), env, 'capsule');
    const starter = bearer(await signToken({ integrated_accounts: ['a'], sub: 'starter' }));
    const colleague = bearer(await signToken({ integrated_accounts: ['a'], sub: 'colleague' }));
    const stranger = bearer(await signToken({ integrated_accounts: ['b'], sub: 'stranger' }));
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } }, starter);
    const found = await listed(facade.post, { account: 'a' }, colleague);
    expect(found.data.bulkDeletes.items).toMatchObject([{ id, createdBy: 'starter' }]);
    expect(await listed(facade.post, { account: 'a' }, stranger)).toMatchObject({
      data: { bulkDeletes: null },
      errors: [{ extensions: { code: 'FORBIDDEN' } }],
    });
    expect((await facade.post(query, { account: 'a' })).body.errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED' } },
    ]);
  });

  it.each<[string, Answer, string]>([
    ['hides it from the token', truto(404), 'INTEGRATED_ACCOUNT_NOT_FOUND'],
    ['fails', truto(500), 'UPSTREAM_UNAVAILABLE'],
  ])('has those of all whom Truto shows the account; when it %s, only one’s own', async (_how, refused, code) => {
    await using redis = await startRedis();
    let lookUp = json(200, { integration: { name: 'capsule' } });
    await using upstream = await startUpstream(json(500, {}), (request, response) => lookUp(request, response));
    const sealing = {
      AUTH_MODE: 'passthrough',
      BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters',
    };
    const env = { REDIS_URL: redis.url, ...sealing, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '8000' };
    await using facade = await startTestFacade(upstream.url, env);
    const [starter, colleague] = [bearer('token-of-a-starter'), bearer('token-of-a-colleague')];
    const which = { integratedAccountId: 'a', filter: { contact: '1' } };
    const { id } = await started(facade.post, which, starter);
    const other = await started(facade.post, which, bearer('token-of-another'));
    expect(idsIn(await listed(facade.post, { account: 'a' }, colleague))).toEqual([other.id, id]);
    lookUp = refused;
    // It does not remember that the account was shown.
    await using second = await startTestFacade(upstream.url, env);
    expect(idsIn(await listed(second.post, { account: 'a' }, starter))).toEqual([id]);
    expect(await listed(second.post, { account: 'a' }, colleague)).toMatchObject({
      data: { bulkDeletes: null },
      errors: [{ extensions: { code } }],
    });
  });
});

it('is bounded: it has the newest 1,000', async () => {
  await using kept = await startBulkStore();
  const abilities = { upstream: 'u', credential: 'own', keepsUndoFiles: false };
  const oldest = Array.from({ length: 1_000 }, (_, index) => `${1_000_000_000_000 + index}:old`).flatMap((member) => [
    0,
    member,
  ]);
  await kept.client.zadd('{engagements}:bulk-in:a', ...oldest);
  const job = await createJob(kept, ['1'], { abilities });
  expect(await kept.client.zcard('{engagements}:bulk-in:a')).toBe(1_000);
  const found = [];
  for await (const each of kept.store.list('a', null)) found.push(each.id);
  expect(found).toEqual([job.id]);
});
