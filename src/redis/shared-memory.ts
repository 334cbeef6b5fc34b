import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { parseRedisAddress, type RedisAddress } from '../config/redis-address.ts';
import type { Secret } from '../config/secret.ts';
import type { Log } from '../log/log.ts';
import { faultOf, RedisHealth } from './health.ts';

/** How long to wait for an answer: a caller is waiting, and can continue without it. */
const commandTimeoutMs = 1_000;
const connectTimeoutMs = 2_000;
/** How long a silent server may take to close a connection. */
const disconnectTimeoutMs = 500;
const maxReconnectMs = 1_000;
const probeMs = 1_000;
const probeKeptMs = 10_000;
/** How long a start waits for Redis. After that, Redis is used once it is reached. */
const startTimeoutMs = 2_000;

/** A connection to a Redis, or to a cluster. */
export type RedisClient = Redis | Cluster;

/** Redis, which may be lost or refuse at any moment. */
export interface SharedMemory {
  /** The prefix of all keys. They share one hash slot, so that a script can use several of them in a cluster. */
  readonly keyPrefix: string;
  /**
   * Sends a command. Never rejects: undefined when Redis refuses, or does not answer within a second (two, for a script that is new to
   * Redis) or by the deadline. The command may have been executed. A command that finds nothing must return null.
   * @param deadlineAt a moment by `performance.now()`. A later answer is no fault of Redis.
   */
  ask<Result>(question: (redis: RedisClient) => Promise<Result>, deadlineAt?: number): Promise<Result | undefined>;
  /** True when the last probe succeeded. */
  readonly isReachable: boolean;
  /** When Redis was reached again after a loss (by `performance.now()`); undefined when there was none. */
  readonly backSince: number | undefined;
  /** True when no question will be answered any more. */
  readonly isClosed: boolean;
  close(): Promise<void>;
}

/** Does what any command needs: EVAL, TIME, a write that expires. ARGV: its expiry; a new text to return; 1 to add INFO's texts, if allowed. */
const probe = script<string>(`redis.call('SET', KEYS[1], redis.call('TIME')[1], 'PX', ARGV[1])
if ARGV[3] ~= '1' then return ARGV[2] end
local memory, persistence = redis.pcall('INFO', 'memory'), redis.pcall('INFO', 'persistence')
if type(memory) ~= 'string' or type(persistence) ~= 'string' then return ARGV[2] end
return ARGV[2] .. '|' .. memory .. persistence`);

/**
 * By itself it sends no commands, except to find the primary through sentinels or a cluster: the probe shows what the user may do. It has no
 * automatic pipelines: they throw where it cannot be caught (github.com/redis/ioredis/issues/1931).
 */
async function createRedisClient(address: RedisAddress): Promise<RedisClient> {
  const { kind, nodes, isTls, username, password, database, primaryName } = address;
  // Loaded here: most servers have no Redis, and should start without this delay.
  const ioredis = await import('ioredis');
  const retryStrategy = (times: number) => Math.min(times * 50, maxReconnectMs);
  // A command that cannot be sent now is not sent later. The ready check needs INFO, which the user may not be allowed.
  const common = { enableOfflineQueue: false, enableReadyCheck: false };
  const options: Omit<RedisOptions, 'replyMapping'> = {
    ...{ ...common, retryStrategy, commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 0 },
    ...{ connectTimeout: connectTimeoutMs, disconnectTimeout: disconnectTimeoutMs },
    ...{ disableClientInfo: true, db: database },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
  };
  if (kind === 'cluster') {
    const cluster = new ioredis.Cluster([...nodes], {
      ...{ ...common, redisOptions: options, clusterRetryStrategy: retryStrategy },
      // Certificates are for names: connecting to a resolved address would be refused.
      dnsLookup: (host, callback) => callback(null, host),
      // No automatic retries: a command may have been executed.
      ...{ retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 },
    });
    // While a slot moves, ioredis sends ASKING, and does not handle its errors.
    cluster.on('+node', (node: Redis) => {
      const asking = node.asking.bind(node) as () => Promise<'OK'>;
      node.asking = () => {
        const asked = asking();
        asked.catch(() => {});
        return asked;
      };
    });
    return cluster;
  }
  if (kind !== 'sentinel') return new ioredis.Redis({ ...options, ...nodes[0] });
  const redis = new ioredis.Redis({
    ...{ ...options, sentinels: [...nodes], name: primaryName as string, sentinelCommandTimeout: connectTimeoutMs },
    ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  });
  redis.on('sentinelError', (error: Error) => {
    // Send the password only when a sentinel asks for it: a sentinel without users refuses every password.
    if (error.message.includes('NOAUTH') && password !== undefined)
      Object.assign(redis.options, { sentinelUsername: username, sentinelPassword: password });
  });
  return redis;
}

/** Connects to the Redis of a valid `REDIS_URL`, and reconnects without end. Settles after two seconds at most, connected or not. */
export async function connectRedis(url: Secret, log: Log, prefix: string): Promise<SharedMemory> {
  const address = parseRedisAddress(url.reveal());
  if (!address) throw new Error('not an address of Redis');
  const redis = await createRedisClient(address);
  const health = new RedisHealth(log);
  const started = new AbortController();
  let lastError: unknown;
  let hasInfo = false;
  let probeCount = 0;
  let underWay: Promise<void> | undefined;

  async function tryAll(mayReconnect: boolean): Promise<void> {
    if (redis.status !== 'ready') return;
    try {
      probeCount += 1;
      const expected = String(probeCount);
      const wantsInfo = !hasInfo;
      const answer = await probe(redis, [`${prefix}:probe`], [probeKeptMs, expected, wantsInfo ? 1 : 0]);
      const [echo, info] = String(answer).split('|', 2);
      if (echo !== expected) throw new Error('it does not answer like Redis');
      lastError = undefined;
      health.succeed();
      hasInfo = true;
      if (wantsInfo) health.advise(info);
      if (health.isUp) started.abort();
    } catch (error) {
      const { isRefusal, needsNewConnection } = faultOf(error);
      health.fail(error);
      if (isRefusal) started.abort();
      if (mayReconnect && needsNewConnection && redis.status === 'ready') redis.disconnect(true);
    }
  }

  /** Probes Redis, unless a probe is under way. */
  function probeOnce(mayReconnect = false): Promise<void> {
    underWay ??= tryAll(mayReconnect).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  redis.on('ready', () => {
    hasInfo = false;
    // Without a reconnect: that bounds how often this server connects to a Redis that refuses.
    void probeOnce();
  });
  redis.on('close', () => {
    if (health.isUp) health.fail(lastError ?? new Error('the connection was closed'));
  });
  const noteError = (error: unknown) => {
    lastError = error;
    if (!health.isUp) health.fail(error);
    // Without SELECT it would use another database.
    if ((error as { command?: { name?: string } })?.command?.name === 'select') redis.disconnect(true);
  };
  redis.on('error', noteError);
  redis.on('sentinelError', noteError);
  const timer = setInterval(() => void probeOnce(true), probeMs).unref();

  async function answerTo<Result>(question: (redis: RedisClient) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await question(redis);
    } catch (error) {
      const { kind } = faultOf(error);
      if (kind === 'silence') health.fail(error);
      // It may be only about this command.
      else
        void probeOnce().then(() => {
          // ioredis' errors have no class.
          if (health.isUp && (kind !== 'connection' || error instanceof TypeError)) health.complain(error);
        });
      return undefined;
    }
  }

  async function ask<Result>(
    question: (redis: RedisClient) => Promise<Result>,
    deadlineAt = Number.POSITIVE_INFINITY,
  ): Promise<Result | undefined> {
    if (!health.isUp) return undefined;
    const answer = answerTo(question);
    if (deadlineAt === Number.POSITIVE_INFINITY) return answer;
    // The command is executed in any case.
    const answered = new AbortController();
    const late = sleep(Math.max(0, deadlineAt - performance.now()), undefined, { signal: answered.signal });
    return Promise.race([answer, late]).finally(() => answered.abort());
  }

  await once(started.signal, 'abort', { signal: AbortSignal.timeout(startTimeoutMs) }).catch(() => {});
  health.endStart(lastError ?? new Error('there was no answer yet'));

  return {
    ...{ keyPrefix: prefix, ask },
    get isReachable() {
      return health.isUp;
    },
    get backSince() {
      return health.backSince;
    },
    get isClosed() {
      return health.isClosed;
    },
    async close() {
      health.close();
      clearInterval(timer);
      redis.disconnect();
    },
  };
}

/** Defines a script, which Redis executes atomically. ioredis sends its text once a connection, and its digest from then on. */
export function script<Answer>(lua: string) {
  return (redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<Answer> => {
    // ioredis makes a method of it. Its name is never sent, and the text is unique.
    if (!(lua in redis)) redis.defineCommand(lua, { lua });
    // The types do not know the method.
    const commands = redis as unknown as Readonly<Record<string, (...args: unknown[]) => Promise<Answer>>>;
    return commands[lua]?.(keys.length, ...keys, ...args) ?? Promise.reject(new Error('no such script'));
  };
}
