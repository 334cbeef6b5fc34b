import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import type { ProxyConfig } from '../config/config.ts';
import type { Attempt, FailureReason, UnreadableReason, UpstreamAnswer, UpstreamRequest } from './attempt.ts';
import { deadlines, type Expiring } from './deadlines.ts';
import { createConnector, createOutbound, type MakePool } from './outbound.ts';

/** How many requests may be in flight. Further ones wait, until their deadline. */
export const maxConnections = 512;

/** How many bodies may be streamed at once. They have their own connections, since their readers decide how long they take. */
export const maxStreams = 32;

/** From this size on, a body gets its own turn of the event loop: parsing a megabyte takes 10 ms, and a hundred may arrive at once. */
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
  /** The largest body to collect. A larger one is given up, but its status counts. */
  readonly maxUpstreamBytes: number;
  /** How long an operation may take, and a streamed body may be without new bytes while it is being read. */
  readonly requestTimeoutMs: number;
  /** Removes the server's own token, which an answer may repeat, from a body or a piece of one. Absent when each caller has its own. */
  readonly redact?: ((bytes: Buffer) => Buffer) | undefined;
}

/** How long one attempt may take. Moments are by `performance.now()`. */
export interface AttemptOptions {
  /** When the status must have arrived. */
  readonly answerBy: number;
  /** When the body must be complete, unless it streams. */
  readonly deadlineAt: number;
  /** True to pass a 2xx body on as a stream. */
  readonly streams: boolean;
  /** Called once, when its connection is free or closed. The body has ended by then. */
  readonly onDone: () => void;
}

const reasons: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_CONNECT_TIMEOUT: 'unconnected',
  UND_ERR_ABORTED: 'proxy',
  UND_ERR_PRX_CONN: 'proxy',
  UND_ERR_PRX_TLS: 'proxy',
  // undici's timer is off for upstream, so this is a proxy that did not open its tunnel in time.
  UND_ERR_HEADERS_TIMEOUT: 'proxy',
};

/** For the message only. Whether a request was sent is recorded elsewhere, never derived from this. */
function reasonOf(error: Error & { code?: string }): FailureReason {
  const code = error.code ?? '';
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || /CERT|SIGNATURE|ISSUER/.test(code)) return 'tls';
  return reasons[code] ?? 'protocol';
}

const noBytes = Buffer.alloc(0);

/** How many bytes a large body has at least for each comma and opening bracket. Records of CRMs have some twenty. */
const minBytesPerMark = 5;

const [comma, bracket, brace] = Buffer.from(',[{');

/** True for a body that would take many times its size and a long time to parse, such as a megabyte of `[]`. */
function isTooDense(bytes: Buffer): boolean {
  if (bytes.length < largeBodyBytes) return false;
  let count = 0;
  // Commas and opening brackets, also in texts.
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === comma || byte === bracket || byte === brace) count += 1;
  }
  return count * minBytesPerMark > bytes.length;
}

/** The exchange that undici is about to write. undici calls the exchange first, and writes in the same turn. */
let starting: Exchange | undefined;

function onRequest(socket: Socket): void {
  if (starting) starting.connection = socket;
  starting = undefined;
}

/**
 * One request in flight. It turns undici's reports into an {@link Attempt}, and has a deadline of its own, since undici's timers are
 * accurate to a second only.
 */
class Exchange implements Dispatcher.DispatchHandler, Expiring {
  /** Settles exactly once, never rejects. */
  readonly outcome = Promise.withResolvers<Attempt>();
  /** The connection of the request, once it is written. */
  connection: Socket | undefined;
  deadlineAt = 0;
  deadlineIndex = -1;
  readonly #client: UpstreamClientOptions;
  readonly #options: AttemptOptions;
  /** Called first with an answer. The answer may be read once the result settles. */
  readonly onAnswer: (answer: UpstreamAnswer) => UpstreamAnswer | Promise<UpstreamAnswer>;
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #statusCode: number | undefined;
  #headers: Record<string, string> = {};
  /** The body so far, and room for more of it. */
  #body: Buffer = noBytes;
  #byteCount = 0;
  #stream: Readable | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(client: UpstreamClientOptions, options: AttemptOptions, onAnswer: Exchange['onAnswer']) {
    this.#client = client;
    this.#options = options;
    this.onAnswer = onAnswer;
    deadlines.set(this, options.answerBy);
  }

  /** If the status arrived in time, the body has until the deadline. */
  expire(): void {
    const { deadlineAt } = this.#options;
    if (this.#statusCode !== undefined && performance.now() < deadlineAt) deadlines.set(this, deadlineAt);
    else this.#giveUp('timeout', this.#controller ? 'timeout' : 'unconnected');
  }

  /** undici calls this right before it writes. From here on the request counts as sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A request that waited too long for its connection must not be sent: this is before its first byte. The timer is late if this
    // process was busy or frozen.
    if (performance.now() >= this.#options.answerBy) this.#giveUp('timeout', 'unconnected');
    if (this.#settled) {
      controller.abort(new Error('gave up before sending'));
    } else {
      this.#controller = controller;
      starting = this;
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode < 200 || this.#settled) return;
    this.#statusCode = statusCode;
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined) this.#headers[name] = typeof value === 'string' ? value : value.join(', ');
    }
    const encoding = this.#headers['content-encoding']?.trim().toLowerCase() || 'identity';
    // The request asked for identity. Decompression could turn a few kilobytes into gigabytes.
    if (encoding !== 'identity' && statusCode !== 204) this.#giveUp('encoded', 'protocol');
    else if (this.#options.streams && statusCode < 300) this.#handOverStream();
    else if (Number(this.#headers['content-length'] ?? 0) > this.#client.maxUpstreamBytes)
      this.#giveUp('too-large', 'protocol');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stream) {
      clearTimeout(this.#idleTimer);
      if (!this.#stream.push(this.#client.redact?.(chunk) ?? chunk)) controller.pause();
      return;
    }
    if (this.#byteCount + chunk.length > this.#client.maxUpstreamBytes) this.#giveUp('too-large', 'protocol');
    else this.#collect(chunk);
  }

  /** Adds to the body, in one buffer that doubles: each chunk would take 150 bytes besides its own, of which it may have only one. */
  #collect(chunk: Buffer): void {
    const byteCount = this.#byteCount + chunk.length;
    if (this.#byteCount === 0) this.#body = chunk;
    else {
      if (byteCount > this.#body.length) {
        const larger = Buffer.allocUnsafe(Math.max(byteCount, 2 * this.#body.length));
        this.#body.copy(larger, 0, 0, this.#byteCount);
        this.#body = larger;
      }
      chunk.copy(this.#body, this.#byteCount);
    }
    this.#byteCount = byteCount;
  }

  onResponseEnd(): void {
    clearTimeout(this.#idleTimer);
    this.#options.onDone();
    if (this.#stream) this.#stream.push(null);
    else if (this.#statusCode !== undefined) {
      const bytes = this.#body.subarray(0, this.#byteCount);
      // The answer keeps this exchange in memory, and would keep the body after it is parsed.
      this.#body = noBytes;
      if (isTooDense(bytes)) this.#finish({ kind: 'unreadable', reason: 'too-dense' });
      else this.#finish({ kind: 'complete', bytes: this.#client.redact?.(bytes) ?? bytes });
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#idleTimer);
    this.#options.onDone();
    if (this.#stream) this.#stream.destroy(error);
    else this.#giveUp('interrupted', reasonOf(error));
  }

  #handOverStream(): void {
    const stream = new Readable({
      read: () => {
        clearTimeout(this.#idleTimer);
        this.#idleTimer = setTimeout(() => stream.destroy(new Error('stalled')), this.#client.requestTimeoutMs);
        this.#controller?.resume();
      },
      destroy: (error, callback) => {
        clearTimeout(this.#idleTimer);
        this.#controller?.abort(error ?? new Error('the reader closed the body'));
        callback(error);
      },
    });
    // A reader gets the error when it reads. Without a listener, the error of an unread stream would end the process.
    stream.on('error', () => {});
    this.#stream = stream;
    this.#finish({ kind: 'streaming', stream });
  }

  #finish(body: UpstreamAnswer['body']): void {
    const disconnect = () => void this.connection?.destroy();
    this.#end({ kind: 'answer', statusCode: this.#statusCode ?? 0, headers: this.#headers, body, disconnect });
  }

  #giveUp(unreadable: UnreadableReason, reason: FailureReason): void {
    if (this.#settled) return;
    if (this.#statusCode !== undefined) this.#finish({ kind: 'unreadable', reason: unreadable });
    else this.#end({ kind: 'failure', mayHaveBeenSent: this.#controller !== undefined, reason });
    this.#controller?.abort(new Error(`gave up: ${reason}`));
  }

  #end(attempt: Attempt): void {
    this.#settled = true;
    deadlines.cancel(this);
    this.outcome.resolve(attempt.kind === 'answer' ? this.onAnswer(attempt) : attempt);
  }
}

/**
 * Opens keep-alive connections to upstream.
 * @throws on Bun.
 */
export function createUpstreamClient(options: UpstreamClientOptions) {
  // Without it, no request could say whether it was sent.
  if (typeof Pool.prototype.dispatch !== 'function')
    throw new Error(
      'This runtime replaces undici, and its Pool has no dispatch, as Bun does. Run this package on Node.',
    );
  const { baseUrl, proxy } = options;
  const { origin } = baseUrl;
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

  const makePool: MakePool = (poolOrigin, connect) =>
    new Pool(poolOrigin, {
      connect: createConnector(onRequest, connect),
      connections: maxConnections + maxStreams,
      pipelining: 1,
      allowH2: false,
      clientTtl: maxConnectionAgeMs,
      // The exchange has its own deadline. undici's timers are too coarse.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  // Without a proxy, no request has to check whether it needs one.
  const pool = proxy ? createOutbound(proxy, makePool) : makePool(origin, undefined);

  return {
    /** One attempt: no retry, no redirect, no decompression. Never rejects. */
    attempt({ method, path, headers, body }: UpstreamRequest, attemptOptions: AttemptOptions): Promise<Attempt> {
      const exchange = new Exchange(options, attemptOptions, onAnswer);
      const identity = { ...headers, 'accept-encoding': 'identity' };
      pool.dispatch({ origin, method, path: basePath + path, headers: identity, body: body ?? null }, exchange);
      return exchange.outcome.promise;
    },
    /** Ends all streamed bodies with an error. */
    endStreams(): void {
      for (const stream of openStreams) stream.destroy(new Error('the server is shutting down'));
    },
    /** Closes the connections when their requests are done, or after `timeoutMs` at the latest. */
    async close(timeoutMs: number): Promise<void> {
      await Promise.race([pool.close(), sleep(timeoutMs, undefined, { ref: false })]);
      // Not awaited: a connection that is being opened cannot be cancelled.
      pool.destroy().catch(() => {});
    },
  };
}

/** HTTP to upstream. */
export type UpstreamClient = ReturnType<typeof createUpstreamClient>;
