import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { ProxyConfig } from '../config/config.ts';
import type { Attempt, UpstreamAnswer, UpstreamRequest } from './attempt.ts';
import { createConnector } from './connect.ts';
import { Exchange } from './exchange.ts';
import { createOutbound, type MakePool } from './outbound.ts';

/** How many requests may be on their way at once; more wait, within their deadline. */
export const maxConnections = 512;

/** How many bodies may be streamed at once: their clients decide how long they take, so they get connections of their own. */
export const maxStreams = 32;

/**
 * A body of so many bytes is handed over in a turn of the event loop of its own: to read a megabyte takes 10 ms, and a hundred may
 * arrive at once.
 */
const largeBodyBytes = 32 * 1024;

/**
 * A connection as old as this takes no further request: those that are always busy would never end, and upstream's address
 * is looked up for new ones only. By undici's clock, in milliseconds.
 */
const maxConnectionAgeMs = 5 * 60_000;

/** How the client is set up. */
export interface UpstreamClientOptions {
  readonly baseUrl: URL;
  /** The proxy that upstream is reached by, if it is not loopback. */
  readonly proxy?: ProxyConfig | undefined;
  /** The largest body that is collected. */
  readonly maxBytes: number;
  /** How long a streaming body may stall. */
  readonly idleTimeoutMs: number;
}

/** How long one attempt may take; moments by `performance.now()`. */
export interface AttemptOptions {
  /** By when the status must be there. */
  readonly answerBy: number;
  /** By when the body must be complete, unless it streams. */
  readonly deadlineAt: number;
  readonly streams: boolean;
  /** Called once, when its connection is free or gone: not before the end of a body. */
  readonly onDone: () => void;
}

/** HTTP to upstream. */
export interface UpstreamClient {
  /** One attempt: no retry, no redirect, no decompression. Never rejects. */
  readonly attempt: (request: UpstreamRequest, options: AttemptOptions) => Promise<Attempt>;
  /** Ends the bodies that are being streamed: their readers get an error. */
  endStreams(): void;
  /** Closes the connections when their requests are done, or after the time: nobody waits for what is left then. */
  close(timeoutMs: number): Promise<void>;
}

/** Opens keep-alive connections to upstream. */
export function createUpstreamClient({
  baseUrl,
  proxy,
  maxBytes,
  idleTimeoutMs,
}: UpstreamClientOptions): UpstreamClient {
  /** The exchange that undici is about to write: it says so to the exchange first, and writes in the same turn. */
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
      // The exchange's own deadline is the only clock; undici's coarse timers stay out of it.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const { origin } = baseUrl;
  // What looks for a proxy at each request is left out where there is none.
  const pool = proxy ? createOutbound(proxy, makePool) : makePool(origin, undefined);
  const basePath = baseUrl.pathname.replace(/\/$/, '');
  const openStreams = new Set<Readable>();

  let lastTurn: Promise<unknown> = Promise.resolve();

  /** Settles in the turn of a large body. */
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

  function attempt({ method, path, headers }: UpstreamRequest, options: AttemptOptions): Promise<Attempt> {
    const exchange = new Exchange({ ...options, maxBytes, idleTimeoutMs, onStart, onAnswer });
    const identity = { ...headers, 'accept-encoding': 'identity' };
    pool.dispatch({ ...(proxy && { origin }), method, path: basePath + path, headers: identity }, exchange);
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
      // Not waited for: a connection that is being made cannot be given up, and nobody wants it any more.
      pool.destroy().catch(() => {});
    },
  };
}
