import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { TestFacade } from './support/facade.ts';
import { startTwo, withKey } from './support/keyed-delete.ts';
import { noContent, type RawAnswer, record, refusal, startRawUpstream } from './support/raw-upstream.ts';
import { startRedis } from './support/redis-server.ts';

const creation = `mutation { createEngagement(integratedAccountId: "a", input: { subject: "Renewal" }) {
  __typename
  ... on CreateEngagementSuccess { createdEngagementId outcome warnings engagement { id subject } }
  ... on OutcomeUnknownError { retrySafe }
  ... on Error { message }
} }`;

async function create({ post }: TestFacade) {
  const { body } = await post(creation, {}, withKey('k'));
  return body.data.createEngagement;
}

const made: RawAnswer = record({ id: 'e1', subject: 'Renewal' }, 201);

describe('a create that arrives at two replicas with the same Idempotency-Key', () => {
  it('is sent once, and the other replica gets its result', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([made]);
    await using replicas = await startTwo(upstream.url, redis.url);
    const client = new Redis(redis.url);
    await client.hset('{engagements}:request-memory', 'since', 1);
    client.disconnect();
    const first = await create(replicas.one);
    expect(first).toMatchObject({ createdEngagementId: 'e1', engagement: { subject: 'Renewal' }, warnings: [] });
    expect(await create(replicas.other)).toEqual(first);
    expect(upstream.creates).toHaveLength(1);
  });

  it('is sent while Redis is new, with a warning: an earlier one may be unknown', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([made]);
    await using replicas = await startTwo(upstream.url, redis.url);
    const { warnings } = await create(replicas.one);
    expect(warnings).toEqual([expect.stringContaining('Redis is new')]);
  });

  it('is sent again after a refusal while Redis is new', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([refusal(403), made]);
    await using replicas = await startTwo(upstream.url, redis.url);
    expect(await create(replicas.one)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await create(replicas.one)).toMatchObject({ createdEngagementId: 'e1', outcome: 'CREATED' });
    expect(upstream.creates).toHaveLength(2);
  });

  it('has an error that does not deny an earlier one, while Redis is new', async () => {
    await using redis = await startRedis();
    await using upstream = await startRawUpstream([refusal(403), noContent]);
    await using replicas = await startTwo(upstream.url, redis.url);
    for (const __typename of ['ForbiddenError', 'OutcomeUnknownError'])
      expect(await create(replicas.one)).toMatchObject({
        __typename,
        message: expect.stringContaining('Redis is new'),
      });
  });

  it('is not sent again after the server that sent it stopped: its outcome is unknown', async () => {
    await using redis = await startRedis();
    const sent = Promise.withResolvers<() => void>();
    await using upstream = await startRawUpstream([(...args) => sent.resolve(() => made(...args))]);
    await using replicas = await startTwo(upstream.url, redis.url);
    const first = create(replicas.one);
    const answer = await sent.promise;
    const client = new Redis(redis.url);
    const [claim = ''] = await client.keys('{engagements}:delete:*');
    await client.hset(claim, 'owner', 'a server that is gone', 'until', 1);
    client.disconnect();
    const result = await create(replicas.other);
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(result.message).toContain('The server that sent it stopped before it had an answer.');
    expect(upstream.creates).toHaveLength(1);
    answer();
    await first;
  });
});
