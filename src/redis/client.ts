import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-address.ts';

/** ioredis' options, without the one whose type is not as its others. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** A connection to one Redis, by whatever address, or to a cluster of them. */
export type RedisClient = Redis | Cluster;

/** How long between attempts to connect again, at most. */
const maxReconnectMs = 1_000;

/** How long one attempt to connect may take. */
const connectTimeoutMs = 2_000;

/** How long a server that does not answer may take to close a connection. */
const disconnectTimeoutMs = 500;

const retryDelayMs = (times: number) => Math.min(times * 50, maxReconnectMs);

function createCluster({ nodes }: RedisAddress, redisOptions: ClientOptions, enableOfflineQueue: boolean): Cluster {
  const cluster = new Cluster([...nodes], {
    redisOptions,
    enableOfflineQueue,
    // It asks for CLUSTER INFO, which a user may not be allowed; a probe says more.
    enableReadyCheck: false,
    clusterRetryStrategy: retryDelayMs,
    // Certificates are for names: an address in their place is refused.
    dnsLookup: (host, callback) => callback(null, host),
    // Never sent again by itself: whether it was carried out is not known.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
  });
  // While a slot moves, ioredis sends ASKING and looks at no error of it.
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
    // One that asks for a password gets it. Not at once: one that knows no users refuses every one.
    if (error.message.includes('NOAUTH') && password !== undefined)
      Object.assign(redis.options, { sentinelUsername: username, sentinelPassword: password });
  });
  return redis;
}

/**
 * Connects, and goes on trying. It asks nothing by itself but, of sentinels and clusters, where the primary is: what a user may do
 * shows in a probe.
 */
export function createRedisClient(address: RedisAddress, own: ClientOptions): RedisClient {
  const { kind, nodes, isTls, username, password, database } = address;
  const options: ClientOptions = {
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    // It asks for INFO, which a user may not be allowed.
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: retryDelayMs,
    db: database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: {} }),
    ...own,
  };
  if (kind === 'cluster') return createCluster(address, options, own.enableOfflineQueue ?? true);
  if (kind === 'sentinel') return createSentinelClient(address, options);
  return new Redis({ ...options, ...nodes[0] });
}
