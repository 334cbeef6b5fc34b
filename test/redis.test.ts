import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLog } from '../src/log.ts';
import { connectRedis } from '../src/redis/shared-memory.ts';
import { Secret } from '../src/secret.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { removal, sendKeyed } from './support/keyed-delete.ts';
import { type RedisGroup, startRedisCluster, startRedisSentinel } from './support/redis-cluster.ts';
import { type RedisProcess, startRedis } from './support/redis-server.ts';
import { json, startUpstream } from './support/upstream.ts';

/** How long a demotion, a failover or a repair may take until it is followed. */
const backWithinMs = 10_000;

const password = 'canary-of-redis';
const prefix = '{engagements}';
/** What docs/operating.md says a user needs, and no more. */
const aclRules = [
  `~${prefix}:*`,
  '-@all',
  '+@read',
  '+@write',
  '+eval',
  '+evalsha',
  '+time',
  '+multi',
  '+exec',
  '-@dangerous',
];
const env = (url: string) => ({ REDIS_URL: url, REQUEST_TIMEOUT_MS: '3000', TRUTO_RATE_LIMITS: '0' });

/** The address as the user that is not the administrator. */
const asApp = ({ url }: { readonly url: string }) => url.replace('://', `://app:${password}@`);

const setUser = (redis: RedisProcess, ...rules: readonly string[]) =>
  redis.tell('ACL', 'SETUSER', 'app', 'reset', 'on', `>${password}`, ...rules);

const startDone = () => startUpstream(json(204, undefined), 'capsule');

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly kind?: string;
}

const linesOf = (logged: string): readonly Line[] =>
  logged
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
const faultsOf = (facade: TestFacade) => linesOf(facade.logged()).filter(({ level }) => level >= 40);
const connectionsOf = (facade: TestFacade) =>
  linesOf(facade.logged()).filter(({ msg }) => msg.startsWith('connected to Redis'));

async function redisUp({ url }: TestFacade): Promise<string | undefined> {
  return /^engagements_redis_up (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
}
const isUp = (facade: TestFacade, up = '1') => expect.poll(() => redisUp(facade), { timeout: backWithinMs }).toBe(up);

let deletes = 0;
/** Deletes with and without a key, at once, and expects each to be done; and that it is healthy. */
async function deleteSome(facade: TestFacade): Promise<void> {
  const outcome = { outcome: 'DELETED' };
  const sent = Array.from({ length: 10 }, async () => {
    deletes += 1;
    const [id, key] = [`e${deletes}`, `k${deletes}`];
    const { body } = await facade.post(`mutation { ${removal(id)} }`);
    expect(body.data.deleteEngagement).toMatchObject(outcome);
    expect(await sendKeyed(facade, key, `keyed-${id}`)).toMatchObject(outcome);
  });
  await Promise.all(sent);
  expect((await fetch(`${facade.url}/health`)).status).toBe(200);
}

/** Waits until Redis has refused so many questions more. */
async function hasRefused(redis: RedisProcess, count = 2): Promise<void> {
  const errors = async () => Number(/total_error_replies:(\d+)/.exec(String(await redis.tell('INFO', 'stats')))?.[1]);
  const before = await errors();
  await expect.poll(errors, { timeout: backWithinMs }).toBeGreaterThanOrEqual(before + count);
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

describe.each(['redis-server', 'valkey-server'] as const)('%s that refuses', (program) => {
  it.each(refusals)(
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

  it('R25 a wrong password costs no delete, is one line in the log, and is used again when it is repaired', async () => {
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

  it('R25 EVAL under its own name costs no delete', async () => {
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

describe('a Redis whose user may do only what is needed', () => {
  it('R25 is used without INFO, and that it could not be looked at is no warning', async () => {
    await using redis = await startRedis();
    await setUser(redis, ...aclRules);
    const lines: string[] = [];
    const warn = vi.spyOn(console, 'warn');
    onTestFinished(() => warn.mockRestore());
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    const memory = await connectRedis(new Secret(asApp(redis)), log);
    onTestFinished(() => memory.close());
    expect(memory.isReachable).toBe(true);
    expect(await memory.ask((client) => client.hset(`${prefix}:x`, 'a', 1))).toBe(1);
    await expect.poll(() => linesOf(lines.join('')).map(({ level }) => level)).toEqual([30, 30]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('answers nothing, and stays in use, where one question alone is refused; each kind of that is logged once a minute', async () => {
    await using redis = await startRedis();
    await setUser(redis, ...aclRules, '-zadd');
    const lines: string[] = [];
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    const memory = await connectRedis(new Secret(asApp(redis)), log);
    onTestFinished(() => memory.close());
    await memory.ask((client) => client.set(`${prefix}:x`, 'text'));
    for (let time = 0; time < 5; time += 1) {
      expect(await memory.ask((client) => client.lpush(`${prefix}:x`, 1))).toBeUndefined();
      expect(await memory.ask((client) => client.zadd(`${prefix}:z`, 1, 'a'))).toBeUndefined();
      expect(await memory.ask(() => Promise.reject(new TypeError('a fault of ours')))).toBeUndefined();
      expect(await memory.ask((client) => client.get(`${prefix}:x`))).toBe('text');
    }
    expect(memory.isReachable).toBe(true);
    await expect.poll(() => linesOf(lines.join('')).filter(({ level }) => level >= 40).length).toBe(3);
    expect(
      linesOf(lines.join(''))
        .filter(({ level }) => level >= 40)
        .map(({ level }) => level),
    ).toEqual([50, 50, 50]);
  });
});

describe('a Redis that may forget', () => {
  it('is used, with one warning of all that is to be changed', async () => {
    const args = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
    await using redis = await startRedis({ isDurable: false, args });
    await using upstream = await startDone();
    await using facade = await startTestFacade(upstream.url, env(redis.url));
    expect(await redisUp(facade)).toBe('1');
    await expect.poll(() => faultsOf(facade).length).toBe(1);
    expect(faultsOf(facade)[0]?.msg).toMatch(/noeviction.*appendonly/);
    await redis.tell('CLIENT', 'KILL', 'TYPE', 'normal');
    await expect.poll(() => connectionsOf(facade).length, { timeout: backWithinMs }).toBe(2);
    await deleteSome(facade);
    expect(faultsOf(facade).filter(({ msg }) => msg.includes('noeviction'))).toHaveLength(1);
  });
});

/** An address that leads somewhere, and then elsewhere, while connections that are there stay as they are. */
async function startForwarder(target: RedisProcess) {
  let { port: targetPort } = target;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo({ port }: RedisProcess) {
      targetPort = port;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const isReplicated = (redis: RedisProcess) =>
  expect
    .poll(async () => String(await redis.tell('INFO', 'replication')), { timeout: backWithinMs })
    .toContain('master_link_status:up');

describe('R26 another primary', () => {
  it('is found behind the same address although the old one keeps its connections', async () => {
    await using old = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    await using next = await startRedis({ args: ['--replicaof', '127.0.0.1', String(old.port)] });
    await isReplicated(next);
    await using address = await startForwarder(old);
    await using upstream = await startDone();
    await using facade = await startTestFacade(upstream.url, env(address.url));
    await sendKeyed(facade, 'before', 'b1');
    await next.tell('REPLICAOF', 'NO', 'ONE');
    address.leadTo(next);
    await old.tell('REPLICAOF', '127.0.0.1', next.port);
    await isUp(facade, '0');
    await deleteSome(facade);
    await isUp(facade);
    const keysOf = async () => ((await next.tell('KEYS', `${prefix}:delete:*`)) as unknown[]).length;
    const before = await keysOf();
    await sendKeyed(facade, 'after', 'b2');
    expect(await keysOf()).toBe(before + 1);
    expect(faultsOf(facade).map(({ kind }) => kind)).toEqual(['replica']);
  });

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

  it('of a cluster whose primary hangs without an end is found as well', async () => {
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
