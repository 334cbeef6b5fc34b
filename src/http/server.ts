import type { Config } from '../config.ts';
import { createAccountLookup } from '../engagement/integrated-account.ts';
import { createReadLimit } from '../engagement/read-limit.ts';
import type { Log } from '../log.ts';
import { createUpstreamClient } from '../upstream/client.ts';
import { createAuthenticator } from './auth.ts';
import { createListener } from './listener.ts';
import { createGraphQLHandler } from './yoga.ts';

/** The longest a delete waits for the look-up of its account's integration; it goes on without. */
const maxLookupTimeoutMs = 2_000;

/** The most time that must be left of an operation for another request to begin. */
const maxReserveMs = 500;

/** How much longer than an operation a client may leave a connection without a byte either way, in milliseconds. */
const quietMarginMs = 60_000;

/** What the facade is started with. */
export interface FacadeOptions {
  readonly config: Config;
  readonly log: Log;
  /** Where upstream is: the configured address, or the embedded sandbox's. */
  readonly upstream: URL;
  /** The embedded sandbox's token, for the mode in which callers need none. */
  readonly openToken: string;
}

/** The running facade. */
export interface Facade {
  /** Where it listens, without a path. */
  readonly url: string;
  /**
   * Drains: accepts nothing new, answers what is in flight, ends streamed bodies that are not through when an operation's
   * time is over, then closes upstream's connections.
   */
  close(): Promise<void>;
}

/**
 * Starts the facade.
 * @throws when it cannot listen, such as `EADDRINUSE`.
 */
export async function startFacade({ config, log, upstream, openToken }: FacadeOptions): Promise<Facade> {
  const { host, port, requestTimeoutMs, maxUpstreamBytes } = config;
  const client = createUpstreamClient({
    baseUrl: upstream,
    maxBytes: maxUpstreamBytes,
    idleTimeoutMs: requestTimeoutMs,
    reserveMs: Math.min(maxReserveMs, requestTimeoutMs / 10),
  });
  const lookupTimeoutMs = Math.min(maxLookupTimeoutMs, requestTimeoutMs / 4);
  const yoga = createGraphQLHandler({
    config,
    log,
    authenticate: createAuthenticator(config.auth, openToken, log),
    ports: {
      send: client.send,
      findAccountIntegration: createAccountLookup(client.send, lookupTimeoutMs),
      limitReads: createReadLimit(),
    },
    upstreamUrl: upstream.href.replace(/\/$/, ''),
  });
  const listener = createListener(yoga, requestTimeoutMs + quietMarginMs);
  const url = await listener.listen(host, port);

  async function close(): Promise<void> {
    const lastCall = setTimeout(client.endStreams, requestTimeoutMs);
    await listener.drain();
    clearTimeout(lastCall);
    await yoga.dispose();
    await client.close();
  }

  return { url, close };
}
