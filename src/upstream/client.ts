import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Attempt, Send } from './attempt.ts';
import { Exchange } from './exchange.ts';
import { Gate } from './gate.ts';

/** How many requests may be on their way at once; more wait, within their deadline. */
const maxConnections = 128;

/** How many bodies may be streamed at once: their clients decide how long they take, so they get connections of their own. */
const maxStreams = 32;

/** How many requests may wait for a connection. */
const maxWaiting = 10_000;

/** How the client is set up. */
export interface UpstreamClientOptions {
  readonly baseUrl: URL;
  /** The largest body that is collected. */
  readonly maxBytes: number;
  /** How long a streaming body may stall. */
  readonly idleTimeoutMs: number;
  /** A request that has less time than this left is not begun: it would most likely end without an answer. */
  readonly reserveMs: number;
}

/** HTTP to upstream. */
export interface UpstreamClient {
  /** One attempt: no retry, no redirect, no decompression. Never rejects. */
  readonly send: Send;
  /** Ends the bodies that are being streamed: their readers get an error. */
  endStreams(): void;
  /** Closes the connections, when their requests are done. */
  close(): Promise<void>;
}

const unsent: Attempt = { kind: 'failure', mayHaveBeenSent: false, reason: 'timeout' };

/** Opens keep-alive connections to upstream. */
export function createUpstreamClient({
  baseUrl,
  maxBytes,
  idleTimeoutMs,
  reserveMs,
}: UpstreamClientOptions): UpstreamClient {
  const pool = new Pool(baseUrl.origin, {
    connections: maxConnections + maxStreams,
    pipelining: 1,
    allowH2: false,
    // The exchange's own deadline is the only clock; undici's coarse timers stay out of it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const basePath = baseUrl.pathname.replace(/\/$/, '');
  const requests = new Gate(maxConnections, maxWaiting);
  const streaming = new Gate(maxStreams, maxWaiting);
  const openStreams = new Set<Readable>();

  function remember(attempt: Attempt): Attempt {
    if (attempt.kind === 'answer' && attempt.body.kind === 'streaming') {
      const { stream } = attempt.body;
      openStreams.add(stream);
      stream.once('close', () => openStreams.delete(stream));
    }
    return attempt;
  }

  async function send(
    { method, path, headers }: Parameters<Send>[0],
    { deadlineAt, streams = false }: Parameters<Send>[1],
  ): Promise<Attempt> {
    const beginBy = deadlineAt - reserveMs;
    if (beginBy <= Date.now()) return unsent;
    const attempt = await (streams ? streaming : requests).run(beginBy, () => {
      const exchange = new Exchange({ maxBytes, streams, deadlineAt, idleTimeoutMs });
      pool.dispatch(
        { method, path: basePath + path, headers: { ...headers, 'accept-encoding': 'identity' } },
        exchange,
      );
      return { result: exchange.attempt, isDone: exchange.isDone };
    });
    return remember(attempt ?? unsent);
  }

  return {
    send,
    endStreams() {
      for (const stream of openStreams) stream.destroy(new Error('the server is shutting down'));
    },
    close: () => pool.close(),
  };
}
