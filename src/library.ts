import type { GraphQLSchema } from 'graphql';
import { type Config, type PlainSettings, parseSettings } from './config/config.ts';
import { checkedSchemaOptions, createSchema, type EngagementSchemaOptions, printedSchema } from './graphql/schema.ts';

/** Takes the log's lines: JSON, one a call, each with its line end. */
export interface LogDestination {
  write(line: string): void;
}

/** The options of a server besides its configuration. */
export interface EngagementServerOptions {
  /** Takes the log, with its one line for each delete. @default standard output */
  readonly logTo?: LogDestination;
}

/** A server that is not listening yet. */
export interface EngagementServer {
  /**
   * Starts to listen; without another upstream, starts the embedded sandbox first. May be called again.
   * @returns the address without a path. GraphQL is at `/graphql`.
   * @throws {ConfigError} when a trusted document is not valid, or the undo store cannot be written.
   * @throws when it cannot listen, such as `EADDRINUSE`. Then everything is closed again, and you may call it once more.
   */
  listen(): Promise<string>;
  /** Refuses new requests, answers those in flight, and frees everything. May be called again, or before `listen`. */
  close(): Promise<void>;
}

async function start(config: Config, { logTo }: EngagementServerOptions) {
  // Loaded now: undici sets a global dispatcher when it is loaded, and importing this library must change nothing.
  const [{ startFacade }, { findUpstream }, { createLog, secretsOf }] = await Promise.all([
    import('./http/server.ts'),
    import('./http/find-upstream.ts'),
    import('./log/log.ts'),
  ]);
  const log = createLog({ secrets: secretsOf(config), ...(logTo && { destination: logTo }) });
  const { url: upstream, openToken, sandbox } = await findUpstream(config);
  try {
    const facade = await startFacade({ config, log, upstream, openToken });
    return {
      url: facade.url,
      async close() {
        await facade.close();
        await sandbox?.close();
      },
    };
  } catch (error) {
    await sandbox?.close();
    throw error;
  }
}

/**
 * Creates a server in this process. It reads no environment, catches no signals and no uncaught errors, and never ends the
 * process: your program does that.
 * @param config the result of `parseConfig`, or settings by the names of the README's table, such as `{ PORT: 0 }`.
 * @throws {ConfigError} naming every mistake at once.
 */
export function createEngagementServer(
  config: Config | PlainSettings,
  options: EngagementServerOptions = {},
): EngagementServer {
  const parsed = 'auth' in config ? config : parseSettings(config);
  let starting: ReturnType<typeof start> | undefined;
  let closing: Promise<void> | undefined;

  async function listen(): Promise<string> {
    if (closing) throw new Error('The server is closed: create another.');
    starting ??= start(parsed, options);
    try {
      return (await starting).url;
    } catch (error) {
      // The next call tries again.
      starting = undefined;
      throw error;
    }
  }

  async function closeWhatRuns(): Promise<void> {
    // The caller of `listen` got the error of a failed start, which left nothing to close.
    const server = await starting?.catch(() => undefined);
    await server?.close();
  }

  function close(): Promise<void> {
    closing ??= closeWhatRuns();
    return closing;
  }

  return { listen, close };
}

/**
 * Creates the schema of such a server: to read, to validate documents with, to compose, to generate code from. Only the server
 * can execute it: its resolvers need the server's context.
 * @throws {ConfigError} for an unknown dialect or a prefix that is not valid.
 */
export function createEngagementSchema(options: EngagementSchemaOptions = {}): GraphQLSchema {
  return createSchema(checkedSchemaOptions(options));
}

/**
 * Prints the schema of such a server: with a dialect, as composers and gateways read it.
 * @throws {ConfigError} for an unknown dialect or a prefix that is not valid.
 */
export function printEngagementSchema(options: EngagementSchemaOptions = {}): string {
  return printedSchema(checkedSchemaOptions(options));
}
