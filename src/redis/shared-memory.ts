import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseRedisAddress } from '../config/redis-address.ts';
import type { Secret } from '../config/secret.ts';
import { defaults } from '../config/settings.ts';
import type { Log } from '../log/log.ts';
import type { RedisClient } from './client.ts';
import { faultOf, RedisHealth } from './health.ts';

/** How often Redis is probed, in milliseconds. */
const probeMs = 1_000;

/** When the probe's key expires, in milliseconds. */
const probeKeptMs = 10_000;

/** How long a start waits for Redis, in milliseconds. After that, Redis is used once it is reached. */
const startTimeoutMs = 2_000;

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
  close(): Promise<void>;
}

/**
 * Does what any command needs: EVAL, TIME, a write that expires. ARGV: its expiry; the text to return, another each time, so that it is not
 * mistaken for another answer; and 1 to add INFO's memory and persistence, if allowed.
 */
const probe = script<string>(
  'probe',
  `redis.call('SET', KEYS[1], redis.call('TIME')[1], 'PX', ARGV[1])
if ARGV[3] ~= '1' then return ARGV[2] end
local memory, persistence = redis.pcall('INFO', 'memory'), redis.pcall('INFO', 'persistence')
if type(memory) ~= 'string' or type(persistence) ~= 'string' then return ARGV[2] end
return ARGV[2] .. '|' .. memory .. persistence`,
);

/**
 * Connects to Redis, and reconnects without end. Settles after two seconds at most, connected or not.
 * @param url a valid `REDIS_URL`.
 */
export async function connectRedis(
  url: Secret,
  log: Log,
  prefix: string = defaults.REDIS_PREFIX,
): Promise<SharedMemory> {
  // Loaded here: most servers have no Redis, and should start without this delay.
  const { createRedisClient } = await import('./client.ts');
  const address = parseRedisAddress(url.reveal());
  if (!address) throw new Error('not an address of Redis');
  const redis = createRedisClient(address);
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
    async close() {
      health.close();
      clearInterval(timer);
      redis.disconnect();
    },
  };
}

/**
 * Defines a script, which Redis executes atomically.
 * @param name unique for each script. ioredis sends the text once, and its digest from then on.
 */
export function script<Answer>(name: string, lua: string) {
  return (redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<Answer> => {
    if (!(name in redis)) redis.defineCommand(name, { lua });
    // The types do not know the command that defineCommand has added.
    const commands = redis as unknown as Readonly<Record<string, (...args: unknown[]) => Promise<Answer>>>;
    return commands[name]?.(keys.length, ...keys, ...args) ?? Promise.reject(new Error(`no script ${name}`));
  };
}
