import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Config } from '../config/config.ts';
import type { Secret } from '../config/secret.ts';
import { withoutFinalSlash } from '../config/settings.ts';
import { createAccountLookup } from '../engagement/account.ts';
import { createConfirmations } from '../engagement/delete/confirmation.ts';
import { type Drift, onDrift } from '../engagement/drift.ts';
import { createKnownDeletes } from '../engagement/known-deletes.ts';
import { isTokenRefusal } from '../engagement/refusal.ts';
import { createRequestMemory, createSharedRequests } from '../engagement/request-memory.ts';
import { createReadLimit } from '../graphql/core/record-loaders.ts';
import { readTrustedDocuments } from '../graphql/documents.ts';
import { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import { createSchema } from '../graphql/schema.ts';
import { withoutSecret } from '../log/foreign-text.ts';
import type { Log } from '../log/log.ts';
import { connectRedis } from '../redis/shared-memory.ts';
import type { Send } from '../upstream/attempt.ts';
import { documentedLimits, shareOf } from '../upstream/lanes.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';
import { createSharedBudget } from '../upstream/rate-budget.ts';
import { openUpstream } from '../upstream/send.ts';
import { findMeter } from '../upstream/trace.ts';
import { createAuthenticator } from './callers/authenticate.ts';
import { createListener } from './connections/listener.ts';
import type { LoadLimits } from './connections/overload.ts';
import { createDirectDelete, createDirectRestore, type DirectDelete, type DirectRestore } from './direct.ts';
import { createFrontDoor } from './front-door.ts';
import { createMetrics, type Metrics, serveMetrics } from './metrics.ts';
import { createHostContext, createMount, type HostRequest } from './mount.ts';
import { createReceiveEvent, type EventAnswer, type ReceivedEvent } from './webhooks.ts';
import { createGraphQLHandler } from './yoga.ts';

/** How much longer than an operation a connection may be silent in both directions, in milliseconds. */
const quietMarginMs = 60_000;

/** The longest interval between two checks of a subscriber's token at upstream; shorter with a short `REQUEST_TIMEOUT_MS`. */
const maxConfirmIntervalMs = 30_000;
const timeoutsPerConfirm = 3;

/** When a drain ends unread answers, counted from the end of streamed bodies, in milliseconds. */
const lastPartMs = 1_000;

interface FacadeOptions {
  readonly config: Config;
  readonly log: Log;
  /** Tests set it. @default the configured one */
  readonly upstream?: URL;
  /** The server's own token, which no answer shows. @default that of `service` mode */
  readonly ownToken?: Secret | undefined;
  /** When requests are refused. Tests set it. */
  readonly loadLimits?: LoadLimits;
  /** The schema of the configuration, if it exists already. Tests share one, because making it takes 10 ms. */
  readonly schema?: GraphQLSchema;
}

/** The most differences from Truto's documentation that are logged. The metric counts all. */
const maxLoggedDrifts = 200;

/** Counts each difference from Truto's documentation, and logs each name once. Many integrations lack some field: that is only counted. */
function reportDrift(log: Log, metrics: Metrics): (drift: Drift) => void {
  const logged = new Set<string>();
  return (drift) => {
    metrics.countDrift(drift);
    const { kind, resource } = drift;
    if (kind === 'missing_key') return;
    for (const name of drift.names) {
      const known = `${kind} ${resource} ${name}`;
      if (logged.has(known) || logged.size >= maxLoggedDrifts) continue;
      logged.add(known);
      log.info({ kind, resource, name }, 'Truto differs from its documentation');
    }
  };
}

/** Sends, and logs when Truto refuses `TRUTO_API_TOKEN`, and when it accepts it again: callers cannot fix that. */
function watchToken(send: Send, log: Log): Send {
  let isRefused = false;
  return async (request, options) => {
    const sent = await send(request, options);
    const { attempt } = sent;
    if (attempt.kind !== 'answer') return sent;
    const isRefusal = isTokenRefusal(attempt);
    if (isRefusal && !isRefused) log.warn('Truto refuses TRUTO_API_TOKEN: set a valid one');
    if (isRefused && attempt.statusCode < 300) log.info('Truto accepts TRUTO_API_TOKEN again');
    isRefused = isRefusal || (isRefused && attempt.statusCode >= 300);
    return sent;
  };
}

/**
 * Opens everything but the port for callers, also the embedded sandbox: a facade that can answer, and does not listen yet.
 * @throws {ConfigError} when a trusted document is not valid, the undo store cannot be written, or OpenTelemetry's SDK is not installed.
 * @throws when metrics cannot be served on their port.
 */
export async function openFacade({ config, log, upstream, ownToken, loadLimits, schema: made }: FacadeOptions) {
  for (const warning of config.warnings) log.warn(warning);
  const { subgraph: dialect, typePrefix, additionalFields, auth } = config;
  const { host, port, proxy, requestTimeoutMs, maxUpstreamBytes, keepsRateLimits, shared, trustedDocuments } = config;
  const provesCallers = auth.mode === 'service';
  const schema = made ?? createSchema({ dialect, typePrefix, provesCallers, additionalFields });
  const trusted = trustedDocuments && readTrustedDocuments(trustedDocuments.path, schema);
  // Before any connection is opened, since it would have to be closed.
  if (shared?.undoStore) await (await import('../bulk/undo-store.ts')).checkUndoStore(shared.undoStore, log, proxy);
  const telemetry = config.otlpEndpoint && (await (await import('./telemetry.ts')).startTelemetry(config.otlpEndpoint));
  const startEmbedded = async () => (await import('../sandbox/server.ts')).startSandbox(config.sandbox);
  const starting = !upstream && config.upstream === 'sandbox' ? startEmbedded() : undefined;
  const sandbox = await starting?.catch(async (error) => {
    await telemetry?.close();
    throw error;
  });
  // From here on, only the port for metrics can fail. Then `free` closes what is open.
  const upstreamUrl = upstream ?? new URL(sandbox?.url ?? config.upstream);
  const limits = keepsRateLimits ? documentedLimits : undefined;
  const sharedMemory = shared && (await connectRedis(shared.redisUrl, log, shared.keyPrefix));
  const metrics = createMetrics(sharedMemory, () => listener.inFlight + mount.inFlight, findMeter());
  const token = auth.mode === 'service' ? auth.apiToken : ownToken;
  const connection = openUpstream({
    baseUrl: upstreamUrl,
    proxy,
    maxUpstreamBytes,
    requestTimeoutMs,
    limits: limits && shareOf(limits, shared?.replicas ?? 1),
    sharedBudget: sharedMemory && createSharedBudget(sharedMemory, limits),
    onAttempt: metrics.countAttempt,
    redact: token && withoutSecret(token),
  });
  const stopDrift = onDrift(reportDrift(log, metrics));
  const knownDeletes = createKnownDeletes(sharedMemory);
  const send = auth.mode === 'service' ? watchToken(connection.send, log) : connection.send;
  const parts = {
    send,
    findAccountIntegration: createAccountLookup(send, requestTimeoutMs),
    confirmations: createConfirmations(config.confirmation),
    knownDeletes,
  };
  // Loaded when needed: most servers have no Redis.
  const bulk =
    sharedMemory &&
    (await import('./bulk.ts')).startBulk({ ...parts, config, shared, memory: sharedMemory, log, metrics });
  const draining = new AbortController();
  const options = {
    config,
    log,
    authenticate: createAuthenticator(auth, { log, metrics, requestTimeoutMs, fetch: createOutboundFetch(proxy) }),
    ports: {
      ...parts,
      limitReads: createReadLimit(),
      requestMemory: createRequestMemory(sharedMemory && createSharedRequests(sharedMemory, requestTimeoutMs)),
      bulkDeletes: bulk?.bulkDeletes,
      deletedEvents: config.webhookSecrets && knownDeletes,
      confirmIntervalMs: Math.min(maxConfirmIntervalMs, timeoutsPerConfirm * requestTimeoutMs),
      draining: draining.signal,
    },
    upstreamUrl: withoutFinalSlash(upstreamUrl),
    metrics,
  };
  const operations = new PreparedOperations(schema);
  const yoga = createGraphQLHandler(schema, operations, metrics, trusted, options);
  const receiveEvent =
    config.webhookSecrets &&
    createReceiveEvent({ ...options.ports, secrets: config.webhookSecrets, shared: sharedMemory, log, metrics });
  const frontDoor = createFrontDoor(yoga, operations, trusted, options, receiveEvent);
  const quietTimeoutMs = requestTimeoutMs + quietMarginMs;
  const listener = createListener(frontDoor, { ...config, quietTimeoutMs, loadLimits, onAnswer: metrics.countRequest });

  const mount = createMount(yoga, options, loadLimits);

  let scrapes: Awaited<ReturnType<typeof serveMetrics>> | undefined;
  async function free(): Promise<void> {
    stopDrift();
    await yoga.dispose();
    await bulk?.close();
    // Deletes whose callers disconnected are finished and logged first.
    await connection.close();
    await sandbox?.close();
    await sharedMemory?.close();
    await scrapes?.close();
    await nextTurn();
    await telemetry?.close();
  }

  try {
    if (config.metrics) scrapes = await serveMetrics(metrics, config.metrics);
  } catch (error) {
    // A program that continues without this server must not run bulk deletes.
    await free();
    throw error;
  }

  const deleteDirectly = createDirectDelete(schema, options);
  const restoreDirectly = createDirectRestore(options);
  return {
    /** Answers the requests of a host's own server. */
    mount,
    /** Makes the context of an operation that another executor runs. */
    createContext: (request: HostRequest) => createHostContext(request, options),
    /** Deletes without GraphQL. */
    deleteEngagement: (asked: DirectDelete) => mount.run(() => deleteDirectly(asked)),
    /** Restores one engagement from its line of an undo file. */
    restoreEngagement: (asked: DirectRestore) => mount.run(() => restoreDirectly(asked)),
    /** Receives an event of Truto's. @throws without `TRUTO_WEBHOOK_SECRETS`. */
    async receiveEvent(event: ReceivedEvent): Promise<EventAnswer> {
      if (!receiveEvent) throw new Error('Events need TRUTO_WEBHOOK_SECRETS.');
      return mount.run(() => receiveEvent(event));
    },
    upstreamUrl,
    /** The address for scrapes, without a path; undefined without one. */
    metricsUrl: scrapes?.url,
    /** Starts to listen. @returns the address without a path. @throws when it cannot, such as `EADDRINUSE`. Close it then. */
    listen: (): Promise<string> => listener.listen(host, port),
    /**
     * Drains: accepts nothing new, answers requests in flight, ends streamed bodies after an operation's time, then closes
     * upstream's connections.
     * @param noticeMs how long it answers 503 at most, while clients are connected. @default 0
     */
    async close(noticeMs?: number): Promise<void> {
      draining.abort();
      const lastCall = setTimeout(connection.endStreams, requestTimeoutMs);
      await Promise.all([mount.drain(requestTimeoutMs + lastPartMs), listener.drain(noticeMs)]);
      clearTimeout(lastCall);
      await free();
    },
  };
}

/** A facade that can answer, and does not listen yet. */
export type OpenFacade = Awaited<ReturnType<typeof openFacade>>;
