import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { bulkSelection, seen, startBulk, started } from './support/bulk.ts';
import { startTestFacade } from './support/facade.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const ids = seedEngagements(account).map(({ id }) => id);
const sealing = { AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters' };

/** Every value in Redis, whatever its type, as text. */
async function everythingIn(url: string): Promise<string> {
  const redis = new Redis(url);
  const keys = await redis.keys('*');
  const values = await Promise.all(keys.map((key) => redis.dump(key)));
  const hashes = await Promise.all(keys.map((key) => redis.hgetall(key).catch(() => ({}))));
  redis.disconnect();
  return JSON.stringify([keys, values, hashes]);
}

const steerings = ['pause', 'resume', 'cancel'].map(
  (how) => `mutation($id: ID!) { it: ${how}BulkDelete(id: $id) { id } }`,
);

describe('S02 a bulk delete, where callers prove who they are,', () => {
  it('is seen and touched by those alone who are granted its account; to others it is not there', async () => {
    await using redis = await startRedis();
    const sandbox = await startSandbox({ latencyMs: 200 });
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
    for (const document of steerings) {
      const [theirs, nobodys] = [
        await facade.post(document, { id }, stranger),
        await facade.post(document, { id: 'x' }, stranger),
      ];
      expect(theirs.body.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
      expect(nobodys.body).toEqual(theirs.body);
      expect((await facade.post(document, { id })).body.errors).toMatchObject([
        { extensions: { code: 'UNAUTHENTICATED' } },
      ]);
    }
    expect(['DELETING', 'COMPLETED']).toContain((await seen(facade.post, id, granted)).state);
    await expect.poll(async () => (await seen(facade.post, id, colleague)).state).toBe('COMPLETED');
    await sandbox.close();
  });
});

describe('a bulk delete, where callers bring their own tokens,', () => {
  it('S01 needs a secret to keep them by, and keeps none that could be read', async () => {
    await using redis = await startRedis();
    const sandbox = await startSandbox({ latencyMs: 300 });
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
    await sandbox.close();
  });

  it('S02 is seen by whom upstream shows its account, and by nobody else', async () => {
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

  it('pauses when upstream no longer takes the token, and says so', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(
      json(401, { statusCode: 401, error: 'Unauthorized', message: 'no' }),
      'capsule',
    );
    await using facade = await startTestFacade(upstream.url, {
      REDIS_URL: redis.url,
      ...sealing,
      TRUTO_RATE_LIMITS: '0',
    });
    const caller = bearer('token-of-a-caller');
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1', '2'] }, caller);
    await expect.poll(async () => (await seen(facade.post, id, caller)).state).toBe('PAUSED');
    expect(await seen(facade.post, id, caller)).toMatchObject({
      trouble: expect.stringContaining('no longer takes the token'),
      outcomes: { remaining: 2, failed: 0 },
    });
  });
});
