import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { control, seen, started } from './support/bulk.ts';
import { ended, startKeeping } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { mostInTenSeconds } from './support/most-in-ten-seconds.ts';
import { answerText, bytes, startRawUpstream } from './support/raw-upstream.ts';
import { startRedis } from './support/redis-server.ts';
import { readUndoLines } from './support/undo-lines.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}${index}`);
const mutation =
  'mutation($id: ID!, $account: ID!) { deleteEngagement(id: $id, integratedAccountId: $account) { __typename } }';

describe('R16 bulk deletes within the limits of their accounts', () => {
  it('leave permits for interactive requests, share their limit, and run side by side', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([bytes(answerText(204))]);
    const env = { REDIS_URL: redis.url, TRUTO_RATE_LIMITS: '1', REQUEST_TIMEOUT_MS: '2000' };
    await using one = await startTestFacade(upstream.url, env);
    await using other = await startTestFacade(upstream.url, env);
    const large = await started(one.post, { integratedAccountId: 'a1', ids: idsOf('large', 500) });
    // It has taken all that it may.
    const requests = () =>
      upstream.requests.filter(({ head, path }) => head.includes('integrated_account_id=a1&') || path.endsWith('/a1'));
    await expect.poll(() => requests().length).toBeGreaterThanOrEqual(40);
    const small = await started(other.post, { integratedAccountId: 'a2', ids: idsOf('small', 30) });
    await expect.poll(async () => (await seen(one.post, small.id)).state).toBe('COMPLETED');
    expect((await seen(one.post, large.id)).outcomes.remaining).toBeGreaterThan(400);

    // Ten places are left alone; two may go to look-ups of the account.
    const waiting = await Promise.all(
      idsOf('waiting', 8).map((id, index) => (index % 2 ? one : other).post(mutation, { id, account: 'a1' })),
    );
    expect(waiting.map(({ body }) => body.data.deleteEngagement.__typename)).toEqual(
      Array.from({ length: 8 }, () => 'DeleteEngagementSuccess'),
    );
    await expect
      .poll(async () => (await seen(one.post, large.id)).outcomes.deleted, { timeout: 40_000 })
      .toBeGreaterThan(50);
    expect(
      mostInTenSeconds(
        requests().map(({ atMs }) => atMs),
        1_000,
      ),
    ).toBeLessThanOrEqual(50);
    expect((await seen(one.post, large.id)).outcomes).toMatchObject({ failed: 0, unknown: 0, notFound: 0 });
  }, 90_000);

  it('read, store and delete one record after another, with no request more than that takes', async () => {
    await using setting = await startKeeping({}, { TRUTO_RATE_LIMITS: '1' });
    const { sandbox, facade } = setting;
    const account = sandboxAccount('Capsule');
    const engagements = seedEngagements(account, 24);
    const ids = engagements.map(({ id }) => id);
    const { id } = await started(facade.post, { integratedAccountId: account.id, ids, snapshot: true });
    expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 24 } });
    const asked = sandbox.requests
      .filter(({ url }) => url.startsWith('/unified/'))
      .map(({ method, url }) => `${method} ${url.split('?')[0]?.split('/').at(-2)}`);
    const noteCount = engagements.reduce((sum, { notes }) => sum + (notes?.length ?? 0), 0);
    // More than the limit of a bulk delete in ten seconds.
    expect(asked.length).toBeGreaterThan(40);
    expect(asked).toHaveLength(24 + noteCount + 24);
    const deletesBeforeLastRead = asked
      .slice(0, asked.lastIndexOf('GET engagements'))
      .filter((one) => one.startsWith('DELETE'));
    expect(deletesBeforeLastRead.length).toBeGreaterThan(12);
    const { files, lines } = readUndoLines(join(setting.folder, id));
    expect([files.length, lines.length]).toEqual([1, 24]);
  }, 90_000);
});

const requestsTo = ({ seen: requests }: FakeUpstream) =>
  requests.filter(({ path }) => path.startsWith('/unified/')).length;

/** A limit that lasts longer than a test needs, and is waited for. */
const limited = json(429, { statusCode: 429, error: 'Too Many Requests', message: 'wait' }, { 'retry-after': '14' });

describe('bulk deletes that wait for a limit', () => {
  it('end at once when they are cancelled, and send nothing when they are paused', async () => {
    await using redis = await startRedis();
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '2000' };
    await using facade = await startFacadeOver(limited, env, 'capsule');
    const { post } = facade;
    const one = await started(post, { integratedAccountId: 'a1', ids: idsOf('one', 30) });
    const other = await started(post, { integratedAccountId: 'a2', ids: idsOf('other', 30) });
    await expect.poll(() => requestsTo(facade.upstream)).toBe(2);
    await control(post, 'cancel', one.id);
    await control(post, 'pause', other.id);
    await expect.poll(async () => (await seen(post, one.id)).state).toBe('CANCELLED');
    await expect.poll(async () => (await seen(post, other.id)).state).toBe('PAUSED');
    expect((await seen(post, one.id)).outcomes).toMatchObject({ deleted: 0, unknown: 0, remaining: 30 });
    expect(requestsTo(facade.upstream)).toBe(2);
  });

  it('leave the server to other accounts, however many of them wait', async () => {
    await using redis = await startRedis();
    const removed = json(204, undefined);
    await using upstream = await startUpstream((request, response) => {
      const isLimited = request.query.integrated_account_id !== 'free';
      (isLimited ? limited : removed)(request, response);
    }, 'capsule');
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '2000', TRUTO_RATE_LIMITS: '0' };
    await using facade = await startTestFacade(upstream.url, env);
    const { post } = facade;
    // More than a server works on at once.
    const accounts = Array.from({ length: 70 }, (_, index) => `limited${index}`);
    await Promise.all(accounts.map((integratedAccountId) => started(post, { integratedAccountId, ids: ['1', '2'] })));
    await expect.poll(() => requestsTo(upstream), { timeout: 20_000 }).toBeGreaterThanOrEqual(60);
    const free = await started(post, { integratedAccountId: 'free', ids: idsOf('free', 30) });
    await expect.poll(async () => (await seen(post, free.id)).state, { timeout: 20_000 }).toBe('COMPLETED');
  }, 60_000);
});
