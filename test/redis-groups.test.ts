import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { sendKeyed } from './support/keyed-delete.ts';
import { type RedisGroup, startRedisCluster, startRedisSentinel } from './support/redis-cluster.ts';
import {
  aclRules,
  asApp,
  connectionsOf,
  deleteSome,
  env,
  faultsOf,
  isUp,
  password,
  redisUp,
  startDone,
} from './support/redis-facade.ts';

describe('R26 another primary', () => {
  const groups: readonly (readonly [
    what: string,
    start: (options: { program: 'redis-server' | 'valkey-server'; args: readonly string[] }) => Promise<RedisGroup>,
    program: 'redis-server' | 'valkey-server',
  ])[] = [
    ['of a cluster of Redis', startRedisCluster, 'redis-server'],
    ['of sentinels of Redis', startRedisSentinel, 'redis-server'],
    ['of a cluster of Valkey', startRedisCluster, 'valkey-server'],
    ['of sentinels of Valkey', startRedisSentinel, 'valkey-server'],
  ];
  it.each(groups)(
    '%s is found when the first is killed, by a user with no more than it needs',
    async (_what, start, program) => {
      const rules = [...aclRules, '+cluster|slots'];
      await using group = await start({ program, args: ['--user', 'app', 'on', `>${password}`, ...rules] });
      await using upstream = await startDone();
      await using one = await startTestFacade(upstream.url, env(asApp(group)));
      await using other = await startTestFacade(upstream.url, env(asApp(group)));
      expect(await redisUp(one)).toBe('1');
      await sendKeyed(one, 'shared', 's1');
      expect(await sendKeyed(other, 'shared', 's1')).toMatchObject({ outcome: 'DELETED' });
      expect(upstream.deletes()).toHaveLength(1);
      const first = await group.primary();
      await first?.kill();
      await isUp(one, '0');
      await deleteSome(one);
      await isUp(one);
      await isUp(other);
      expect((await group.primary())?.port).not.toBe(first?.port);
      const before = upstream.deletes().length;
      await sendKeyed(one, 'shared-again', 's2');
      await sendKeyed(other, 'shared-again', 's2');
      expect(upstream.deletes()).toHaveLength(before + 1);
      expect(faultsOf(one)).toHaveLength(1);
      expect(connectionsOf(one)).toHaveLength(2);
    },
  );

  it('of a cluster is found when the old primary hangs for ever', async () => {
    await using group = await startRedisCluster();
    await using upstream = await startDone();
    await using facade = await startTestFacade(upstream.url, env(group.url));
    const first = await group.primary();
    first?.freeze(true);
    await isUp(facade, '0');
    await deleteSome(facade);
    await isUp(facade);
    first?.freeze(false);
    await deleteSome(facade);
    expect(faultsOf(facade)).toHaveLength(1);
  });
});

it('an address of sentinels of Redis sends user and password when they ask for them, and logs neither', async () => {
  await using group = await startRedisSentinel({ args: ['--user', 'app', 'on', `>${password}`, ...aclRules] });
  for (const sentinel of group.sentinels) {
    await sentinel.tell('ACL', 'SETUSER', 'app', 'on', `>${password}`, '~*', '&*', '+@all');
    await sentinel.tell('ACL', 'SETUSER', 'default', 'off');
  }
  await using upstream = await startDone();
  await using facade = await startTestFacade(upstream.url, env(asApp(group)));
  expect(await redisUp(facade)).toBe('1');
});
