import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisOptions } from 'ioredis';
import { defaultKeyPrefix, parseRedisAddress } from '../config/redis-address.ts';
import type { Secret } from '../config/secret.ts';
import type { Log } from '../log/log.ts';
import type { RedisClient } from './client.ts';
import { faultOf, RedisHealth } from './health.ts';

/** How long an answer is waited for: whoever asks has somebody waiting, and can go on without. */
const commandTimeoutMs = 1_000;

/** How often it is tried whether Redis does what is needed. */
const probeMs = 1_000;

/** How long what the probe writes is kept. */
const probeKeptMs = 10_000;

/** How long a start waits for Redis. Later it comes by itself. */
const startTimeoutMs = 2_000;

/** Redis, which may be gone or refuse at any moment. */
export interface SharedMemory {
  /** What every key of ours begins with: all lie in one hash slot, so that a script may name any of them in a cluster. */
  readonly keyPrefix: string;
  /**
   * Asks Redis. Never rejects: undefined when there is no answer within a second (two, when a script is new to Redis) or by the
   * given moment, or Redis refuses. The question may have been carried out all the same. What a question cannot find must be null.
   * @param deadlineAt a moment by `performance.now()`. An answer that comes later is no fault of Redis'.
   */
  ask<Result>(question: (redis: RedisClient) => Promise<Result>, deadlineAt?: number): Promise<Result | undefined>;
  /** True when the last write was done. */
  readonly isReachable: boolean;
  /** The moment (by `performance.now()`) when it was reached again after it had not been; undefined when that never was. */
  readonly backSince: number | undefined;
  close(): Promise<void>;
}

/**
 * What cannot be asked now is not asked later either. Not with ioredis' automatic pipelines: they throw where nobody can
 * catch it (github.com/redis/ioredis/issues/1931).
 */
const failFast = {
  commandTimeout: commandTimeoutMs,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
} satisfies RedisOptions;

/**
 * Does all that any question needs: EVAL, TIME, a write that ends by itself. ARGV: how long that is kept, what to answer (each time another, or it
 * may be the answer to something else), and 1 to add what INFO says of memory and persistence, where that is allowed.
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
 * Connects to Redis, and goes on trying. Settles at the latest after two seconds, connected or not.
 * @param url one that `REDIS_URL` may be.
 */
export async function connectRedis(url: Secret, log: Log, prefix: string = defaultKeyPrefix): Promise<SharedMemory> {
  // Here, and no sooner: most servers have no Redis, and should not start later for it.
  const { createRedisClient } = await import('./client.ts');
  const address = parseRedisAddress(url.reveal());
  if (!address) throw new Error('not an address of Redis');
  const redis = createRedisClient(address, failFast);
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
      if (echo !== expected) throw new Error('its answers are not those of Redis');
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

  /** Tries whether Redis does what is needed. What has begun is not begun again. */
  function look(mayReconnect = false): Promise<void> {
    underWay ??= tryAll(mayReconnect).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  redis.on('ready', () => {
    hasInfo = false;
    // That it does not reconnect is what bounds how often a server is connected to that refuses.
    void look();
  });
  redis.on('close', () => {
    if (health.isUp) health.fail(lastError ?? new Error('the connection was closed'));
  });
  const noteError = (error: unknown) => {
    lastError = error;
    if (!health.isUp) health.fail(error);
    // Without its database it would use another's.
    if ((error as { command?: { name?: string } })?.command?.name === 'select') redis.disconnect(true);
  };
  redis.on('error', noteError);
  redis.on('sentinelError', noteError);
  const timer = setInterval(() => void look(true), probeMs).unref();

  async function answerTo<Result>(question: (redis: RedisClient) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await question(redis);
    } catch (error) {
      const { kind } = faultOf(error);
      if (kind === 'silence') health.fail(error);
      // It may be about this question alone.
      else
        void look().then(() => {
          // ioredis' own errors are plain ones.
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
    // What was asked is carried out all the same.
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
 * A script that Redis carries out in one step, with nothing of anybody else's in between.
 * @param name one for each script; ioredis sends the text once and the name's digest from then on.
 */
export function script<Answer>(name: string, lua: string) {
  return (redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<Answer> => {
    if (!(name in redis)) redis.defineCommand(name, { lua });
    // What defineCommand has just added, no type knows.
    const commands = redis as unknown as Readonly<Record<string, (...args: unknown[]) => Promise<Answer>>>;
    return commands[name]?.(keys.length, ...keys, ...args) ?? Promise.reject(new Error(`no script ${name}`));
  };
}
