import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How often a draining listener closes connections that have become idle. */
const sweepIntervalMs = 20;

/** Headers and bodies that dribble in hold a socket each: an honest client needs no longer. */
const patience = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };

/** An HTTP server that can be drained. */
export interface Listener {
  /**
   * Listens, and tells where, without a path.
   * @param port 0 takes any free one.
   * @throws when it cannot, such as `EADDRINUSE`.
   */
  listen(host: string, port: number): Promise<string>;
  /** Takes nothing new, answers what is in flight, and settles when the last connection is closed. */
  drain(): Promise<void>;
}

/**
 * Makes a listener for requests.
 * @param quietTimeoutMs how long a connection may be without a byte either way. A client that sleeps in the middle of an
 * answer holds a connection to upstream with its own.
 */
export function createListener(handle: RequestListener, quietTimeoutMs: number): Listener {
  let isDraining = false;
  const unanswered = new Set<ServerResponse>();
  const server = createServer(patience, (request, response) => {
    unanswered.add(response);
    response.once('close', () => unanswered.delete(response));
    if (!isDraining) return handle(request, response);
    response.writeHead(503, { connection: 'close', 'retry-after': '1' }).end();
  });
  server.timeout = quietTimeoutMs;

  function listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        const { address, family, port: chosen } = server.address() as AddressInfo;
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`);
      });
    });
  }

  async function drain(): Promise<void> {
    isDraining = true;
    // Told to, a client sends its next request elsewhere instead of into a connection that is about to go.
    for (const response of unanswered) if (!response.headersSent) response.setHeader('connection', 'close');
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    // A connection whose last answer is out is idle, and would else be kept for the client's next request.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
    await closed;
    clearInterval(sweep);
  }

  return { listen, drain };
}
