import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { seen, started } from './support/bulk.ts';
import { startKeeping } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { lostAnswer } from './support/keyed-delete.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer } from './support/service.ts';
import { readUndoLines } from './support/undo-lines.ts';
import { json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const unlimited = { TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '2000' };
const secret = (name: string) => name.repeat(10).padEnd(32, '.');

describe.concurrent('R31 replicas with other settings', () => {
  it('leave a bulk delete with snapshots to servers with an UNDO_STORE', async ({ expect }) => {
    const count = 300;
    const env = { ...unlimited, REQUEST_TIMEOUT_MS: '10000' };
    await using setting = await startKeeping({ engagementsPerAccount: count, latencyMs: 5 }, env);
    const keeping = setting.facade;
    await using without = await startTestFacade(setting.sandbox.url, { REDIS_URL: setting.redis.url, ...env });
    const ids = seedEngagements(account, count).map(({ id }) => id);
    const { id } = await started(keeping.post, { integratedAccountId, ids, snapshot: true });
    await expect.poll(async () => (await seen(without.post, id)).state, { timeout: 60_000 }).toBe('COMPLETED');
    expect((await seen(without.post, id)).outcomes).toMatchObject({ deleted: count });
    const kept = readUndoLines(join(setting.folder, id)).lines.map(({ engagement }) => engagement.id);
    expect(new Set(kept)).toEqual(new Set(ids));
  }, 90_000);

  /** A bulk delete of which something was sent, and whose only server with its settings is gone. */
  async function startUnserved() {
    const stack = new AsyncDisposableStack();
    const redis = stack.use(await startRedis());
    const client = new Redis(redis.url);
    stack.defer(() => client.disconnect());
    let isAway = true;
    const upstream = stack.use(
      await startUpstream((request, response) => {
        const isDelete = request.method === 'DELETE';
        if (isDelete && isAway) lostAnswer(request, response);
        else
          json(isDelete ? 204 : 200, isDelete ? undefined : { id: request.path.split('/').at(-1) })(request, response);
      }, 'capsule'),
    );
    const caller = bearer('token-of-a-caller');
    const env = { REDIS_URL: redis.url, ...unlimited };
    const startWith = (name: string) =>
      startTestFacade(upstream.url, { ...env, AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: secret(name) });
    const first = await startWith('first');
    const { id } = await started(first.post, { integratedAccountId: 'a', ids: ['1', '2'] }, caller);
    await vi.waitFor(() => expect(upstream.deletes().length).toBeGreaterThan(0), { timeout: 10_000 });
    await first[Symbol.asyncDispose]();
    isAway = false;
    const other = stack.use(await startWith('other'));
    // One that has a token of its own does not use it for a caller's bulk delete.
    stack.use(await startTestFacade(upstream.url, env));
    // As if some time had gone by since the first server was there.
    for (const queue of await client.hkeys('{engagements}:bulk-queues'))
      if (queue.includes('none')) await client.hset('{engagements}:bulk-queues', queue, 0);
    const now = () => seen(other.post, id, caller);
    return { id, now, caller, client, upstream, other, stack, startAgain: () => startWith('first') };
  }

  it('leave a token under another secret to others; statusReason says what the bulk delete waits for, and it continues then', async ({
    expect,
  }) => {
    const { now, upstream, stack, startAgain } = await startUnserved();
    await using _stack = stack;
    const sent = upstream.deletes().length;
    await expect.poll(async () => (await now()).statusReason, { timeout: 20_000 }).toMatch(/BULK_TOKEN_SECRET/);
    expect(upstream.deletes()).toHaveLength(sent);
    stack.use(await startAgain());
    await expect.poll(async () => (await now()).state, { timeout: 30_000 }).toBe('COMPLETED');
    expect(await now()).toMatchObject({ statusReason: null, outcomes: { failed: 0, unknown: 0 } });
  }, 60_000);

  it('end a cancelled one without a server for its settings: deletes in flight are UNKNOWN', async ({ expect }) => {
    const { id, now, caller, client, upstream, other, stack } = await startUnserved();
    await using _stack = stack;
    const sent = upstream.deletes().length;
    // As if it had been looked for as often as it may be.
    for (const index of [0, 1]) await client.hset(`{engagements}:bulk:${id}:page:0:states`, `waits:look:${index}`, 12);
    const [queue = ''] = await client.keys('{engagements}:bulk-queue:*none');
    await client.zadd(queue, 0, 'kept-no-more:0');
    await other.post('mutation($id: ID!) { cancelBulkDelete(id: $id) { id } }', { id }, caller);
    await expect.poll(async () => (await now()).state, { timeout: 30_000 }).toBe('CANCELLED');
    const { outcomes } = await now();
    expect(outcomes.unknown).toBeGreaterThan(0);
    expect(outcomes.deleted).toBe(0);
    expect(upstream.deletes()).toHaveLength(sent);
    expect(await client.zscore(queue, 'kept-no-more:0')).toBeNull();
  }, 60_000);
});
