import { once } from 'node:events';
import type { Redis, RedisOptions } from 'ioredis';
import type { Log } from './log.ts';
import type { Secret } from './secret.ts';

/** What every key of ours begins with, so that a Redis can be shared with others. */
export const keyPrefix = 'engagements';

/** How long an answer is waited for: whoever asks has somebody waiting, and can go on without. */
const commandTimeoutMs = 1_000;

/** How long nobody asks a Redis that did not answer: then one tries. */
const pauseMs = 1_000;

/** How long a start waits for Redis. Later it comes by itself. */
const connectTimeoutMs = 2_000;

/** How long between attempts to connect again, at most. */
const maxReconnectMs = 1_000;

/** Redis, which may be gone at any moment. */
export interface SharedMemory {
  /** What every key of ours begins with: all lie in one hash slot, so that a script may name any of them in a cluster. */
  readonly keyPrefix: string;
  /**
   * Asks Redis. Undefined when there is no answer within a second: the question may have been carried out all the same.
   * What a question cannot find must be null.
   * @throws when Redis does not understand the question.
   */
  ask<Result>(question: (redis: Redis) => Promise<Result>): Promise<Result | undefined>;
  /** True when the last that was heard of Redis was good. */
  readonly isReachable: boolean;
  /** The moment (by `performance.now()`) when it was reached again after it had not been; undefined when that never was. */
  readonly backSince: number | undefined;
  /** A connection of its own, for a library that looks after it. Its commands wait until Redis is back. */
  connect(): Redis;
  close(): Promise<void>;
}

/** What another library's connection is made with; BullMQ asks for it. */
const patient = { maxRetriesPerRequest: null, enableReadyCheck: false } satisfies RedisOptions;
/**
 * Ours: what cannot be asked now is not asked later either. Not with ioredis' automatic pipelines: they throw where nobody can
 * catch it (github.com/redis/ioredis/issues/1931).
 */
const impatient = {
  commandTimeout: commandTimeoutMs,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
} satisfies RedisOptions;

/** What a Redis answers that cannot be used for now. Any other complaint is about the question, and a fault of ours. */
const outages = /^(LOADING|READONLY|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|BUSY|CLUSTERDOWN|NOREPLICAS)\b/;

function isOutage(error: unknown): boolean {
  return !(error instanceof Error) || error.name !== 'ReplyError' || outages.test(error.message);
}

/** The error without the command that it is about, which ioredis adds: that has records, tokens and passwords in it. */
export function withoutCommand(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'unknown');
}

/** Connects to Redis, and goes on trying. Settles at the latest after two seconds, connected or not. */
export async function connectRedis(url: Secret, log: Log): Promise<SharedMemory> {
  // Here, and no sooner: most servers have no Redis, and should not start later for it.
  const { Redis } = await import('ioredis');
  const options = { retryStrategy: (times: number) => Math.min(times * 50, maxReconnectMs) };
  const redis = new Redis(url.reveal(), { ...options, ...impatient });
  /** While it is defined, Redis is not asked, except for one probe at that moment (by `performance.now()`). */
  let probeAt: number | undefined;
  let isReachable = false;
  let wasGone = false;
  let backSince: number | undefined;
  let isClosing = false;

  let lastError: unknown;

  function note(isUp: boolean, error: unknown = lastError): void {
    if (isUp === isReachable || isClosing) return;
    isReachable = isUp;
    if (isUp && wasGone) backSince = performance.now();
    wasGone ||= !isUp;
    if (isUp) log.info('Redis is there: limits and repeated deletes are shared');
    else
      log.warn(
        { reason: withoutCommand(error).message },
        'Redis is gone: this replica keeps its own share of the limits until it is back',
      );
  }

  redis.on('ready', () => {
    probeAt = undefined;
    note(true);
  });
  redis.on('close', () => note(false));
  // Each failure to connect again; the first loss has been told.
  redis.on('error', (error) => {
    lastError = error;
  });

  async function ask<Result>(question: (redis: Redis) => Promise<Result>): Promise<Result | undefined> {
    if (redis.status !== 'ready') return undefined;
    if (probeAt !== undefined) {
      if (performance.now() < probeAt) return undefined;
      probeAt = performance.now() + pauseMs;
    }
    try {
      const answer = await question(redis);
      probeAt = undefined;
      note(redis.status === 'ready');
      return answer;
    } catch (error) {
      if (!isOutage(error)) throw withoutCommand(error);
      probeAt = performance.now() + pauseMs;
      note(false, error);
      return undefined;
    }
  }

  const probe = setInterval(() => {
    if (!isReachable) ask(() => redis.ping()).catch(() => {});
  }, pauseMs).unref();

  await once(redis, 'ready', { signal: AbortSignal.timeout(connectTimeoutMs) }).catch(() => {
    wasGone = true;
    log.warn(
      { reason: withoutCommand(lastError).message },
      'Redis cannot be reached: this replica keeps its own share of the limits until it can',
    );
  });

  return {
    keyPrefix: '{engagements}',
    ask,
    get isReachable() {
      return isReachable;
    },
    get backSince() {
      return backSince;
    },
    connect() {
      const connection = new Redis(url.reveal(), { ...options, ...patient });
      connection.on('error', () => {});
      return connection;
    },
    async close() {
      isClosing = true;
      clearInterval(probe);
      redis.disconnect();
    },
  };
}

/**
 * A script that Redis carries out in one step, with nothing of anybody else's in between.
 * @param name one for each script; ioredis sends the text once and the name's digest from then on.
 */
export function script<Answer>(name: string, lua: string) {
  return (redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<Answer> => {
    if (!(name in redis)) redis.defineCommand(name, { lua });
    // What defineCommand has just added, no type knows.
    const commands = redis as unknown as Readonly<Record<string, (...args: unknown[]) => Promise<Answer>>>;
    return commands[name]?.(keys.length, ...keys, ...args) ?? Promise.reject(new Error(`no script ${name}`));
  };
}
