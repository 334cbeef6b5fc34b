import { Pool } from 'undici';
import type { Attempt, Send } from './attempt.ts';
import { Exchange } from './exchange.ts';

/** How many requests may be on their way at once; more wait in undici's queue, within their deadline. */
const maxConnections = 128;

/** How the client is set up. */
export interface UpstreamClientOptions {
  readonly baseUrl: URL;
  /** The largest body that is collected. */
  readonly maxBytes: number;
  /** How long a streaming body may stall. */
  readonly idleTimeoutMs: number;
}

/** HTTP to upstream. */
export interface UpstreamClient {
  /** One attempt: no retry, no redirect, no decompression. Never rejects. */
  readonly send: Send;
  /** Ends idle connections at once and the others when their requests are done. */
  close(): Promise<void>;
}

/** Opens a pool of keep-alive connections to upstream. */
export function createUpstreamClient({ baseUrl, maxBytes, idleTimeoutMs }: UpstreamClientOptions): UpstreamClient {
  const pool = new Pool(baseUrl.origin, {
    connections: maxConnections,
    pipelining: 1,
    allowH2: false,
    // The exchange's own deadline is the only clock; undici's coarse timers stay out of it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const basePath = baseUrl.pathname.replace(/\/$/, '');

  function send(
    { method, path, headers }: Parameters<Send>[0],
    { deadlineAt, streams = false }: Parameters<Send>[1],
  ): Promise<Attempt> {
    if (deadlineAt <= Date.now())
      return Promise.resolve({ kind: 'failure', mayHaveBeenSent: false, reason: 'timeout' });
    const exchange = new Exchange({ maxBytes, streams, deadlineAt, idleTimeoutMs });
    pool.dispatch({ method, path: basePath + path, headers: { ...headers, 'accept-encoding': 'identity' } }, exchange);
    return exchange.attempt;
  }

  return { send, close: () => pool.close() };
}
