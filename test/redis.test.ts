import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseConfig } from '../src/config/config.ts';
import { Secret } from '../src/config/secret.ts';
import { createLog, secretsOf } from '../src/log/log.ts';
import { faultOf } from '../src/redis/health.ts';
import { connectRedis } from '../src/redis/shared-memory.ts';
import { started } from './support/bulk.ts';
import { selfSigned } from './support/certificate.ts';
import { startTestFacade } from './support/facade.ts';
import { freePort } from './support/free-port.ts';
import { removal, sendKeyed } from './support/keyed-delete.ts';
import { listen } from './support/listen.ts';
import {
  aclRules,
  asApp,
  backWithinMs,
  connectionsOf,
  deleteSome,
  env,
  faultsOf,
  isUp,
  linesOf,
  prefix,
  redisUp,
  setUser,
  startDone,
} from './support/redis-facade.ts';
import { testRefusals } from './support/redis-refusals.ts';
import { type RedisProcess, startRedis } from './support/redis-server.ts';
import { startServerProcess } from './support/server-process.ts';
import { json, startUpstream } from './support/upstream.ts';

testRefusals('redis-server');

describe('a Redis whose user has only the documented rights', () => {
  it('R25 is used without INFO, and that is no warning', async () => {
    await using redis = await startRedis();
    await setUser(redis, ...aclRules);
    const lines: string[] = [];
    const warn = vi.spyOn(console, 'warn');
    onTestFinished(() => warn.mockRestore());
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    const memory = await connectRedis(new Secret(asApp(redis)), log, prefix);
    onTestFinished(() => memory.close());
    expect(memory.isReachable).toBe(true);
    expect(await memory.ask((client) => client.hset(`${prefix}:x`, 'a', 1))).toBe(1);
    await expect.poll(() => linesOf(lines.join('')).map(({ level }) => level)).toEqual([30, 30]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('stays in use after one refused command, which is logged once a minute a kind', async () => {
    await using redis = await startRedis();
    await setUser(redis, ...aclRules, '-zadd');
    const lines: string[] = [];
    const log = createLog({ destination: { write: (line) => void lines.push(line) } });
    const memory = await connectRedis(new Secret(asApp(redis)), log, prefix);
    onTestFinished(() => memory.close());
    await memory.ask((client) => client.set(`${prefix}:x`, 'text'));
    for (let time = 0; time < 5; time += 1) {
      expect(await memory.ask((client) => client.lpush(`${prefix}:x`, 1))).toBeUndefined();
      expect(await memory.ask((client) => client.zadd(`${prefix}:z`, 1, 'a'))).toBeUndefined();
      expect(await memory.ask(() => Promise.reject(new TypeError('our own fault')))).toBeUndefined();
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

it('a Redis that may lose data is used, with one warning about its settings', async () => {
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

/** An address that leads somewhere, and then elsewhere, while connections that are there stay as they are. */
async function startForwarder(target: RedisProcess) {
  let { port: targetPort } = target;
  const answering = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(targetPort, '127.0.0.1');
    answering.add(onward);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  const listening = await listen(server);
  return Object.assign(listening, {
    url: `redis://${listening.host}`,
    leadTo({ port }: RedisProcess) {
      targetPort = port;
    },
    hold(isHeld: boolean) {
      for (const socket of answering) {
        if (isHeld) socket.pause();
        else socket.resume();
      }
    },
  });
}

const isReplicated = (redis: RedisProcess) =>
  expect
    .poll(async () => String(await redis.tell('INFO', 'replication')), { timeout: backWithinMs })
    .toContain('master_link_status:up');

it('R26 another primary is found behind the same address although the old one keeps its connections', async () => {
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

describe('an address of Redis', () => {
  it('R25 with late answers delays a delete only a little, and is no fault', async () => {
    await using redis = await startRedis();
    await using address = await startForwarder(redis);
    await using upstream = await startUpstream((...both) => {
      // An answer after more than a second would be a fault.
      address.hold(false);
      json(204, undefined)(...both);
    }, 'capsule');
    // Shorter than the sum of the waits of both requests of a delete.
    const settings = { TRUTO_RATE_LIMITS: '1', REQUEST_TIMEOUT_MS: '800' };
    await using facade = await startTestFacade(upstream.url, { ...env(address.url), ...settings });
    await isUp(facade);
    await facade.post(`mutation { ${removal('first')} }`);
    address.hold(true);
    const { body } = await facade.post(`mutation { ${removal('late', '', 'another-account')} }`);
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED' });
    expect(faultsOf(facade)).toEqual([]);
    expect(await redisUp(facade)).toBe('1');
  });

  it.each(['+OK', ':1', '$-1'])('R25 where %s is the answer to all is one line, and costs no delete', async (reply) => {
    const server = createServer((socket) =>
      socket.on('data', (data) => {
        const count = String(data).match(/^\*\d+\r$/gm)?.length ?? 1;
        socket.write(`${reply}\r\n`.repeat(count));
      }),
    );
    await using listening = await listen(server);
    await using upstream = await startDone();
    const settings = { ...env(`redis://${listening.host}`), TRUTO_RATE_LIMITS: '1' };
    await using facade = await startTestFacade(upstream.url, settings);
    await deleteSome(facade);
    expect(faultsOf(facade).map(({ kind }) => kind)).toEqual(['connection']);
    expect(await redisUp(facade)).toBe('0');
  });

  it('with TLS of a private CA works with NODE_EXTRA_CA_CERTS; without it, one line says why not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
    const { key, cert } = selfSigned('localhost');
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    writeFileSync(keyFile, key);
    writeFileSync(certFile, cert);
    const port = await freePort();
    const files = ['--tls-key-file', keyFile, '--tls-cert-file', certFile, '--tls-ca-cert-file', certFile];
    await using _redis = await startRedis({ args: ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files] });
    const settings = { SANDBOX: '1', REDIS_URL: `rediss://localhost:${port}` };
    await using trusting = await startServerProcess({ ...settings, NODE_EXTRA_CA_CERTS: certFile });
    await using other = await startServerProcess(settings);
    const seen = ({ output }: typeof other) => linesOf(output()).filter(({ msg }) => /Redis|certificate/.test(msg));
    expect(seen(trusting).map(({ level }) => level)).toEqual([30]);
    expect(seen(other).map(({ kind }) => kind)).toEqual(['certificate']);
  });

  it('without a listener is one line in the log, and fails no delete', async () => {
    await using upstream = await startDone();
    await using facade = await startTestFacade(upstream.url, env(`redis://127.0.0.1:${await freePort()}`));
    await deleteSome(facade);
    expect(faultsOf(facade).map(({ kind }) => kind)).toEqual(['connection']);
  });

  it.each([
    'redis://u:canary%2Fpassword@h:1/2',
    'rediss+cluster://u:canary%2Fpassword@h:1,[::1]:2',
    'redis+sentinel://:canary%2Fpassword@h,i:3/primary/4',
  ])('S01 never has its password in the log: %s', (url) => {
    const secrets = secretsOf(parseConfig({ SANDBOX: '1', REDIS_URL: url })).map((secret) => secret.reveal());
    expect(secrets).toEqual(expect.arrayContaining([url, 'canary/password']));
  });
});

it.each([
  ['eu', '{eu}:'],
  ['app:{eu}', 'app:{eu}:'],
])('REDIS_PREFIX %s begins each key with %s', async (REDIS_PREFIX, start) => {
  await using redis = await startRedis();
  await using upstream = await startDone();
  await using facade = await startTestFacade(upstream.url, { ...env(redis.url), REDIS_PREFIX });
  await sendKeyed(facade, 'k', 'p1');
  await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
  const keys = (await redis.tell('KEYS', '*')) as string[];
  expect(keys.some((key) => key.includes('bulk'))).toBe(true);
  expect(keys.length).toBeGreaterThan(1);
  for (const key of keys) expect(key.startsWith(start)).toBe(true);
});

const replyOf = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
it.each([
  ["MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", 'disk'],
  ['LOADING Redis is loading the dataset in memory', 'loading'],
  ['BUSY Redis is busy running a script.', 'busy'],
  // Of Redis 6, from within a script.
  [
    "ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed when used memory > 'maxmemory'.",
    'memory',
  ],
  [
    "ERR Error running script (call to f_0): @user_script: 1: -READONLY You can't write against a read only replica.",
    'replica',
  ],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'replica'],
  ["NOPERM User app has no permissions to run the 'eval' command", 'scripts'],
  ['ERR unknown command `EVALSHA`, with args beginning with: `x`', 'scripts'],
  ['NOPERM No permissions to access a key', 'keys'],
  // Of Valkey 8, from within a script.
  [
    "ERR ACL failure in script: User app has no permissions to run the 'time' command script: 0, on @user_script:1.",
    'commands',
  ],
  ['ERR ACL failure in script: No permissions to access a key script: 0, on @user_script:1.', 'keys'],
  ['ERR invalid password', 'password'],
  ['MOVED 866 127.0.0.1:7001', 'a cluster'],
  ['CLUSTERDOWN Hash slot not served', 'cluster down'],
  ['ERR This instance has cluster support disabled', 'no cluster'],
  ['ERR max daily request limit exceeded. Limit: 10000', 'quota'],
  ['ERR max number of clients reached', 'quota'],
  ['ERR something new', 'refusal'],
])('the kind of a Redis error %s', (message, kind) => {
  expect(faultOf(replyOf(message)).kind).toBe(kind);
});
