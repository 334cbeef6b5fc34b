import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { type Config, type PlainSettings, parseSettings } from './config/config.ts';
import { createSchema, type EngagementSchemaOptions, printedSchema } from './graphql/schema.ts';
import type { DirectDelete, DirectDeleteResult } from './http/direct.ts';
import type { HostRequest, Mount } from './http/mount.ts';
import type { EventAnswer, ReceivedEvent } from './http/webhooks.ts';

/**
 * Takes the log's lines: JSON, one a call, each with its line end. A line is lost when it throws, and nothing else: a process warning
 * `ENGAGEMENTS_LOG_LOST` says so, once.
 */
export interface LogDestination {
  write(line: string): void;
}

/** The options of a server besides its configuration. */
export interface EngagementServerOptions {
  /** Takes the log, with its one line for each delete. @default standard output */
  readonly logTo?: LogDestination;
}

/** What `deleteEngagement` takes. */
export type EngagementDelete = DirectDelete;

/** What `deleteEngagement` returns: `kind` says how the delete ended. */
export type EngagementDeleteResult = DirectDeleteResult;

/** An event of Truto's, as `receiveEvent` takes it. */
export type TrutoEvent = ReceivedEvent;

/** The answer to it. */
export type TrutoEventAnswer = EventAnswer;

/** The context of the schema's resolvers. Spread it into your own context, under its names. */
export type EngagementContext = object;

/**
 * A server that is not listening yet. It listens by itself, or answers requests of your own server, or both. Mounted in yours, it keeps
 * its limits on operations in flight, bodies and documents, its authentication, deadlines and drain. Your server then chooses the path,
 * since each request that you pass on counts as one to `/graphql`, and limits connections, slow clients and the size of heads.
 */
export interface EngagementServer {
  /**
   * Starts everything but a port for callers; without another upstream, also the embedded sandbox. The first request does so, too:
   * call it to get a failure at the start. May be called again.
   * @throws {ConfigError} when a trusted document is not valid, or the undo store cannot be written.
   * @throws when metrics cannot be served, such as `EADDRINUSE`.
   */
  open(): Promise<void>;
  /**
   * Starts to listen. May be called again. @returns the address without a path. GraphQL is at `/graphql`.
   * @throws as `open`, and when it cannot listen. Then everything is closed again, and you may call it once more.
   */
  listen(): Promise<string>;
  /**
   * Answers a request: for Hono and others that speak the Fetch API. Its `signal` must abort when its client disconnects, and its body
   * must be unread. Once the server is closed, the answer is 503. @throws as `open`.
   */
  fetch(request: Request): Promise<Response>;
  /**
   * Answers a request of `node:http` or `node:http2`: for Express, Fastify and others. A body that a middleware has parsed is taken from
   * `request.body`, but bytes that are not UTF-8 may be lost there: mount it before such a middleware, if you can. Once the server is
   * closed, the answer is 503. @throws as `open`.
   */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /**
   * Makes the context of an operation over {@link createEngagementSchema}'s schema that another executor runs, alone or merged with
   * your own schema. Authentication, deadline, access, Truto's limits and repeated deletes are as in this server's own operations.
   * Your executor then refuses documents beyond the limits, too many requests, and ids that are numbers beyond 2^53-1, which
   * `JSON.parse` rounds. It waits for operations in flight before `close`.
   * @param request its headers are read: `Authorization`, `Idempotency-Key`, `x-request-id`.
   * @throws {GraphQLError} `UNAUTHENTICATED` for a token that is not accepted, `BAD_USER_INPUT` for a bad idempotency key.
   * @throws as `open`.
   */
  createContext(request: HostRequest): Promise<EngagementContext>;
  /**
   * Deletes one engagement without GraphQL, with all promises of the mutation of that name: the same checks, access, limits, retries,
   * deadline, log, and one delete for repeated calls with a key. Every end of the delete is a value.
   * @throws as `open`, and once the server is closed.
   */
  deleteEngagement(asked: EngagementDelete): Promise<EngagementDeleteResult>;
  /**
   * Receives an event of Truto's that your own server got. Send the status and the body that it returns. The server's own listener does
   * this at `/webhooks/truto`. @throws as `open`, without `TRUTO_WEBHOOK_SECRETS`, and once the server is closed.
   */
  receiveEvent(event: TrutoEvent): Promise<TrutoEventAnswer>;
  /** Refuses new requests, answers those in flight, and frees everything. May be called again, or before `listen`. */
  close(): Promise<void>;
}

async function start(config: Config, { logTo }: EngagementServerOptions) {
  // Loaded now: undici sets a global dispatcher when it is loaded, and importing this library must change nothing.
  const [{ openFacade }, { createLog, secretsOf }] = await Promise.all([
    import('./http/server.ts'),
    import('./log/log.ts'),
  ]);
  const log = createLog({ secrets: secretsOf(config), ...(logTo && { destination: logTo }) });
  return openFacade({ config, log });
}

/**
 * Creates a server in this process. It reads no environment, catches no signals and no uncaught errors, and never ends the
 * process: your program does that.
 * @param config the result of `parseConfig`, or settings by the names in docs/configuration.md, such as `{ PORT: 0 }`.
 * @throws {ConfigError} naming every mistake at once.
 */
export function createEngagementServer(
  config: Config | PlainSettings,
  options: EngagementServerOptions = {},
): EngagementServer {
  const parsed = 'auth' in config ? config : parseSettings(config);
  // The first request may start it: without this, its timers would belong to that request for ever.
  const runDetached = AsyncLocalStorage.snapshot();
  let opening: ReturnType<typeof start> | undefined;
  let listening: Promise<string> | undefined;
  let closing: Promise<void> | undefined;

  async function opened() {
    if (closing && !opening) throw new Error('The server is closed: create another.');
    // After a failure, the next call tries again.
    opening ??= runDetached(() => start(parsed, options)).catch((error) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function mounted(): Promise<Pick<Mount, 'fetch' | 'handle'>> {
    if (closing && !opening) return (await import('./http/mount.ts')).closedMount;
    return (await opened()).mount;
  }

  async function listen(): Promise<string> {
    if (closing) throw new Error('The server is closed: create another.');
    listening ??= listenOnce().catch((error) => {
      listening = undefined;
      throw error;
    });
    return listening;
  }

  async function listenOnce(): Promise<string> {
    const server = await opened();
    return server.listen().catch(async (error) => {
      // Before it is closed: requests of the host's own server go to a new one meanwhile.
      opening = undefined;
      await server.close();
      throw error;
    });
  }

  return {
    open: async () => void (await opened()),
    listen,
    fetch: async (request) => (await mounted()).fetch(request),
    handle: async (request, response) => (await mounted()).handle(request, response),
    createContext: async (request) => (await opened()).createContext(request),
    deleteEngagement: async (asked) => (await opened()).deleteEngagement(asked),
    receiveEvent: async (event) => (await opened()).receiveEvent(event),
    async close() {
      // The caller of `listen` got the error of a failed start, which left nothing to close.
      closing ??= (async () => {
        await listening?.catch(() => undefined);
        await (await opening?.catch(() => undefined))?.close();
      })();
      return closing;
    },
  };
}

/**
 * Creates the schema of such a server: to read, to validate documents with, to compose, to generate code from. To execute it, give its
 * resolvers what `createContext` of a server makes.
 * @throws {ConfigError} for an unknown dialect, or a prefix or additional fields that are not valid.
 */
export const createEngagementSchema = (options: EngagementSchemaOptions = {}): GraphQLSchema => createSchema(options);

/** Prints that schema: with a dialect, as composers and gateways read it. @throws {ConfigError} as {@link createEngagementSchema}. */
export const printEngagementSchema = (options: EngagementSchemaOptions = {}): string => printedSchema(options);
