import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-address.ts';

/** ioredis' options, without one whose type differs between its clients. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** How long to wait for an answer, in milliseconds: a caller is waiting, and can continue without it. */
const commandTimeoutMs = 1_000;

/** A command that cannot be sent now is not sent later. */
const enableOfflineQueue = false;

/** A connection to a Redis, or to a cluster. */
export type RedisClient = Redis | Cluster;

/** The longest wait between attempts to reconnect, in milliseconds. */
const maxReconnectMs = 1_000;

/** How long one attempt to connect may take, in milliseconds. */
const connectTimeoutMs = 2_000;

/** How long a silent server may take to close a connection, in milliseconds. */
const disconnectTimeoutMs = 500;

const retryDelayMs = (times: number) => Math.min(times * 50, maxReconnectMs);

function createCluster({ nodes }: RedisAddress, redisOptions: ClientOptions): Cluster {
  const cluster = new Cluster([...nodes], {
    redisOptions,
    enableOfflineQueue,
    // It needs CLUSTER INFO, which the user may not be allowed. Our probe says more.
    enableReadyCheck: false,
    clusterRetryStrategy: retryDelayMs,
    // Certificates are for names: connecting to a resolved address would be refused.
    dnsLookup: (host, callback) => callback(null, host),
    // No automatic retries: a command may have been executed.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
  });
  // While a slot moves, ioredis sends ASKING, and does not handle its errors.
  cluster.on('+node', (node: Redis) => {
    const asking = node.asking.bind(node) as () => Promise<'OK'>;
    Object.assign(node, {
      asking() {
        const asked = asking();
        asked.catch(() => {});
        return asked;
      },
    });
  });
  return cluster;
}

function createSentinelClient(address: RedisAddress, options: ClientOptions): Redis {
  const { nodes, isTls, primaryName, username, password } = address;
  const redis = new Redis({
    ...options,
    sentinels: [...nodes],
    name: primaryName as string,
    sentinelCommandTimeout: connectTimeoutMs,
    ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  });
  redis.on('sentinelError', (error: Error) => {
    // Send the password only when a sentinel asks for it: a sentinel without users refuses every password.
    if (error.message.includes('NOAUTH') && password !== undefined)
      Object.assign(redis.options, { sentinelUsername: username, sentinelPassword: password });
  });
  return redis;
}

/**
 * Connects, and reconnects without end. By itself it sends no commands, except to find the primary through sentinels or a cluster: the
 * probe shows what the user may do. It has no automatic pipelines: they throw where it cannot be caught
 * (github.com/redis/ioredis/issues/1931).
 */
export function createRedisClient(address: RedisAddress): RedisClient {
  const { kind, nodes, isTls, username, password, database } = address;
  const options: ClientOptions = {
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    // It needs INFO, which the user may not be allowed.
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: retryDelayMs,
    db: database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
  };
  if (kind === 'cluster') return createCluster(address, options);
  if (kind === 'sentinel') return createSentinelClient(address, options);
  return new Redis({ ...options, ...nodes[0] });
}
