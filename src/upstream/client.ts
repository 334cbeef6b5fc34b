import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { ProxyConfig } from '../config.ts';
import type { Attempt, UpstreamRequest } from './attempt.ts';
import { createConnector } from './connect.ts';
import { Exchange } from './exchange.ts';
import { Gate } from './gate.ts';
import { createOutbound, type MakePool } from './outbound.ts';

/** How many requests may be on their way at once; more wait, within their deadline. */
const maxConnections = 512;

/** How many bodies may be streamed at once: their clients decide how long they take, so they get connections of their own. */
const maxStreams = 32;

/**
 * A body of so many bytes is handed over in a turn of the event loop of its own: to read a megabyte takes 10 ms, and a hundred may
 * arrive at once.
 */
const largeBodyBytes = 32 * 1024;

/** How many requests may wait for a connection. */
const maxWaiting = 10_000;

/**
 * A connection as old as this takes no further request: those that are always busy would never end, and upstream's address
 * is looked up for new ones only. By undici's clock, in milliseconds.
 */
const maxConnectionAgeMs = 5 * 60_000;

/** The most time that must be left of an operation for another request to begin. */
const maxReserveMs = 500;

/** How much time must be left of an operation that may take so long for another request to begin. */
export function reserveMsFor(requestTimeoutMs: number): number {
  return Math.min(maxReserveMs, requestTimeoutMs / 10);
}

/** How the client is set up. */
export interface UpstreamClientOptions {
  readonly baseUrl: URL;
  /** The proxy that upstream is reached by, if it is not loopback. */
  readonly proxy?: ProxyConfig | undefined;
  /** The largest body that is collected. */
  readonly maxBytes: number;
  /** How long a streaming body may stall. */
  readonly idleTimeoutMs: number;
  /** A request that has less time than this left is not begun: it would most likely end without an answer. */
  readonly reserveMs: number;
}

/** How long one attempt may take; moments by `performance.now()`. */
export interface AttemptOptions {
  /** By when the status must be there. */
  readonly answerBy: number;
  /** By when the body must be complete, unless it streams. */
  readonly deadlineAt: number;
  readonly streams: boolean;
  /** Called when the attempt's turn has come: it may still be held back, by not calling `begin`. */
  readonly atItsTurn?: (begin: () => Promise<Attempt>) => Promise<Attempt>;
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

/** Its turn did not come: by the next attempt, others may be through. */
const noConnection: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'unconnected' };

const unsent: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'timeout' };

/** Opens keep-alive connections to upstream. */
export function createUpstreamClient({
  baseUrl,
  proxy,
  maxBytes,
  idleTimeoutMs,
  reserveMs,
}: UpstreamClientOptions): UpstreamClient {
  /** The exchange that undici is about to write: it says so to the exchange first, and writes in the same turn. */
  let starting: Exchange | undefined;
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
  const requests = new Gate(maxConnections, maxWaiting);
  const streaming = new Gate(maxStreams, maxWaiting);
  const openStreams = new Set<Readable>();

  let lastTurn: Promise<unknown> = Promise.resolve();

  /** Settles at once, but for an attempt with a large body: in that one's turn. */
  async function turnOf(attempt: Attempt): Promise<void> {
    if (attempt.kind !== 'answer' || attempt.body.kind !== 'complete') return;
    if (attempt.body.bytes.length < largeBodyBytes) return;
    lastTurn = lastTurn.then(() => nextTurn());
    await lastTurn;
  }

  function remember(attempt: Attempt): Attempt {
    if (attempt.kind === 'answer' && attempt.body.kind === 'streaming') {
      const { stream } = attempt.body;
      openStreams.add(stream);
      stream.once('close', () => openStreams.delete(stream));
    }
    return attempt;
  }

  async function attempt(
    { method, path, headers }: UpstreamRequest,
    { answerBy, deadlineAt, streams, atItsTurn = (begin) => begin() }: AttemptOptions,
  ): Promise<Attempt> {
    const beginBy = answerBy - reserveMs;
    if (beginBy <= performance.now()) return unsent;
    const made = await (streams ? streaming : requests).run(beginBy, () => {
      let exchange: Exchange | undefined;
      const result = atItsTurn(() => {
        const onStart = (started: Exchange) => {
          starting = started;
        };
        exchange = new Exchange({ maxBytes, streams, answerBy, deadlineAt, idleTimeoutMs, onStart });
        pool.dispatch(
          { origin, method, path: basePath + path, headers: { ...headers, 'accept-encoding': 'identity' } },
          exchange,
        );
        return exchange.attempt;
      });
      return { result, isDone: result.then(() => exchange?.isDone) };
    });
    if (made) await turnOf(made);
    return remember(made ?? noConnection);
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
