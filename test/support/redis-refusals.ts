import { describe, expect, it, vi } from 'vitest';
import { startTestFacade } from './facade.ts';
import {
  aclRules,
  asApp,
  backWithinMs,
  connectionsOf,
  deleteSome,
  env,
  faultsOf,
  isUp,
  redisUp,
  setUser,
  startDone,
} from './redis-facade.ts';
import { type RedisProcess, type RedisProgram, startRedis } from './redis-server.ts';

/** Waits until Redis has refused so many questions more. */
async function hasRefused(redis: RedisProcess, count = 2): Promise<void> {
  const errors = async () => Number(/total_error_replies:(\d+)/.exec(String(await redis.tell('INFO', 'stats')))?.[1]);
  const before = await errors();
  await vi.waitFor(async () => expect(await errors()).toBeGreaterThanOrEqual(before + count), {
    timeout: backWithinMs,
  });
}

type Change = (redis: RedisProcess) => Promise<unknown>;
const allowed: Change = (redis) => setUser(redis, ...aclRules);

/** What Redis refuses, how it comes to that, and how it is repaired. */
const refusals: readonly (readonly [what: string, kind: string, refuse: Change, repair: Change])[] = [
  [
    'writes, since it is a replica',
    'replica',
    (redis) => redis.tell('REPLICAOF', '127.0.0.1', 1),
    (redis) => redis.tell('REPLICAOF', 'NO', 'ONE'),
  ],
  [
    'writes, since too few replicas are there',
    'too few replicas',
    (redis) => redis.tell('CONFIG', 'SET', 'min-replicas-to-write', 1),
    (redis) => redis.tell('CONFIG', 'SET', 'min-replicas-to-write', 0),
  ],
  [
    'more memory',
    'memory',
    (redis) => redis.tell('CONFIG', 'SET', 'maxmemory', 1),
    (redis) => redis.tell('CONFIG', 'SET', 'maxmemory', 0),
  ],
  ['EVAL', 'scripts', (redis) => setUser(redis, ...aclRules, '-eval', '-evalsha'), allowed],
  ['TIME', 'commands', (redis) => setUser(redis, ...aclRules, '-time'), allowed],
  ['SET', 'commands', (redis) => setUser(redis, ...aclRules, '-set'), allowed],
  ['the keys', 'keys', (redis) => setUser(redis, ...aclRules, 'resetkeys', '~other:*'), allowed],
];

/** Tests what a facade makes of a Redis, or of what speaks as one, that refuses. */
export function testRefusals(program: RedisProgram): void {
  describe(`${program} that refuses`, () => {
    it.concurrent.each(refusals)(
      'R25 %s costs no delete, is one line in the log, and is used again when it is repaired',
      async (_what, kind, refuse, repair) => {
        await using redis = await startRedis({ program });
        await allowed(redis);
        await refuse(redis);
        await using upstream = await startDone();
        await using facade = await startTestFacade(upstream.url, env(asApp(redis)));
        expect(await redisUp(facade)).toBe('0');
        for (const time of [1, 2]) {
          await deleteSome(facade);
          await hasRefused(redis);
          await deleteSome(facade);
          expect(faultsOf(facade).map((line) => line.kind)).toEqual(Array(time).fill(kind));
          expect(await redisUp(facade)).toBe('0');
          await repair(redis);
          await isUp(facade);
          expect(connectionsOf(facade)).toHaveLength(time);
          await deleteSome(facade);
          if (time === 2) break;
          await refuse(redis);
          await isUp(facade, '0');
        }
        expect(upstream.deletes()).toHaveLength(6 * 20);
      },
    );

    it.concurrent('R25 a wrong password costs no delete, is one line in the log, and is used again when it is repaired', async () => {
      await using redis = await startRedis({ program });
      await using upstream = await startDone();
      await using facade = await startTestFacade(upstream.url, env(asApp(redis)));
      await deleteSome(facade);
      await hasRefused(redis);
      expect(faultsOf(facade).map(({ kind }) => kind)).toEqual(['password']);
      await allowed(redis);
      await isUp(facade);
      await deleteSome(facade);
      expect(connectionsOf(facade)).toHaveLength(1);
    });

    it.concurrent('R25 EVAL under its own name costs no delete', async () => {
      await using redis = await startRedis({
        program,
        args: ['--rename-command', 'EVAL', '', '--rename-command', 'EVALSHA', ''],
      });
      await using upstream = await startDone();
      await using facade = await startTestFacade(upstream.url, env(redis.url));
      await deleteSome(facade);
      expect(faultsOf(facade).map(({ kind }) => kind)).toEqual(['scripts']);
    });
  });
}
