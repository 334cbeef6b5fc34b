import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createSharedRequests, rememberedMs } from '../src/engagement/request-memory.ts';
import { createLog } from '../src/log/log.ts';
import { connectRedis, type RedisClient } from '../src/redis/shared-memory.ts';
import { closing } from './support/closing.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { inTurn, removal, sendKeyed as send, startTwo, withKey } from './support/keyed-delete.ts';
import { remote, truto } from './support/outcome.ts';
import { prefix } from './support/redis-facade.ts';
import { type RedisServer, startRedis } from './support/redis-server.ts';
import { startServerProcess } from './support/server-process.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

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

/** The scripts, by a piece of the text of each. */
const texts = {
  claimDelete: "return {'other'}",
  settleDelete: "'HDEL', KEYS[1], 'owner'",
  noteRequestMemory: "'since', since)\nreturn 1",
};

/** A Redis with the answers of the test for each script. Undefined means no answer. */
function scripted(backSince: number | undefined, answers: { readonly [Name in keyof typeof texts]?: () => unknown }) {
  const asked: string[] = [];
  const commands = {
    defineCommand(method: string, { lua }: { readonly lua: string }) {
      const name = (Object.keys(texts) as (keyof typeof texts)[]).find((one) => lua.includes(texts[one]));
      if (!name) throw new Error('an unknown script');
      const run = async () => {
        asked.push(name);
        return answers[name]?.();
      };
      Object.assign(commands, { [method]: run });
    },
  };
  const ask = <Result>(question: (redis: RedisClient) => Promise<Result>) =>
    question(commands as unknown as RedisClient) as Promise<Result | undefined>;
  return { memory: { ask, backSince, keyPrefix: 'test' }, asked };
}

const keyed = (key: string) => ({
  ...{ key, fingerprint: 'f', hasCallerLeft: () => false, deadlineAt: performance.now() + 60_000 },
  unknownSince: (message: string) => ({
    ...({ kind: 'OutcomeUnknownError', message, retrySafe: true, upstreamIdempotencyKey: 'k' } as const),
    ...{ lastStatusCode: null, engagement: null },
  }),
});

it.each([
  ['is in doubt', 'in the time that deletes are remembered', rememberedMs - 1_000, true],
  ['is new for sure', 'before that', rememberedMs + 1_000, false],
])('a key that is new %s when Redis was unreachable %s', async (_what, _when, agoMs, isInDoubt) => {
  const { memory } = scripted(performance.now() - agoMs, { claimDelete: () => ['first', '', '0', 1, 0] });
  expect(await createSharedRequests(memory, 10_000).claim(keyed('k'))).toMatchObject({ kind: 'mine', isInDoubt });
});

it('deletes of a server without Redis are reported as soon as Redis answers, also the second time', async () => {
  const { memory, asked } = scripted(undefined, { noteRequestMemory: () => 1 });
  const { claim } = createSharedRequests(memory, 10_000);
  const reports = async () => {
    await setImmediate();
    return asked.filter((name) => name === 'noteRequestMemory').length;
  };
  // One report at the start.
  const counts = [await reports()];
  for (const key of ['one', 'two']) {
    expect(await claim(keyed(key))).toMatchObject({ kind: 'mine', isInDoubt: true });
    counts.push(await reports());
  }
  expect(counts).toEqual([1, 2, 3]);
});

const done = json(204, undefined);
const unknownRest = { retrySafe: true, upstreamIdempotencyKey: 'k', lastStatusCode: null, engagement: null };

/** Runs commands in Redis, as an operator at its terminal does. */
async function runCommands({ url }: RedisServer, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url);
  await work(redis);
  redis.disconnect();
}

/** Makes its memory as old as one that has been in use for a long time. */
const age = (redis: RedisServer) =>
  runCommands(redis, async (client) => expect(await client.hset('{engagements}:request-memory', 'since', 1)).toBe(0));

/** Ends the claim of the delete in flight, as if its server had stopped. Returns its key. */
async function endClaim(redis: RedisServer): Promise<string> {
  let claim = '';
  await runCommands(redis, async (client) => {
    [claim = ''] = await client.keys('{engagements}:delete:*');
    await client.hset(claim, 'owner', 'a server that is gone', 'until', 1);
  });
  return claim;
}

/** The moment since which its memory is complete, as stored in Redis. */
async function memorySince(redis: RedisServer): Promise<number> {
  let since: string | null = null;
  await runCommands(redis, async (client) => {
    since = await client.hget('{engagements}:request-memory', 'since');
  });
  return Number(since);
}

const isBack = (facade: { url: string }) =>
  expect
    .poll(async () => (await fetch(`${facade.url}/metrics`)).text(), { timeout: 5_000 })
    .toContain('engagements_redis_up 1');

describe('a delete with a key that another replica has claimed', () => {
  it('returns by its own deadline, as unknown, while the other is in flight', async () => {
    await using redis = await startRedis();
    const held = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      await held.promise;
      done(request, response);
    });
    await using one = await startTestFacade(upstream.url, { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '20000' });
    await using other = await startTestFacade(upstream.url, { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1500' });
    await age(redis);
    const first = send(one, 'k');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    const result = await send(other, 'k');
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    held.resolve();
    expect(await first).toMatchObject({ outcome: 'DELETED' });
    expect(await send(other, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(1);
    // A wait that timed out is no loss of Redis.
    expect(await memorySince(redis)).toBe(1);
  });

  it('waits no longer than its own deadline for Redis either', async () => {
    await using redis = await startRedis();
    const memory = await connectRedis(
      new Secret(redis.url),
      createLog({ destination: new PassThrough().resume() }),
      prefix,
    );
    onTestFinished(() => memory.close());
    const { claim, settle } = createSharedRequests(memory, 10_000);
    redis.freeze(true);
    const keyed = {
      ...{ key: 'k', fingerprint: 'f', hasCallerLeft: () => false, deadlineAt: performance.now() + 50 },
      unknownSince: (message: string) => ({ ...({ kind: 'OutcomeUnknownError', message } as const), ...unknownRest }),
    };
    expect(await claim(keyed)).toMatchObject({ kind: 'mine', isInDoubt: true });
    await settle(keyed, undefined, 0);
    // It has not been silent long enough to count as lost.
    expect(memory.isReachable).toBe(true);
  });
});

it('a delete that is not safe to retry has an unknown outcome at once, after it was found that its server has stopped', async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream(() => {}, 'capsule');
  const rest = ', remoteQuery: { a: 1 }';
  const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' };
  await using one = await startTestFacade(upstream.url, env);
  void send(one, 'k', '1', rest);
  await expect.poll(() => upstream.deletes().length).toBe(1);
  // As when it is killed: its claim expires unsettled.
  const claim = await endClaim(redis);
  await using other = await startTestFacade(upstream.url, env);
  await using third = await startTestFacade(upstream.url, env);
  const unknown = { __typename: 'OutcomeUnknownError', retrySafe: false };
  expect(await send(other, 'k', '1', rest)).toMatchObject(unknown);
  await runCommands(redis, async (client) => expect(await client.hexists(claim, 'until')).toBe(0));
  expect(await send(third, 'k', '1', rest)).toMatchObject(unknown);
  expect(upstream.deletes()).toHaveLength(1);
});

it('a delete that was taken over from a slow server has the outcome of the other server, when the slow one ends without any', async () => {
  await using redis = await startRedis();
  const held = Promise.withResolvers<void>();
  const slow: Answer = async (request, response) => {
    await held.promise;
    truto(408)(request, response);
  };
  await using upstream = await startUpstream(inTurn(slow, truto(404), done), 'capsule');
  const env = { REDIS_URL: redis.url };
  await using one = await startTestFacade(upstream.url, env);
  await using other = await startTestFacade(upstream.url, env);
  await using third = await startTestFacade(upstream.url, env);
  const first = send(one, 'k');
  await expect.poll(() => upstream.deletes().length).toBe(1);
  await endClaim(redis);
  expect(await send(other, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
  held.resolve();
  expect(await first).toMatchObject({ __typename: 'OutcomeUnknownError' });
  expect(await send(third, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
  expect(upstream.deletes()).toHaveLength(2);
});

it.each([
  ['is not sent again, when that may do harm', ', remoteQuery: { a: 1 }', { retrySafe: false }, 1],
  ['is another attempt of the same delete', '', { outcome: 'ALREADY_ABSENT' }, 2],
])('a delete that another server is sending when Redis is lost %s', async (_what, rest, end, deletes) => {
  await using redis = await startRedis();
  await using upstream = await startUpstream(
    inTurn(() => {}, done, truto(404)),
    'capsule',
  );
  await using replicas = await startTwo(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '5000' });
  void send(replicas.one, 'k', '1', rest);
  await expect.poll(() => upstream.deletes().length).toBe(1);
  const second = send(replicas.other, 'k', '1', rest);
  // When a later delete is done, the second waits for the first.
  await send(replicas.other, 'another', '2');
  await redis.kill();
  expect(await second).toMatchObject(end);
  expect(upstream.deletes()).toHaveLength(deletes + 1);
});

it('the data of a delete in Redis expires, from the moment that a server claims it', async () => {
  await using redis = await startRedis();
  const held = Promise.withResolvers<void>();
  await using upstream = await startUpstream(async (request, response) => {
    await held.promise;
    truto(408)(request, response);
  });
  await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
  const lifetimes = async () => {
    const found: number[] = [];
    await runCommands(redis, async (client) => {
      for (const key of await client.keys('{engagements}:delete*:*')) found.push(await client.pttl(key));
    });
    return found;
  };
  const first = send(facade, 'k');
  await expect.poll(() => upstream.deletes().length).toBe(1);
  const claimed = await lifetimes();
  held.resolve();
  await first;
  const settled = await lifetimes();
  // The claim; then the outcome, and the number of answered attempts, which is stored for a day.
  expect([claimed.length, settled.length]).toEqual([1, 2]);
  for (const lifetime of [...claimed, ...settled]) expect(lifetime).toBeGreaterThan(0);
  expect(Math.max(...claimed, Math.min(...settled))).toBeLessThanOrEqual(10 * 60_000);
});

it.each<[string, Answer, string]>([
  ['is not there', truto(404), 'NotFoundError'],
  ['is refused', remote(401), 'AccountNeedsReauthError'],
  ['is limited', truto(429), 'RateLimitedError'],
])(
  'a key that is new to a Redis with a long enough memory has a result that shows it when the engagement %s',
  async (_what, answer, member) => {
    await using redis = await startRedis();
    await using facade = await startFacadeOver(answer, { REDIS_URL: redis.url });
    await age(redis);
    expect((await send(facade, 'k')).__typename).toBe(member);
  },
);

/** The ways in which Redis loses its data, or cannot return it. */
const losses: readonly [string, (redis: RedisServer) => Promise<void>][] = [
  ['FLUSHALL', (redis) => runCommands(redis, (client) => client.flushall())],
  [
    'a restart without persistence',
    async (redis) => {
      await redis.kill();
      await redis.start();
    },
  ],
  [
    'a restart with an older state',
    async (redis) => {
      // As from a snapshot before the last deletes.
      await runCommands(redis, async (client) => {
        await client.flushall();
        await client.hset('{engagements}:request-memory', 'claims', 0, 'since', 1);
      });
    },
  ],
];

describe.each(losses)('after %s, a delete', (_what, lose) => {
  const loseAfter = async (answers: readonly Answer[]) => {
    const stack = new AsyncDisposableStack();
    const redis = stack.use(await startRedis({ isDurable: false }));
    const upstream = stack.use(await startUpstream(inTurn(...answers), 'capsule'));
    const replicas = stack.use(await startTwo(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '2000' }));
    await age(redis);
    // Each of them has seen the state of Redis.
    await send(replicas.other, 'earlier', '0');
    await send(replicas.one, 'k');
    await lose(redis);
    await isBack(replicas.one);
    await isBack(replicas.other);
    return { ...replicas, upstream, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  };

  it('that another replica did before is ALREADY_ABSENT, not NotFoundError', async () => {
    await using lost = await loseAfter([done, done, truto(404)]);
    const again = await send(lost.other, 'k');
    expect(again).toMatchObject({ outcome: 'ALREADY_ABSENT', warnings: [expect.any(String), expect.any(String)] });
    expect(lost.upstream.deletes()).toHaveLength(3);
  });

  it.each<[string, Answer]>([
    ['403', truto(403)],
    ['429', truto(429)],
    ['400', truto(400)],
  ])('that another replica did before has an unknown outcome, when refused with %s now', async (_status, refusal) => {
    await using lost = await loseAfter([done, done, refusal, truto(404)]);
    expect(await send(lost.other, 'k')).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    expect(await send(lost.other, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
  });

  it('is still repeated by the replica that did it', async () => {
    await using lost = await loseAfter([done]);
    expect(await send(lost.one, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(lost.upstream.deletes()).toHaveLength(2);
  });

  it('that is done now is a success', async () => {
    await using lost = await loseAfter([done]);
    expect(await send(lost.other, 'new', '2')).toMatchObject({ outcome: 'DELETED', warnings: [expect.any(String)] });
  });
});

it('a delete with a new key that the rules refuse names the argument and the rule, while Redis is new', async () => {
  await using redis = await startRedis();
  await using facade = await startFacadeOver(done, { REDIS_URL: redis.url }, 'affinity');
  const result = await send(facade, 'k');
  expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
  expect(result.message).toContain('engagementType: Affinity requires one of');
  expect(facade.upstream.deletes()).toHaveLength(0);
});

describe('while Redis is unreachable, and after that', () => {
  it('no result reports that nothing was deleted if another replica may have deleted it', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(inTurn(done, truto(404), done, truto(403)));
    await using replicas = await startTwo(upstream.url, redis.url, { REQUEST_TIMEOUT_MS: '2000' });
    await age(redis);
    await redis.kill();
    expect(await send(replicas.one, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(await send(replicas.other, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
    expect(await send(replicas.one, 'l', '2')).toMatchObject({ outcome: 'DELETED' });
    await redis.start();
    await isBack(replicas.other);
    expect((await send(replicas.other, 'l', '2')).__typename).toBe('OutcomeUnknownError');
  });

  it('a replica that was started since then is in doubt too, because the others report their deletes without Redis', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(inTurn(done, truto(404)));
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '2000' };
    await using one = await startTestFacade(upstream.url, env);
    await age(redis);
    await redis.kill();
    expect(await send(one, 'k')).toMatchObject({ outcome: 'DELETED' });
    await redis.start();
    await expect.poll(() => memorySince(redis), { timeout: 5_000 }).toBeGreaterThan(1);
    await using fresh = await startTestFacade(upstream.url, env);
    expect(await send(fresh, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
  });
});

describe('a Redis that did not answer', () => {
  afterEach(() => void vi.useRealTimers());

  it('is used again, also when the time of day was set back', async () => {
    await using redis = await startRedis();
    await using memory = closing(
      await connectRedis(new Secret(redis.url), createLog({ destination: new PassThrough().resume() }), prefix),
    );
    const ping = () => memory.ask((client) => client.ping());
    expect(await ping()).toBe('PONG');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    redis.freeze(true);
    expect(await ping()).toBeUndefined();
    vi.setSystemTime(Date.now() - 3_600_000);
    redis.freeze(false);
    await expect.poll(ping).toBe('PONG');
  });
});
