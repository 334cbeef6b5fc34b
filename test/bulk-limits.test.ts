import { describe, expect, it } from 'vitest';
import { seen, started } from './support/bulk.ts';
import { startTestFacade } from './support/facade.ts';
import { mostInTenSeconds } from './support/most-in-ten-seconds.ts';
import { answerText, bytes, startRawUpstream } from './support/raw-upstream.ts';
import { startRedis } from './support/redis-server.ts';

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
});
