import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { createAccountLookup } from '../engagement/account.ts';
import { createDeleteMemory } from '../engagement/delete/delete-memory.ts';
import { createSharedDeletes } from '../engagement/delete/shared-deletes.ts';
import { createReadLimit } from '../graphql/core/record-loaders.ts';
import { readTrustedDocuments } from '../graphql/documents.ts';
import { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import { createSchema } from '../graphql/schema.ts';
import type { Log } from '../log/log.ts';
import { connectRedis } from '../redis/shared-memory.ts';
import { documentedLimits, shareOf } from '../upstream/lanes.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';
import { openUpstream } from '../upstream/send.ts';
import { createSharedBudget } from '../upstream/shared-budget.ts';
import { createAuthenticator } from './callers/authenticate.ts';
import { createListener } from './connections/listener.ts';
import type { LoadLimits } from './connections/overload.ts';
import { createFrontDoor } from './front-door.ts';
import { createMetrics, type ScrapeServer, serveMetrics } from './metrics.ts';
import { createGraphQLHandler } from './yoga.ts';

/** How much longer than an operation a connection may be silent in both directions, in milliseconds. */
const quietMarginMs = 60_000;

/** The parts that the facade is started with. */
export interface FacadeOptions {
  readonly config: Config;
  readonly log: Log;
  /** The configured address of upstream, or the embedded sandbox's. */
  readonly upstream: URL;
  /** The embedded sandbox's token, for the mode in which callers need none. */
  readonly openToken: string;
  /** When requests are refused. Tests set it. */
  readonly loadLimits?: LoadLimits;
}

/** The running facade. */
export interface Facade {
  /** The address at which it listens, without a path. */
  readonly url: string;
  /** The address for scrapes, without a path; undefined without one. */
  readonly metricsUrl: string | undefined;
  /**
   * Drains: accepts nothing new, answers requests in flight, ends streamed bodies after an operation's time, then closes
   * upstream's connections.
   * @param noticeMs how long it answers 503 at most, while clients are connected. @default 0
   */
  close(noticeMs?: number): Promise<void>;
}

/**
 * Starts the facade.
 * @throws {ConfigError} when a trusted document is not valid, or the undo store cannot be written.
 * @throws when it cannot listen, such as `EADDRINUSE`.
 */
export async function startFacade({ config, log, upstream, openToken, loadLimits }: FacadeOptions): Promise<Facade> {
  for (const warning of config.warnings) log.warn(warning);
  const { subgraph: dialect, typePrefix, auth } = config;
  const { host, port, proxy, requestTimeoutMs, maxUpstreamBytes, keepsRateLimits, shared, trustedDocuments } = config;
  const schema = createSchema({ dialect, typePrefix, provesCallers: auth.mode === 'service' });
  const trusted = trustedDocuments && readTrustedDocuments(trustedDocuments.path, schema);
  // Before any connection is opened, since it would have to be closed.
  if (shared?.undoStore) await (await import('../bulk/undo-store.ts')).checkUndoStore(shared.undoStore, log, proxy);
  const limits = keepsRateLimits ? documentedLimits : undefined;
  const sharedMemory = shared && (await connectRedis(shared.redisUrl, log, shared.keyPrefix));
  const metrics = createMetrics({ sharedMemory, inFlight: () => listener.inFlight });
  const connection = openUpstream({
    baseUrl: upstream,
    proxy,
    maxUpstreamBytes,
    requestTimeoutMs,
    limits: limits && shareOf(limits, shared?.replicas ?? 1),
    sharedBudget: sharedMemory && createSharedBudget(sharedMemory, limits),
    onAttempt: metrics.countAttempt,
  });
  const { send } = connection;
  const findAccountIntegration = createAccountLookup(send, requestTimeoutMs);
  const bulkParts = { config, send, findAccountIntegration, openToken, log, metrics };
  // Loaded when needed: most servers have no Redis.
  const bulk =
    shared && sharedMemory && (await import('./bulk.ts')).startBulk({ ...bulkParts, shared, memory: sharedMemory });
  const draining = new AbortController();
  const options = {
    config,
    log,
    authenticate: createAuthenticator(config.auth, openToken, {
      ...{ log, metrics, requestTimeoutMs },
      fetch: createOutboundFetch(proxy),
    }),
    ports: {
      send,
      findAccountIntegration,
      limitReads: createReadLimit(),
      deleteMemory: createDeleteMemory(sharedMemory && createSharedDeletes(sharedMemory, requestTimeoutMs)),
      bulkDeletes: bulk?.bulkDeletes,
      draining: draining.signal,
    },
    upstreamUrl: upstream.href.replace(/\/$/, ''),
    metrics,
  };
  const operations = new PreparedOperations(schema);
  const yoga = createGraphQLHandler(schema, operations, metrics, trusted, options);
  const listener = createListener(createFrontDoor(yoga, operations, trusted, options), {
    quietTimeoutMs: requestTimeoutMs + quietMarginMs,
    keepAliveTimeoutMs: config.keepAliveTimeoutMs,
    trustedProxies: config.trustedProxies,
    loadLimits,
    onAnswer: metrics.countRequest,
  });

  let scrapes: ScrapeServer | undefined;
  async function free(): Promise<void> {
    await yoga.dispose();
    await bulk?.close();
    // Deletes whose callers disconnected are finished and logged first.
    await connection.close();
    await sharedMemory?.close();
    await scrapes?.close();
    await nextTurn();
  }

  async function listen(): Promise<string> {
    if (config.metrics) scrapes = await serveMetrics(metrics, config.metrics);
    return listener.listen(host, port);
  }

  const url = await listen().catch(async (error) => {
    // A program that continues without this server must not run bulk deletes.
    await free();
    throw error;
  });

  async function close(noticeMs?: number): Promise<void> {
    draining.abort();
    const lastCall = setTimeout(connection.endStreams, requestTimeoutMs);
    await listener.drain(noticeMs);
    clearTimeout(lastCall);
    await free();
  }

  return { url, metricsUrl: scrapes?.url, close };
}
