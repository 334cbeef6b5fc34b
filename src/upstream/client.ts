import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { ProxyConfig } from '../config/config.ts';
import type { Attempt, UpstreamAnswer, UpstreamRequest } from './attempt.ts';
import { createConnector } from './connect.ts';
import { Exchange } from './exchange.ts';
import { createOutbound, type MakePool } from './outbound.ts';

/** How many requests may be in flight. Further ones wait, until their deadline. */
export const maxConnections = 512;

/** How many bodies may be streamed at once. They have their own connections, since their readers decide how long they take. */
export const maxStreams = 32;

/**
 * From this size on, a body gets its own turn of the event loop: parsing a megabyte takes 10 ms, and a hundred may arrive at
 * once.
 */
const largeBodyBytes = 32 * 1024;

/**
 * The age at which a connection takes no further request, in milliseconds by undici's clock. Busy connections would never end,
 * and upstream's address is looked up only for new ones.
 */
const maxConnectionAgeMs = 5 * 60_000;

/** The settings of the client. */
export interface UpstreamClientOptions {
  readonly baseUrl: URL;
  /** The proxy to upstream. Loopback addresses do not use it. */
  readonly proxy?: ProxyConfig | undefined;
  /** The largest body that is collected. */
  readonly maxBytes: number;
  /** How long a streaming body may stall. */
  readonly idleTimeoutMs: number;
}

/** How long one attempt may take. Moments are by `performance.now()`. */
export interface AttemptOptions {
  /** When the status must have arrived. */
  readonly answerBy: number;
  /** When the body must be complete, unless it streams. */
  readonly deadlineAt: number;
  readonly streams: boolean;
  /** Called once, when its connection is free or closed. The body has ended by then. */
  readonly onDone: () => void;
}

/** HTTP to upstream. */
export interface UpstreamClient {
  /** One attempt: no retry, no redirect, no decompression. Never rejects. */
  readonly attempt: (request: UpstreamRequest, options: AttemptOptions) => Promise<Attempt>;
  /** Ends all streamed bodies with an error. */
  endStreams(): void;
  /** Closes the connections when their requests are done, or after `timeoutMs` at the latest. */
  close(timeoutMs: number): Promise<void>;
}

/**
 * Opens keep-alive connections to upstream.
 * @throws on Bun.
 */
export function createUpstreamClient({
  baseUrl,
  proxy,
  maxBytes,
  idleTimeoutMs,
}: UpstreamClientOptions): UpstreamClient {
  // Without it, no request could say whether it was sent.
  if (typeof Pool.prototype.dispatch !== 'function')
    throw new Error(
      'This runtime replaces undici, and its Pool has no dispatch, as Bun does. Run this package on Node.',
    );
  /** The exchange that undici is about to write. undici calls the exchange first, and writes in the same turn. */
  let starting: Exchange | undefined;
  const onStart = (exchange: Exchange) => {
    starting = exchange;
  };
  const onRequest = (socket: Socket) => {
    starting?.useConnection(socket);
    starting = undefined;
  };
  const makePool: MakePool = (origin, connect) =>
    new Pool(origin, {
      connect: createConnector(onRequest, connect),
      connections: maxConnections + maxStreams,
      pipelining: 1,
      allowH2: false,
      clientTtl: maxConnectionAgeMs,
      // The exchange has its own deadline. undici's timers are too coarse.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const { origin } = baseUrl;
  // Without a proxy, no request has to check whether it needs one.
  const pool = proxy ? createOutbound(proxy, makePool) : makePool(origin, undefined);
  const basePath = baseUrl.pathname.replace(/\/$/, '');
  const openStreams = new Set<Readable>();

  let lastTurn: Promise<unknown> = Promise.resolve();

  /** Settles in a turn of the event loop for this body alone. */
  async function turnOf(answer: UpstreamAnswer): Promise<UpstreamAnswer> {
    lastTurn = lastTurn.then(() => nextTurn());
    await lastTurn;
    return answer;
  }

  function onAnswer(answer: UpstreamAnswer): UpstreamAnswer | Promise<UpstreamAnswer> {
    const { body } = answer;
    if (body.kind === 'complete' && body.bytes.length >= largeBodyBytes) return turnOf(answer);
    if (body.kind !== 'streaming') return answer;
    openStreams.add(body.stream);
    body.stream.once('close', () => openStreams.delete(body.stream));
    return answer;
  }

  function attempt({ method, path, headers, body }: UpstreamRequest, options: AttemptOptions): Promise<Attempt> {
    const exchange = new Exchange({ ...options, maxBytes, idleTimeoutMs, onStart, onAnswer });
    const identity = { ...headers, 'accept-encoding': 'identity' };
    const sent = { method, path: basePath + path, headers: identity, body: body ?? null };
    pool.dispatch({ ...(proxy && { origin }), ...sent }, exchange);
    return exchange.attempt;
  }

  return {
    attempt,
    endStreams() {
      for (const stream of openStreams) stream.destroy(new Error('the server is shutting down'));
    },
    async close(timeoutMs) {
      const timer = new AbortController();
      await Promise.race([pool.close(), sleep(timeoutMs, undefined, { signal: timer.signal })]);
      timer.abort();
      // Not awaited: a connection that is being opened cannot be cancelled.
      pool.destroy().catch(() => {});
    },
  };
}
