import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { inTurn, removal, sendKeyed as send, startTwo, withKey } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { startServerProcess } from './support/server-process.ts';
import { json, startUpstream } from './support/upstream.ts';

const linesOf = ({ logged }: TestFacade, message: string) =>
  logged()
    .split('\n')
    .filter((line) => line.includes(`"msg":"${message}"`)).length;

describe('a delete that arrives at two replicas with the same Idempotency-Key', () => {
  it('runs once, and the other replica gets its result', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(inTurn(json(200, { subject: 'Hello' }), truto(404)), 'capsule');
    await using replicas = await startTwo(upstream.url, redis.url);
    const first = await send(replicas.one, 'k');
    expect(first).toMatchObject({ outcome: 'DELETED', engagement: { subject: 'Hello' } });
    expect(await send(replicas.other, 'k')).toEqual(first);
    expect(upstream.deletes()).toHaveLength(1);
    expect([linesOf(replicas.one, 'delete'), linesOf(replicas.other, 'delete')]).toEqual([1, 0]);
    expect(linesOf(replicas.other, 'delete repeated')).toBe(1);
  });

  it('waits at the other for the first while that is in flight', async () => {
    await using redis = await startRedis();
    const release = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      await release.promise;
      json(200, { subject: 'Hello' })(request, response);
    });
    await using replicas = await startTwo(upstream.url, redis.url);
    const first = send(replicas.one, 'k');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    const second = send(replicas.other, 'k');
    // It has asked Redis by the time that a delete which came after it is sent.
    void send(replicas.other, 'another', '2');
    await expect.poll(() => upstream.deletes().length).toBe(2);
    release.resolve();
    expect(await second).toEqual(await first);
    expect(upstream.deletes()).toHaveLength(2);
  });

  it('is refused by the other when it is another delete', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(json(204, undefined));
    await using replicas = await startTwo(upstream.url, redis.url);
    await send(replicas.one, 'k');
    expect(await send(replicas.other, 'k', '2')).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['Idempotency-Key'] }],
    });
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('is tried again by the other after an unknown outcome', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(inTurn(truto(502), truto(502), truto(404)));
    await using replicas = await startTwo(upstream.url, redis.url);
    expect(await send(replicas.one, 'k')).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    expect(await send(replicas.other, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
    // The first replica now returns the other's outcome, although it remembers another one.
    expect(await send(replicas.one, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
    expect(upstream.deletes()).toHaveLength(3);
  });

  it.each([
    ['is tried again by the other', '', { outcome: 'ALREADY_ABSENT' }, 2],
    [
      'has an unknown outcome at the other, if it is not safe to retry,',
      ', remoteQuery: { a: 1 }',
      { __typename: 'OutcomeUnknownError', retrySafe: false },
      1,
    ],
  ])('%s when the first is killed in the middle of it', async (_what, rest, end, deletes) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(inTurn(() => {}, truto(404)));
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1500', TRUTO_RATE_LIMITS: '0', AUTH_MODE: 'passthrough' };
    const caller = { authorization: 'Bearer a-token-of-a-caller' };
    await using other = await startTestFacade(upstream.url, env);
    await using first = await startServerProcess({ ...env, TRUTO_BASE_URL: upstream.url });
    const lost = fetchGraphQL(first.endpoint, `mutation { ${removal('1', rest)} }`, {
      headers: { ...caller, ...withKey('k') },
    });
    lost.catch(() => {});
    await expect.poll(() => upstream.deletes().length).toBe(1);
    first.signal('SIGKILL');
    await first.exited;
    // A request that arrives before the first delete counts as lost waits for it, up to its own deadline.
    await expect.poll(() => send(other, 'k', '1', rest, 'a', caller)).toMatchObject(end);
    expect(upstream.deletes()).toHaveLength(deletes);
  });

  it('is done by each while Redis is unreachable', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(json(204, undefined));
    // Without Redis, a close waits as long as a request may take.
    await using replicas = await startTwo(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '1000' });
    await redis.kill();
    expect(await send(replicas.one, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(await send(replicas.one, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(1);
    expect(await send(replicas.other, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(2);
  });
});
