import type { GraphQLSchema } from 'graphql';
import { type Config, type PlainSettings, parseSettings } from './config/config.ts';
import { checkedSchemaOptions, createSchema, type EngagementSchemaOptions, printedSchema } from './graphql/schema.ts';

/** Where the log's lines go: JSON, one to a call, each with its line end. */
export interface LogDestination {
  write(line: string): void;
}

/** What of a server is not its configuration. */
export interface EngagementServerOptions {
  /** Takes the log, with its one line for each delete. @default standard output */
  readonly logTo?: LogDestination;
}

/** A server that listens when it is told to. */
export interface EngagementServer {
  /**
   * Starts to listen, and the embedded sandbox first where there is no other upstream. May be called again.
   * @returns where, without a path: GraphQL is at `/graphql` of it.
   * @throws {ConfigError} when documents that are to be trusted cannot be, or the undo store cannot be written.
   * @throws when it cannot listen, such as `EADDRINUSE`. Then nothing of it is left, and it may be told to again.
   */
  listen(): Promise<string>;
  /** Takes nothing new, answers what is in flight, and frees all that it had. May be called again, or before `listen`. */
  close(): Promise<void>;
}

async function start(config: Config, { logTo }: EngagementServerOptions) {
  // Loaded now: undici puts a dispatcher of its own under a global name when it is loaded, and an import must do nothing.
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
 * Makes a server of this process. It reads no environment, catches no signals and no uncaught errors, and never ends the
 * process: that is for the program around it to do.
 * @param config what `parseConfig` gives, or settings by the names of the README's table, such as `{ PORT: 0 }`.
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
      // What kept it from starting may be over when it is told to listen the next time.
      starting = undefined;
      throw error;
    }
  }

  async function closeWhatRuns(): Promise<void> {
    // One that could not start has said so to whoever called `listen`, and left nothing behind.
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
 * Makes the schema of such a server: to look at, to validate documents with, to compose, to generate code from. Its
 * resolvers need what the server gives to them, so that only the server executes it.
 * @throws {ConfigError} for a dialect or a prefix that cannot be.
 */
export function createEngagementSchema(options: EngagementSchemaOptions = {}): GraphQLSchema {
  return createSchema(checkedSchemaOptions(options));
}

/**
 * The schema of such a server as text: with a dialect, what a composer or a gateway takes.
 * @throws {ConfigError} for a dialect or a prefix that cannot be.
 */
export function printEngagementSchema(options: EngagementSchemaOptions = {}): string {
  return printedSchema(checkedSchemaOptions(options));
}
