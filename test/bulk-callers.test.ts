import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { BulkDeletes } from '../src/bulk/bulk-deletes.ts';
import type { BulkJob } from '../src/bulk/job.ts';
import { Secret } from '../src/config/secret.ts';
import type { Caller } from '../src/engagement/account.ts';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { bulkSelection, seen, startBulk, started } from './support/bulk.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const ids = seedEngagements(account).map(({ id }) => id);
const sealing = { AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters' };

const manyIds = (count: number, length = 1) =>
  Array.from({ length: count }, (_, index) => String(index).padStart(length, '0'));

async function everythingIn(url: string): Promise<string> {
  const redis = new Redis(url);
  const keys = await redis.keys('*');
  const values = await Promise.all(keys.map((key) => redis.dump(key)));
  const hashes = await Promise.all(keys.map((key) => redis.hgetall(key).catch(() => ({}))));
  redis.disconnect();
  return JSON.stringify([keys, values, hashes]);
}

const controls = ['pause', 'resume', 'cancel'].map(
  (how) => `mutation($id: ID!) { it: ${how}BulkDelete(id: $id) { id } }`,
);

describe.concurrent('S02 a bulk delete in service mode', () => {
  it('is visible only to callers with access to its account; others get the same answer as for a missing one', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    await using sandbox = closing(await startSandbox({ latencyMs: 200 }));
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startTestFacade(sandbox.url, env);
    const granted = bearer(await signToken({ integrated_accounts: [integratedAccountId] }));
    const colleague = bearer(await signToken({ integrated_accounts: [integratedAccountId], sub: 'colleague' }));
    const stranger = bearer(await signToken({ integrated_accounts: ['another'], sub: 'stranger' }));

    const refused = await startBulk(facade.post, { integratedAccountId, ids }, stranger);
    expect(refused.body.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect(sandbox.requests).toEqual([]);

    const { id } = await started(facade.post, { integratedAccountId, ids }, granted);
    expect((await seen(facade.post, id, colleague)).id).toBe(id);
    const query = `query($id: ID!) { bulkDelete(id: $id) ${bulkSelection} }`;
    const hidden = await facade.post(query, { id }, stranger);
    const absent = await facade.post(query, { id: 'never-was' }, stranger);
    expect(hidden.body).toEqual({ data: { bulkDelete: null } });
    expect(absent.body).toEqual(hidden.body);
    for (const document of controls) {
      const [foreign, missing] = [
        await facade.post(document, { id }, stranger),
        await facade.post(document, { id: 'x' }, stranger),
      ];
      expect(foreign.body.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
      expect(missing.body).toEqual(foreign.body);
      expect((await facade.post(document, { id })).body.errors).toMatchObject([
        { extensions: { code: 'UNAUTHENTICATED' } },
      ]);
    }
    expect(['DELETING', 'COMPLETED']).toContain((await seen(facade.post, id, granted)).state);
    await expect.poll(async () => (await seen(facade.post, id, colleague)).state).toBe('COMPLETED');
  });
});

describe.concurrent('a bulk delete in service mode', () => {
  it.each<[string, Answer]>([
    ['does not accept it', truto(401)],
    ['does not let it look accounts up', truto(403)],
  ])('is visible to every caller with access to its account, also when upstream %s', async (_what, refused) => {
    await using redis = await startRedis();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startFacadeOver(json(500, {}), env, 'capsule');
    const granted = bearer(await signToken({ integrated_accounts: ['a'] }));
    const colleague = bearer(await signToken({ integrated_accounts: ['a'], sub: 'colleague' }));
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } }, granted);
    await using refusing = await startUpstream(json(500, {}), refused);
    await using other = await startTestFacade(refusing.url, env);
    expect((await seen(other.post, id, colleague)).id).toBe(id);
    expect(refusing.seen).toEqual([]);
  });

  it("is followed without a look-up, which would be about the server's token, not the subscriber", async () => {
    const lookUps: string[] = [];
    const bulkDeletes = new BulkDeletes({
      findAccountIntegration(_caller: Caller, id: string) {
        lookUps.push(id);
        return { isShown: false, support: { kind: 'unknown' }, refusal: { kind: 'Unauthenticated', message: '' } };
      },
    } as unknown as ConstructorParameters<typeof BulkDeletes>[0]);
    const job = { input: { integratedAccountId: 'a' }, callerId: 'caller' } as BulkJob;
    const follower = { id: 'caller', grants: 'all', authorization: new Secret('Bearer t') } as const;
    expect(await bulkDeletes.findLostAccess(job, { ...follower, bringsToken: false }, 1_000)).toBeUndefined();
    expect(lookUps).toEqual([]);
    const refusal = await bulkDeletes.findLostAccess(job, { ...follower, bringsToken: true }, 1_000);
    expect([refusal?.kind, lookUps]).toEqual(['Unauthenticated', ['a']]);
  });

  it('is started also while upstream cannot look its account up', async ({ expect }) => {
    await using redis = await startRedis();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startFacadeOver(json(204, undefined), env, truto(500));
    const caller = bearer(await signToken({ integrated_accounts: ['a'] }));
    expect(
      (await startBulk(facade.post, { integratedAccountId: 'a', ids: ['1'] }, caller)).body.errors,
    ).toBeUndefined();
  });

  it('counts against the limit of its own account, also when the token may not look accounts up', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startFacadeOver(json(204, undefined), env, truto(403));
    const caller = bearer(await signToken({ integrated_accounts: ['*'] }));
    const start = (account: string) =>
      startBulk(facade.post, { integratedAccountId: account, ids: manyIds(100) }, caller);
    for (let index = 0; index < 20; index += 1) {
      const { id } = (await start('a')).body.data.startBulkDelete;
      await facade.post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id }, caller);
    }
    expect((await start('a')).body.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    expect((await start('b')).body.errors).toBeUndefined();
  });
});

describe.concurrent('a bulk delete in passthrough mode', () => {
  it('S01 needs a secret to seal tokens, and stores no readable token', async ({ expect }) => {
    await using redis = await startRedis();
    await using sandbox = closing(await startSandbox({ latencyMs: 300 }));
    const caller = bearer(sandboxToken);
    await using open = await startTestFacade(sandbox.url, { REDIS_URL: redis.url, AUTH_MODE: 'passthrough' });
    const { body } = await startBulk(open.post, { integratedAccountId, ids }, caller);
    expect(body.errors).toMatchObject([
      { message: expect.stringContaining('BULK_TOKEN_SECRET'), extensions: { code: 'NOT_CONFIGURED' } },
    ]);
    await open[Symbol.asyncDispose]();
    await using facade = await startTestFacade(sandbox.url, { REDIS_URL: redis.url, ...sealing });
    const { id } = await started(facade.post, { integratedAccountId, ids }, caller);
    const kept = await everythingIn(redis.url);
    expect(kept).toContain(id);
    expect(kept).not.toContain(sandboxToken);
    expect(kept).not.toContain(Buffer.from(sandboxToken).toString('base64').slice(0, -4));
    await expect.poll(async () => (await seen(facade.post, id, caller)).state).toBe('COMPLETED');
  });

  it('S02 is visible only to callers to whom upstream shows its account', async ({ expect }) => {
    await using redis = await startRedis();
    const look = json(200, { integration: { name: 'capsule' } });
    await using upstream = await startUpstream(json(204, undefined), (request, response) => {
      if (request.headers.authorization === 'Bearer token-of-a-stranger') return json(404, {})(request, response);
      return look(request, response);
    });
    await using facade = await startTestFacade(upstream.url, {
      REDIS_URL: redis.url,
      ...sealing,
      TRUTO_RATE_LIMITS: '0',
    });
    const { id } = await started(
      facade.post,
      { integratedAccountId: 'a', ids: ['1', '2'] },
      bearer('token-of-a-caller'),
    );
    expect((await seen(facade.post, id, bearer('token-of-a-colleague'))).id).toBe(id);
    const { body } = await facade.post(
      'query($id: ID!) { bulkDelete(id: $id) { id } }',
      { id },
      bearer('token-of-a-stranger'),
    );
    expect(body).toEqual({ data: { bulkDelete: null } });
    await expect.poll(async () => (await seen(facade.post, id, bearer('token-of-a-caller'))).state).toBe('COMPLETED');
    const tokens = new Set(upstream.deletes().map(({ headers }) => headers.authorization));
    expect(tokens).toEqual(new Set(['Bearer token-of-a-caller']));
  });

  it.each<[string, Answer]>([
    ['may not be looked up', truto(403)],
    ['is not known', truto(404)],
    ['cannot be asked for', truto(500)],
  ])('can be seen and cancelled only by its starter when its account %s any more', async (_why, refused) => {
    await using redis = await startRedis();
    let lookUp = json(200, { integration: { name: 'capsule' } });
    const env = { REDIS_URL: redis.url, ...sealing, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '8000' };
    await using facade = await startFacadeOver(json(500, {}), env, (request, response) => lookUp(request, response));
    const caller = bearer('token-of-a-caller');
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } }, caller);
    lookUp = refused;
    // One that does not remember that the account was shown.
    await using other = await startTestFacade(facade.upstream.url, env);
    expect((await seen(other.post, id, caller)).id).toBe(id);
    expect(await seen(other.post, id, bearer('token-of-a-colleague'))).toEqual({ data: { bulkDelete: null } });
    const document = 'mutation($id: ID!) { cancelBulkDelete(id: $id) { state } }';
    const { body } = await other.post(document, { id }, caller);
    expect(body.data.cancelBulkDelete.state).toBe('CANCELLED');
  });

  it('pauses at the first refusal of its token, says so, and sends one request after a resume', async ({ expect }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(truto(401), 'capsule');
    await using facade = await startTestFacade(upstream.url, {
      REDIS_URL: redis.url,
      ...sealing,
      TRUTO_RATE_LIMITS: '0',
    });
    const caller = bearer('token-of-a-caller');
    const paused = async (id: string) => {
      await expect.poll(async () => (await seen(facade.post, id, caller)).state).toBe('PAUSED');
      return seen(facade.post, id, caller);
    };
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: manyIds(100) }, caller);
    expect(await paused(id)).toMatchObject({
      statusReason: expect.stringContaining('no longer accepts the token'),
      outcomes: { remaining: 100, failed: 0 },
    });
    expect(upstream.deletes()).toHaveLength(1);
    await facade.post('mutation($id: ID!) { resumeBulkDelete(id: $id) { id } }', { id }, caller);
    await expect.poll(() => upstream.deletes().length).toBe(2);
    await paused(id);
    expect(upstream.deletes()).toHaveLength(2);
  });
});

describe.concurrent('S30 the start of a bulk delete', () => {
  const shown = json(200, { integration: { name: 'capsule' } });
  const caller = bearer('token-of-nobody');

  /** A facade whose upstream answers look-ups as `now` says, and its Redis. */
  async function startPassthrough(lookUp: Answer) {
    const stack = new AsyncDisposableStack();
    const now = { lookUp };
    const redis = stack.use(await startRedis());
    const upstream = stack.use(
      await startUpstream(json(204, undefined), (request, response) => now.lookUp(request, response)),
    );
    const env = { REDIS_URL: redis.url, ...sealing, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '8000' };
    const facade = stack.use(await startTestFacade(upstream.url, env));
    const client = new Redis(redis.url);
    stack.defer(() => client.disconnect());
    /** What is kept of bulk deletes, whosever they are. */
    const keys = () => client.keys('{engagements}:bulk:*');
    return { now, upstream, post: facade.post, client, keys, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  it.each<[string, Answer, string]>([
    ['it does not take the token', truto(401), 'UNAUTHENTICATED'],
    ['it does not know the account', truto(404), 'INTEGRATED_ACCOUNT_NOT_FOUND'],
    ['the account is blocked', truto(503), 'ACCOUNT_BLOCKED'],
    ['it takes no more requests', truto(429, {}, { 'retry-after': '60' }), 'RATE_LIMITED'],
    ['it fails', truto(500), 'UPSTREAM_UNAVAILABLE'],
    ['another server answers', json(401, {}), 'REMOTE_API_ERROR'],
  ])('stores nothing and sends nothing when %s', async (_why, lookUp, code) => {
    await using running = await startPassthrough(lookUp);
    for (const dryRun of [false, true]) {
      for (const which of [{ ids: manyIds(100) }, { filter: { contact: '1' } }]) {
        const { body } = await startBulk(running.post, { integratedAccountId: 'a', dryRun, ...which }, caller);
        expect(body).toMatchObject({ data: { startBulkDelete: null }, errors: [{ extensions: { code } }] });
      }
    }
    expect(await running.keys()).toEqual([]);
    expect(running.upstream.seen.filter(({ path }) => !path.startsWith('/integrated-account/'))).toEqual([]);
  });

  it('succeeds while the look-up fails, if upstream showed the account to the same token minutes ago', async ({
    expect,
  }) => {
    await using running = await startPassthrough(shown);
    await running.post('mutation { deleteEngagement(id: 9, integratedAccountId: "a") { __typename } }', {}, caller);
    running.now.lookUp = truto(500);
    const { id } = await started(running.post, { integratedAccountId: 'a', ids: ['1'] }, caller);
    await expect.poll(async () => (await seen(running.post, id, caller)).state).toBe('COMPLETED');
  });

  it('is limited to 20 unfinished ones a caller and account, or for all accounts that its token may not look up', async ({
    expect,
  }) => {
    await using running = await startPassthrough(shown);
    const { post, now } = running;
    const start = (integratedAccountId: string, headers = caller, input: object = { ids: manyIds(100) }) =>
      startBulk(post, { integratedAccountId, ...input }, headers);
    const codeOf = ({ body }: Awaited<ReturnType<typeof start>>) => body.errors?.[0].extensions.code;
    /** Started and paused, so that it does not end. */
    async function fill(accounts: readonly string[]): Promise<readonly string[]> {
      const all: string[] = [];
      for (const account of accounts) {
        const { body } = await start(account);
        expect(body.errors).toBeUndefined();
        all.push(body.data.startBulkDelete.id);
        await post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id: all.at(-1) }, caller);
      }
      return all;
    }
    const paused = await fill(Array.from({ length: 20 }, () => 'a'));
    const refused = await start('a');
    expect(refused.body).toMatchObject({
      data: { startBulkDelete: null },
      errors: [
        { message: expect.stringMatching(/Nothing was started\. .* 20 /), extensions: { code: 'RATE_LIMITED' } },
      ],
    });
    expect(codeOf(await start('a', caller, { ids: ['1'], dryRun: true }))).toBeUndefined();
    expect(codeOf(await start('a', bearer('token-of-a-colleague')))).toBeUndefined();
    await post('mutation($id: ID!) { cancelBulkDelete(id: $id) { id } }', { id: paused[0] }, caller);
    await expect.poll(async () => codeOf(await start('a'))).toBeUndefined();

    now.lookUp = truto(403);
    await fill(Array.from({ length: 20 }, (_, index) => `unseen${index}`));
    expect(codeOf(await start('unseen20'))).toBe('RATE_LIMITED');
    now.lookUp = shown;
    expect(codeOf(await start('b'))).toBeUndefined();
  }, 60_000);

  it('is refused when idle ones take 16 MiB, and says when there is room again', async () => {
    await using running = await startPassthrough(shown);
    const dryRun = (ids: readonly string[]) =>
      startBulk(running.post, { integratedAccountId: 'a', ids, dryRun: true }, caller);
    const large = manyIds(1_500, 150);
    let count = 0;
    let refused = await dryRun(large);
    for (; !refused.body.errors && count < 200; count += 1) refused = await dryRun(large);
    // Each takes its 1,500 ids of 150 characters, and little else.
    expect(count).toBeGreaterThan(60);
    expect(count).toBeLessThan(75);
    const [{ message, extensions }] = refused.body.errors;
    expect(message).toContain('Nothing was started.');
    expect(extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    expect(extensions.retryAfterMs).toBeGreaterThan(23 * 3_600_000);
    expect(extensions.retryAfterMs).toBeLessThanOrEqual(24 * 3_600_000);
    const colleague = await startBulk(
      running.post,
      { integratedAccountId: 'a', ids: large, dryRun: true },
      bearer('token-of-a-colleague'),
    );
    expect(colleague.body.errors).toBeUndefined();
  }, 60_000);

  it('stores an idle one and a dry run for 24 hours, and one that has begun to delete for 30 days', async ({
    expect,
  }) => {
    await using running = await startPassthrough(shown);
    const { post, client } = running;
    const hoursOf = async (id: string) => {
      const keys = [
        ...(await client.keys(`{engagements}:bulk:${id}`)),
        ...(await client.keys(`{engagements}:bulk:${id}:page:?`)),
      ];
      const left = await Promise.all(keys.map((key) => client.pttl(key)));
      return [keys.length, ...new Set(left.map((ms) => Math.round(ms / 3_600_000)))];
    };
    // Its list is never answered as a list.
    const waiting = await started(post, { integratedAccountId: 'a', filter: { contact: '1' } }, caller);
    await expect.poll(async () => (await seen(post, waiting.id, caller)).statusReason).not.toBeNull();
    expect(await hoursOf(waiting.id)).toEqual([1, 24]);
    const counted = await started(post, { integratedAccountId: 'a', ids: manyIds(250), dryRun: true }, caller);
    expect(await hoursOf(counted.id)).toEqual([4, 24]);
    const begun = await started(post, { integratedAccountId: 'a', ids: manyIds(250) }, caller);
    await expect.poll(async () => (await seen(post, begun.id, caller)).state).toBe('COMPLETED');
    expect(await hoursOf(begun.id)).toEqual([4, 720]);
  });
});
