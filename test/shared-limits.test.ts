import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { mostInTenSeconds } from './support/most-in-ten-seconds.ts';
import { answerText, bytes, refusal, startRawUpstream } from './support/raw-upstream.ts';
import { startRedis } from './support/redis-server.ts';

const mutation =
  'mutation($id: ID!, $account: ID!) { deleteEngagement(id: $id, integratedAccountId: $account) { __typename ... on RateLimitedError { retryAfterMs } } }';
const limits = { TRUTO_RATE_LIMITS: '1', REPLICAS: '3' };

/** Three replicas over one upstream, and how to send deletes to them in turn. */
async function startReplicas(upstreamUrl: string, redisUrl: string, env: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const start = async () => stack.use(await startTestFacade(upstreamUrl, { REDIS_URL: redisUrl, ...limits, ...env }));
  const replicas = [await start(), await start(), await start()];
  let count = 0;
  return {
    replicas,
    async deleteOne(account: string): Promise<{ readonly __typename: string; readonly retryAfterMs?: number }> {
      count += 1;
      const id = `e${count}`;
      const answer = await replicas[count % replicas.length]?.post(mutation, { id, account });
      return answer?.body.data.deleteEngagement;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const typeOf = ({ __typename }: { readonly __typename: string }) => __typename;

function redisUp(replicas: readonly TestFacade[]): Promise<readonly (string | undefined)[]> {
  return Promise.all(
    replicas.map(
      async ({ url }) => /^engagements_redis_up (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1],
    ),
  );
}

describe('replicas with one Redis', () => {
  it('send at most 50 requests of an account in any 10 seconds together, and use the whole limit', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([bytes(answerText(204))]);
    await using together = await startReplicas(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '14000' });
    const results = await Promise.all(Array.from({ length: 90 }, () => together.deleteOne('a1')));
    expect(new Set(results.map(typeOf))).toEqual(new Set(['DeleteEngagementSuccess']));
    const moments = upstream.requests.map(({ atMs }) => atMs);
    expect(moments.length).toBeGreaterThan(90);
    expect(mostInTenSeconds(moments, 1_000)).toBeLessThanOrEqual(50);
  });

  it('send at most 500 requests of a token in any 10 seconds together, over any number of accounts', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([bytes(answerText(204))]);
    await using together = await startReplicas(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '3000' });
    const results: { readonly __typename: string }[] = [];
    // Some at a time: Redis' answers must be read soon after they come.
    while (results.length < 600) {
      const accounts = Array.from({ length: 40 }, (_, index) => `a${(results.length + index) % 15}`);
      results.push(...(await Promise.all(accounts.map(together.deleteOne))));
    }
    expect(new Set(results.map(typeOf))).toEqual(new Set(['DeleteEngagementSuccess', 'RateLimitedError']));
    expect(mostInTenSeconds(upstream.requests.map(({ atMs }) => atMs))).toBeLessThanOrEqual(500);
    expect(upstream.deletes.length).toBe(results.map(typeOf).filter((type) => type !== 'RateLimitedError').length);
  });

  it('use a third of a token each while Redis is unreachable, over any number of accounts', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([bytes(answerText(204))]);
    await using together = await startReplicas(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '3000' });
    await redis.kill();
    const [replica] = together.replicas;
    // A third of an account is 16 requests: these would have 192, and a third of the token is 166.
    const sent = Array.from({ length: 180 }, (_, index) =>
      replica?.post(mutation, { id: `e${index}`, account: `a${index % 12}` }),
    );
    const results = (await Promise.all(sent)).map((answer) => answer?.body.data.deleteEngagement);
    expect(new Set(results.map(typeOf))).toEqual(new Set(['DeleteEngagementSuccess', 'RateLimitedError']));
    expect(mostInTenSeconds(upstream.requests.map(({ atMs }) => atMs))).toBeLessThanOrEqual(166);
  });

  it('pause an account for at most a minute, for any header', async () => {
    await using redis = await startRedis();
    const twoWeeks = refusal(429, ['retry-after: 1209600']);
    await using upstream = await startRawUpstream([twoWeeks]);
    await using together = await startReplicas(upstream.url, redis.url, { TRUTO_RATE_LIMITS: '0' });
    expect(typeOf(await together.deleteOne('a1'))).toBe('RateLimitedError');
    const { __typename, retryAfterMs } = await together.deleteOne('a1');
    expect(__typename).toBe('RateLimitedError');
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(upstream.deletes).toHaveLength(1);
  });

  it('pause an account together when upstream makes one of them wait', async () => {
    await using redis = await startRedis();
    const full = refusal(429, ['retry-after: 30']);
    await using upstream = await startRawUpstream([full, bytes(answerText(204))]);
    await using together = await startReplicas(upstream.url, redis.url, { TRUTO_RATE_LIMITS: '0' });
    expect(typeOf(await together.deleteOne('a1'))).toBe('RateLimitedError');
    const others = [await together.deleteOne('a1'), await together.deleteOne('a1')];
    for (const { __typename, retryAfterMs } of others) {
      expect(__typename).toBe('RateLimitedError');
      expect(retryAfterMs).toBeGreaterThan(10_000);
    }
    expect(upstream.deletes.length).toBe(1);
    expect(typeOf(await together.deleteOne('a2'))).toBe('DeleteEngagementSuccess');
  });

  it.each(['killed', 'frozen'] as const)(
    'use a third each while Redis is %s, log it, lose nothing, and share again automatically',
    async (how) => {
      await using redis = await startRedis();
      await using upstream = await startRawUpstream([bytes(answerText(204))]);
      await using together = await startReplicas(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '9000' });
      expect(typeOf(await together.deleteOne('before'))).toBe('DeleteEngagementSuccess');
      if (how === 'killed') await redis.kill();
      else redis.freeze(true);
      const results = await Promise.all(Array.from({ length: 120 }, () => together.deleteOne('gone')));
      // A third of 50 is 16, of which each replica's look-up of the account takes one. A busy machine may need a second window.
      const doneCount = results.filter((result) => typeOf(result) === 'DeleteEngagementSuccess').length;
      expect(doneCount).toBeGreaterThanOrEqual(3 * 15);
      expect(new Set(results.map(typeOf))).toEqual(new Set(['DeleteEngagementSuccess', 'RateLimitedError']));
      const [, ...sent] = upstream.deletes;
      expect(sent.length).toBe(doneCount);
      const moments = sent.map(({ atMs }) => atMs);
      expect(mostInTenSeconds(moments, 1_000)).toBeLessThanOrEqual(3 * 16);
      for (const replica of together.replicas)
        await expect.poll(replica.logged).toContain('lost the connection to Redis');
      expect(await redisUp(together.replicas)).toEqual(['0', '0', '0']);

      if (how === 'killed') await redis.start();
      else redis.freeze(false);
      for (const { logged } of together.replicas)
        await expect.poll(() => logged().split('connected to Redis').length).toBeGreaterThan(2);
      expect(await redisUp(together.replicas)).toEqual(['1', '1', '1']);
      // More than a third, by one of them alone: the places are those of all.
      const [replica] = together.replicas;
      const again = await Promise.all(
        Array.from({ length: 30 }, (_, index) => replica?.post(mutation, { id: `again${index}`, account: 'back' })),
      );
      expect(again.map((answer) => answer?.body.data.deleteEngagement.__typename)).toEqual(
        Array.from({ length: 30 }, () => 'DeleteEngagementSuccess'),
      );
    },
  );
});
