import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type LoadLimits, LoopDelay, usualLoadLimits } from './overload.ts';
import { hasHost, refuseBadHost, refuseBusy, refuseTooManyHeaders, refuseUnreadable } from './refuse.ts';
import { identifyRequest } from './request-id.ts';

/** More than any honest client sends, proxies included. */
const maxHeaders = 100;

/** What whoever watches this server asks for; refused, it would take a busy server for a dead one. */
const probes = new Set(['/health', '/ready', '/metrics']);

/** How often a draining listener closes connections that have become idle. */
const sweepIntervalMs = 20;

/** How long, after the last answer, refusals that are still being read may hold up the end of a drain. */
const farewellMs = 1_000;

/** How long a client may take over each part of a request. */
export interface Patience {
  readonly headersMs: number;
  /** For all of a request, headers and body. */
  readonly requestMs: number;
  /** How often it is looked at: so much later than the above may a connection be closed. */
  readonly checkIntervalMs: number;
}

/** Headers and bodies that dribble in hold a socket each: an honest client needs no longer. */
const usualPatience: Patience = { headersMs: 5_000, requestMs: 10_000, checkIntervalMs: 1_000 };

/** An HTTP server that can be drained. */
export interface Listener {
  /** How many requests have no answer yet, but for those of whoever watches this server. */
  readonly inFlight: number;
  /**
   * Listens, and tells where, without a path.
   * @param port 0 takes any free one.
   * @throws when it cannot, such as `EADDRINUSE`.
   */
  listen(host: string, port: number): Promise<string>;
  /**
   * Takes nothing new, answers what is in flight, and settles when the last connection is closed. Until the last answer
   * is out it goes on listening, so that whoever comes is told to try elsewhere.
   * @param noticeMs for so long it goes on to listen, from the call on, as long as anybody is connected: a request that
   * meets the end of a kept connection is lost, and nobody may send it again who cannot know that it was not read.
   */
  drain(noticeMs?: number): Promise<void>;
}

/**
 * Makes a listener for requests. Each gets an id; those that are too many, too big or too slow never reach `handle`.
 * @param onAnswer hears of each answer, and of each client that left before it had one.
 * @param quietTimeoutMs how long a connection may be without a byte either way. A client that sleeps in the middle of an
 * answer holds a connection to upstream with its own.
 */
export function createListener(
  handle: RequestListener,
  quietTimeoutMs: number,
  { maxInFlight, maxDelayMs }: LoadLimits = usualLoadLimits,
  patience: Patience = usualPatience,
  onAnswer: (status: number | 'left', durationMs: number) => void = () => {},
): Listener {
  let isDraining = false;
  const drained = Promise.withResolvers<void>();
  const open = new Set<ServerResponse>();
  const inFlight = new Set<ServerResponse>();
  const loopDelay = new LoopDelay();
  const server = createServer({
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkIntervalMs,
    // Node's own refusal has neither an id nor a reason.
    requireHostHeader: false,
  });
  server.timeout = quietTimeoutMs;
  // Node leaves out what is beyond this without a word, so it must let through enough to be noticed.
  server.maxHeadersCount = maxHeaders + 1;

  function settle(response: ServerResponse): void {
    open.delete(response);
    if (!inFlight.delete(response)) return;
    // Not before the first answer: that one finds all code cold, and to be slow at it is no overload.
    if (!isDraining) loopDelay.start();
    else if (inFlight.size === 0) drained.resolve();
  }

  function isOverloaded(): boolean {
    if (inFlight.size >= maxInFlight) return true;
    // With nothing in flight, whatever kept the loop is over, and no request would be spared by refusing one.
    return inFlight.size > 0 && loopDelay.currentMs > maxDelayMs;
  }

  let takenCount = 0;
  server.on('connection', () => {
    takenCount += 1;
  });

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    open.add(response);
    const startMs = performance.now();
    response.once('close', () => {
      settle(response);
      onAnswer(response.writableFinished ? response.statusCode : 'left', performance.now() - startMs);
    });
    identifyRequest(request, response);
    if (request.rawHeaders.length > 2 * maxHeaders) return refuseTooManyHeaders(request, response);
    if (!hasHost(request)) return refuseBadHost(request, response);
    const path = request.url?.split('?', 1)[0] ?? '';
    if (isDraining) {
      if (path !== '/health') return refuseBusy(request, response, 'draining');
      response.setHeader('connection', 'close');
    } else if (!probes.has(path)) {
      if (isOverloaded()) return refuseBusy(request, response, 'overloaded');
      inFlight.add(response);
    }
    handle(request, response);
  });

  /** Connections that end with the answers that are still due on them. */
  const ending = new WeakSet<Duplex>();
  server.on('clientError', (error, socket) => {
    if (ending.has(socket)) return;
    const waiting = [...open].filter(({ req }) => req.socket === socket);
    const last = waiting.findLast(({ req, writableFinished }) => req.complete && !writableFinished);
    // Of several requests on a connection, the one whose answer is next has the socket.
    if (!last)
      return refuseUnreadable(
        error,
        socket,
        waiting.find((response) => response.socket === socket),
      );
    // What cannot be read came after requests that could: they may have deleted something, and their answers must say so.
    ending.add(socket);
    socket.pause();
    if (!last.headersSent) last.setHeader('connection', 'close');
    last.once('finish', () => socket.end());
  });

  /** Yoga switches a connection's timeout off when it begins to stream an answer. */
  function restoreTimeouts(): void {
    for (const { socket } of inFlight) if (socket?.timeout === 0) socket.setTimeout(quietTimeoutMs);
  }
  let restoring: NodeJS.Timeout | undefined;

  function listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        restoring = setInterval(restoreTimeouts, patience.checkIntervalMs).unref();
        const { address, family, port: chosen } = server.address() as AddressInfo;
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`);
      });
    });
  }

  /**
   * Settles in a turn of the event loop in which nobody was left to be taken. The system resets whoever has connected, and
   * perhaps sent a request, and is not taken when the port is closed. Many that come at once are taken one in a turn.
   */
  async function nobodyWaits(): Promise<void> {
    const giveUpAtMs = performance.now() + farewellMs;
    for (;;) {
      const before = takenCount;
      await nextTurn();
      await nextTurn();
      if (takenCount === before || performance.now() > giveUpAtMs) return;
    }
  }

  const countConnections = promisify(server.getConnections.bind(server));

  async function drain(noticeMs = 0): Promise<void> {
    isDraining = true;
    const noticedAtMs = performance.now() + noticeMs;
    // Told to, a client sends its next request elsewhere instead of into a connection that is about to go.
    for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close');
    if (inFlight.size > 0) await drained.promise;
    while (performance.now() < noticedAtMs && (await countConnections()) > 0) await sleep(sweepIntervalMs);
    await nobodyWaits();
    clearInterval(restoring);
    loopDelay.stop();
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    // A connection whose last answer is out is idle, and would else be kept for the client's next request.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
    const farewell = setTimeout(() => server.closeAllConnections(), farewellMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(farewell);
  }

  return {
    get inFlight() {
      return inFlight.size;
    },
    listen,
    drain,
  };
}
