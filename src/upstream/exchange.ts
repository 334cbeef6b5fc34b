import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Attempt, FailureReason, UnreadableReason, UpstreamAnswer } from './attempt.ts';
import { type Deadline, deadlines, type Expiring } from './deadlines.ts';

/** The options of an {@link Exchange}. */
export interface ExchangeOptions {
  /** The largest body to collect, in bytes. A larger one is given up, but its status counts. */
  readonly maxBytes: number;
  /** True to pass a 2xx body on as a stream. */
  readonly streams: boolean;
  /** When the status must have arrived, by `performance.now()`. */
  readonly answerBy: number;
  /** When a collected body must be complete, by `performance.now()`. */
  readonly deadlineAt: number;
  /** How long a streamed body may be without new bytes while it is being read. */
  readonly idleTimeoutMs: number;
  /** Called right before the request is written. */
  readonly onStart: (exchange: Exchange) => void;
  /** Called when undici is done with the request and its body, and the connection is free or closed. */
  readonly onDone: () => void;
  /** Called first with an answer. The answer may be read once the result settles. */
  readonly onAnswer: (answer: UpstreamAnswer) => UpstreamAnswer | Promise<UpstreamAnswer>;
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

/**
 * One request in flight. It turns undici's reports into an {@link Attempt}, and has a deadline of its own, since undici's timers are
 * accurate to a second only.
 */
export class Exchange implements Dispatcher.DispatchHandler, Expiring {
  /** Settles exactly once, never rejects. */
  readonly attempt: Promise<Attempt>;
  readonly #options: ExchangeOptions;
  #settle: (attempt: Attempt | Promise<Attempt>) => void = () => {};
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #connection: Socket | undefined;
  #statusCode: number | undefined;
  #headers: Record<string, string> = {};
  #chunks: Buffer[] = [];
  #byteCount = 0;
  #stream: Readable | undefined;
  #deadline: Deadline;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.attempt = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#deadline = deadlines.add(options.answerBy, this);
  }

  /** If the status arrived in time, the body has until the deadline. */
  expire(): void {
    const { deadlineAt } = this.#options;
    if (this.#statusCode !== undefined && performance.now() < deadlineAt)
      this.#deadline = deadlines.add(deadlineAt, this);
    else this.#giveUp('timeout', this.#controller ? 'timeout' : 'unconnected');
  }

  /** undici calls this right before it writes. From here on the request counts as sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A request that waited too long for its connection must not be sent: this is before its first byte.
    if (this.#settled) {
      controller.abort(new Error('gave up before sending'));
    } else {
      this.#controller = controller;
      this.#options.onStart(this);
    }
  }

  /** Sets the connection of the request. */
  useConnection(connection: Socket): void {
    this.#connection = connection;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
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
    else if (Number(this.#headers['content-length'] ?? 0) > this.#options.maxBytes)
      this.#giveUp('too-large', 'protocol');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stream) {
      clearTimeout(this.#idleTimer);
      if (!this.#stream.push(chunk)) controller.pause();
      return;
    }
    this.#byteCount += chunk.length;
    if (this.#byteCount > this.#options.maxBytes) this.#giveUp('too-large', 'protocol');
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#idleTimer);
    this.#options.onDone();
    if (this.#stream) this.#stream.push(null);
    else if (this.#statusCode !== undefined) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      // The answer keeps this exchange in memory, and would keep the chunks too.
      this.#chunks = [];
      this.#finish({ kind: 'complete', bytes });
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
        this.#idleTimer = setTimeout(() => stream.destroy(new Error('stalled')), this.#options.idleTimeoutMs);
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

  #finish(body: Extract<Attempt, { kind: 'answer' }>['body']): void {
    const disconnect = () => void this.#connection?.destroy();
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
    this.#deadline.cancel();
    this.#settle(attempt.kind === 'answer' ? this.#options.onAnswer(attempt) : attempt);
  }
}
