import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../config.ts';
import { createAccountLookup } from '../engagement/integrated-account.ts';
import { createReadLimit } from '../engagement/read-limit.ts';
import type { Log } from '../log.ts';
import { createUpstreamClient } from '../upstream/client.ts';
import { createAuthenticator } from './auth.ts';
import { createGraphQLHandler } from './yoga.ts';

/** The longest a delete waits for the look-up of its account's integration; it goes on without. */
const maxLookupTimeoutMs = 2_000;

/** How often a draining server closes connections that have become idle. */
const sweepIntervalMs = 20;

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

function listen(server: Server, { host, port }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { address, family, port: chosen } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`);
    });
  });
}

/**
 * Starts the facade.
 * @throws when it cannot listen, such as `EADDRINUSE`.
 */
export async function startFacade({ config, log, upstream, openToken }: FacadeOptions): Promise<Facade> {
  const { requestTimeoutMs, maxUpstreamBytes } = config;
  const client = createUpstreamClient({
    baseUrl: upstream,
    maxBytes: maxUpstreamBytes,
    idleTimeoutMs: requestTimeoutMs,
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
  let isDraining = false;
  const unanswered = new Set<ServerResponse>();
  // Headers that dribble in hold a socket each: five seconds are plenty for an honest client.
  const timeouts = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };
  const server = createServer(timeouts, (request, response) => {
    unanswered.add(response);
    response.once('close', () => unanswered.delete(response));
    if (!isDraining) return yoga(request, response);
    response.writeHead(503, { connection: 'close', 'retry-after': '1' }).end();
  });
  // A client that sleeps in the middle of an answer holds a connection to upstream with it.
  server.timeout = requestTimeoutMs + quietMarginMs;
  const url = await listen(server, config);

  async function close(): Promise<void> {
    isDraining = true;
    // Told to, a client sends its next request elsewhere instead of into a connection that is about to go.
    for (const response of unanswered) if (!response.headersSent) response.setHeader('connection', 'close');
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    // A connection whose last answer is out is idle, and would else be kept for the client's next request.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
    const lastCall = setTimeout(client.endStreams, requestTimeoutMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(lastCall);
    await yoga.dispose();
    await client.close();
  }

  return { url, close };
}
