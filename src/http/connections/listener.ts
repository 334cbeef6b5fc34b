import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, BlockList, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Client, findClient } from './client-address.ts';
import { type LoadLimits, LoopDelay, usualLoadLimits } from './overload.ts';
import {
  hasHost,
  refuseBadHost,
  refuseBusy,
  refuseConnection,
  refuseTooManyHeaders,
  slowest,
  tooManyPieces,
  unreadableFor,
} from './refuse.ts';
import { readRequestBody, watchPieces } from './request-body.ts';
import { type Wait, type WaitBounds, Waits } from './waits.ts';

/** More than any honest client sends, proxies included. */
const maxHeaders = 100;

/** The largest head of a request, in bytes: a token that grants 250 accounts is 13 KiB of it. */
const maxHeadBytes = 32 * 1024;

/** What a caller may call its request: nothing that could pretend to be another header or another line of the log. */
const acceptable = /^[\w.:-]{1,128}$/;

/**
 * Gives the request its id: the caller's `x-request-id` when that is fit to be repeated, else a new one. From here on it
 * stands in `request.headers['x-request-id']`, and the response will carry it, whoever writes that.
 */
function identifyRequest(request: IncomingMessage, response: ServerResponse): void {
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && acceptable.test(given) ? given : randomUUID();
  request.headers['x-request-id'] = id;
  response.setHeader('x-request-id', id);
}

/** Probes would take a busy server for a dead one if they were refused. */
const probes = new Set(['/health', '/ready', '/metrics']);

/** True for what costs no more than to refuse it: probes, and GraphiQL's files, of which a page that is open needs every one. */
function isCheap({ method, url = '' }: IncomingMessage): boolean {
  return probes.has(url.split('?', 1)[0] ?? '') || (method === 'GET' && url.startsWith('/graphql?asset='));
}

/**
 * How many requests of one connection may be without their answers. Those that come in one packet are read in one turn of the
 * event loop, and a packet has room for a thousand: a few such connections would keep it from everybody else.
 */
const maxPipelined = 32;

/** How often a draining listener closes connections that have become idle. */
const sweepIntervalMs = 20;

/** How long, after the last answer, refusals that are still being read may hold up the end of a drain. */
const farewellMs = 1_000;

/** How long a client may take over each part of a request, and of its answer. */
export interface Patience {
  readonly headersMs: number;
  /** For all of a request, headers and body. */
  readonly requestMs: number;
  /** For the next byte of an answer to be taken, when there is one. */
  readonly unreadMs: number;
  /** How often it is looked at: so much later than the above may a connection be closed. */
  readonly checkIntervalMs: number;
}

/** Headers and bodies that dribble in hold a socket each: an honest client needs no longer. */
const usualPatience: Patience = { headersMs: 5_000, requestMs: 10_000, unreadMs: 30_000, checkIntervalMs: 1_000 };

/** What the server holds for clients that are not done. */
export interface ListenerBounds {
  /** Connections that send a request: its head, which may be 32 KiB, or its body. */
  readonly arriving: WaitBounds;
  /** Connections without a request. */
  readonly idle: WaitBounds;
  /** Answers that are not read. */
  readonly unread: WaitBounds;
}

const unbounded = Number.POSITIVE_INFINITY;
const mebibyte = 1024 * 1024;

/** One client may send as many requests at once as the server has in flight: it may be a gateway. */
export const usualBounds: ListenerBounds = {
  arriving: { maxCount: 2_048, maxCountPerClient: 1_024, maxBytes: 32 * mebibyte, maxBytesPerClient: 16 * mebibyte },
  idle: { maxCount: 4_096, maxCountPerClient: unbounded, maxBytes: unbounded, maxBytesPerClient: unbounded },
  unread: { maxCount: 1_024, maxCountPerClient: unbounded, maxBytes: 128 * mebibyte, maxBytesPerClient: unbounded },
};

/** An HTTP server that can be drained. */
export interface Listener {
  /** How many whole requests have no answer yet, but for probes and GraphiQL's files. */
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

/** Answers a request whose body is there. */
export type Handle = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** How a listener treats its clients. */
export interface ListenerOptions {
  /**
   * How long a connection may be without a byte either way while an answer is due on it, in milliseconds. A client that
   * sleeps in the middle of an answer holds a connection to upstream with its own.
   */
  readonly quietTimeoutMs: number;
  /** How long a connection without a request is kept, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** The proxies whose `X-Forwarded-For` says who their clients are. */
  readonly trustedProxies?: BlockList | undefined;
  readonly loadLimits?: LoadLimits | undefined;
  readonly bounds?: ListenerBounds;
  readonly patience?: Patience;
  /** Called for each answer, and for each client that left before its answer. */
  readonly onAnswer?: (status: number | 'left', durationMs: number) => void;
}

/** A connection, as long as it is open. */
interface Connection {
  readonly client: Client;
  /** Requests on it that are not all there, and answers that are not all out. */
  unfinished: number;
  /** Answers that are not all out. */
  unanswered: number;
  /** For its next request, while there is none. */
  wait: Wait | undefined;
  /** How much had come when it became idle; undefined unless it is. */
  idleAtBytes: number | undefined;
  /** The answer to the request that came last. */
  last: ServerResponse | undefined;
}

/** A request whose answer is not all out. */
interface Taken {
  readonly response: ServerResponse;
  /** Tells which of a connection came first. */
  readonly number: number;
  /** Its index among all of them. */
  index: number;
  /** The size of its body, once it is in flight. */
  inFlightBytes: number | undefined;
  /** True when its whole answer waits for its reader. */
  isAnswered: boolean;
  /** While some of the answer is not read. */
  unread: Wait | undefined;
}

const byArrival = (one: Taken, other: Taken) => one.number - other.number;

/** What runs at the end of this turn of the event loop, and of the next: one immediate is set for all of a turn. */
let dueNextTurn: (() => void)[] = [];
let dueTurnAfter: (() => void)[] = [];

function endTurn(): void {
  const due = dueNextTurn;
  dueNextTurn = dueTurnAfter;
  dueTurnAfter = [];
  if (dueNextTurn.length > 0) setImmediate(endTurn);
  for (const callback of due) {
    try {
      callback();
    } catch (error) {
      // It is as uncaught as it would be by itself, and the others are called all the same.
      setImmediate(() => {
        throw error;
      });
    }
  }
}

/**
 * Calls back when everything has been read that has come in by now. A socket's bytes and its end are read in two turns of
 * the event loop; an immediate is run at the end of its turn.
 */
function afterNextTurn(callback: () => void): void {
  if (dueNextTurn.length === 0 && dueTurnAfter.length === 0) setImmediate(endTurn);
  dueTurnAfter.push(callback);
}

/**
 * Makes a listener for requests. Each gets an id; those that are too many, too big or too slow never reach `handle`, nor
 * do those whose clients have closed, reset or half-closed their connections by the time they are read.
 */
export function createListener(
  handle: Handle,
  {
    quietTimeoutMs,
    keepAliveTimeoutMs,
    trustedProxies,
    loadLimits: { maxInFlight, maxInFlightBytes, maxDelayMs } = usualLoadLimits,
    bounds = usualBounds,
    patience = usualPatience,
    onAnswer = () => {},
  }: ListenerOptions,
): Listener {
  let isDraining = false;
  const drained = Promise.withResolvers<void>();
  const open: Taken[] = [];
  let takenCount = 0;
  let inFlightCount = 0;
  let inFlightBytes = 0;
  /** How many of them have whole answers that wait for their readers: they have a bound of their own, and no other client waits for them. */
  let answeredCount = 0;
  const loopDelay = new LoopDelay();
  const server = createServer({
    maxHeaderSize: maxHeadBytes,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkIntervalMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Node's own refusal has neither an id nor a reason.
    requireHostHeader: false,
  });
  server.timeout = quietTimeoutMs;
  // Node leaves out what is beyond this without a word, so it must let through enough to be noticed.
  server.maxHeadersCount = maxHeaders + 1;

  const arriving = new Waits(bounds.arriving);
  const idle = new Waits(bounds.idle);
  const unread = new Waits(bounds.unread);
  const connections = new Map<Socket, Connection>();

  function take(response: ServerResponse): Taken {
    takenCount += 1;
    const [number, index] = [takenCount, open.length];
    const taken = { response, number, index, inFlightBytes: undefined, isAnswered: false, unread: undefined };
    open.push(taken);
    return taken;
  }

  function settle(taken: Taken): void {
    // The last one takes its index.
    const last = open.pop() as Taken;
    if (last !== taken) {
      open[taken.index] = last;
      last.index = taken.index;
    }
    taken.unread?.end();
    if (taken.inFlightBytes === undefined) return;
    inFlightCount -= 1;
    inFlightBytes -= taken.inFlightBytes;
    if (taken.isAnswered) answeredCount -= 1;
    // Not before the first answer: that one finds all code cold, and to be slow at it is no overload.
    if (!isDraining) loopDelay.start();
    else if (inFlightCount === 0) drained.resolve();
  }

  const isFull = () => inFlightCount - answeredCount >= maxInFlight || inFlightBytes > maxInFlightBytes;

  function noteAnswered(): void {
    for (const taken of open) {
      if (taken.inFlightBytes === undefined || taken.isAnswered || !taken.response.writableEnded) continue;
      taken.isAnswered = true;
      answeredCount += 1;
      inFlightBytes -= taken.inFlightBytes;
      taken.inFlightBytes = 0;
    }
  }

  function isOverloaded(): boolean {
    if (isFull()) noteAnswered();
    if (isFull()) return true;
    // With nothing in flight, whatever kept the loop is over, and no request would be spared by refusing one.
    return inFlightCount > 0 && loopDelay.currentMs > maxDelayMs;
  }

  /** Refuses a request that may not be begun now, for whatever it asks; false when it may. */
  function isRefused(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    if (isDraining && path !== '/health') refuseBusy(request, response, 'draining');
    else if (!isDraining && !isCheap(request) && isOverloaded()) refuseBusy(request, response, 'overloaded');
    else return false;
    return true;
  }

  let connectionCount = 0;
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    const client = findClient(socket.remoteAddress, undefined, trustedProxies);
    const connection: Connection = {
      client,
      unfinished: 0,
      unanswered: 0,
      wait: undefined,
      idleAtBytes: undefined,
      last: undefined,
    };
    connections.set(socket, connection);
    connection.wait = arriving.begin(client, () => cutOff(socket));
    socket.once('close', () => {
      connections.delete(socket);
      connection.wait?.end();
    });
  });

  /** A connection is kept for its client's next request, of which nothing is there. */
  function beginIdle(socket: Socket, connection: Connection): void {
    connection.idleAtBytes = socket.bytesRead;
    connection.wait = idle.begin(connection.client, () => {
      if (socket.bytesRead === connection.idleAtBytes) socket.destroy();
      else cutOff(socket);
    });
  }

  /** A request begins to arrive on a connection that was idle. */
  function beginNextHead(socket: Socket, connection: Connection): void {
    connection.idleAtBytes = undefined;
    connection.wait?.end();
    connection.wait = arriving.begin(connection.client, () => cutOff(socket));
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // The rest of a packet after which the connection was ended: none of it is begun.
    if (socket.destroyed) return;
    const connection = connections.get(socket);
    // Behind an answer that closes the connection no other can be given (RFC 9112 section 9.6): it would be lost with a delete.
    if (connection?.last?.getHeader('connection') === 'close') return;
    if (connection && connection.unanswered >= maxPipelined) return void socket.destroy();
    const taken = take(response);
    const startMs = performance.now();
    connection?.wait?.end();
    function finishOne(): void {
      if (!connection) return;
      connection.unfinished -= 1;
      if (connection.unfinished === 0 && !socket.destroyed) beginIdle(socket, connection);
    }
    if (connection) {
      connection.unfinished += 2;
      connection.unanswered += 1;
      connection.wait = undefined;
      connection.idleAtBytes = undefined;
      connection.last = response;
    }
    response.once('close', () => {
      settle(taken);
      if (connection) connection.unanswered -= 1;
      finishOne();
      onAnswer(response.writableFinished ? response.statusCode : 'left', performance.now() - startMs);
    });
    request.once('close', () => {
      body.end();
      finishOne();
    });
    let giveUpBody = () => {};
    const forwardedFor = trustedProxies && request.headers['x-forwarded-for']?.toString();
    const client =
      connection && forwardedFor === undefined
        ? connection.client
        : findClient(socket.remoteAddress, forwardedFor, trustedProxies);
    const body = arriving.begin(client, () => {
      // Of many in one packet, the rest may not have been looked at.
      if (request.complete) return;
      giveUpBody();
      // Refused already, and its client goes on to send.
      if (response.writableFinished) socket.destroy();
      else cutOff(socket);
    });

    watchPieces(request, () => {
      giveUpBody();
      cutOff(socket, tooManyPieces());
    });
    identifyRequest(request, response);
    if (request.rawHeaders.length > 2 * maxHeaders) return refuseTooManyHeaders(request, response);
    if (!hasHost(request)) return refuseBadHost(request, response);
    const path = request.url?.split('?', 1)[0] ?? '';
    if (isRefused(request, response, path)) return;
    // A kept connection's events come as those of its first request.
    const asyncContext = new AsyncResource('EngagementsRequest');
    giveUpBody = readRequestBody(request, response, {
      onBytes: (bytes) => body.hold(bytes),
      onEnd: (bytes) => {
        body.end();
        // Many may have come to their ends since this one's head was there.
        if (isRefused(request, response, path)) return;
        if (isDraining) response.setHeader('connection', 'close');
        else if (!isCheap(request)) {
          taken.inFlightBytes = bytes.length;
          inFlightCount += 1;
          inFlightBytes += bytes.length;
        }
        // A busy process reads a request long after it came, and only a turn later that its client has left. Begun before
        // that, it would delete what its caller, asking again under the same key, has been told is not deleted.
        afterNextTurn(() => {
          if (response.destroyed || socket.destroyed || socket.readableEnded) response.destroy();
          else asyncContext.runInAsyncScope(handle, undefined, request, response, bytes);
        });
      },
    });
  });

  /** Connections that end with the answers that are still due on them. */
  const ending = new WeakSet<Duplex>();
  /**
   * Ends a connection on which a request will not be read to its end, with an answer that says why.
   * @param error what Node found; without one, the request is the slowest of too many.
   */
  function cutOff(socket: Duplex, error?: NodeJS.ErrnoException): void {
    if (ending.has(socket)) return;
    const waiting = open
      .filter(({ response }) => response.req.socket === socket)
      .sort(byArrival)
      .map(({ response }) => response);
    const last = waiting.findLast(({ req, writableFinished }) => req.complete && !writableFinished);
    // Of several requests on a connection, the one whose answer is next has the socket.
    if (!last) {
      const next = waiting.find((response) => response.socket === socket);
      refuseConnection(error ? unreadableFor(error) : slowest, socket, next);
      socket.destroy(error);
      return;
    }
    // What cannot be read came after requests that could: they may have deleted something, and their answers must say so.
    ending.add(socket);
    socket.pause();
    if (!last.headersSent) last.setHeader('connection', 'close');
    last.once('finish', () => socket.end());
  }
  server.on('clientError', (error, socket) => cutOff(socket, error));

  /** Finds what Node has no event for: answers that are not read, and connections on which a head begins to arrive. */
  function lookAround(): void {
    for (const taken of open) {
      const { response } = taken;
      const { socket } = response.req;
      const unreadBytes = response.writableLength;
      // Yoga switches a connection's timeout off when it begins to stream an answer. Node's starts anew with each byte taken.
      const timeoutMs = unreadBytes > 0 ? Math.min(patience.unreadMs, quietTimeoutMs) : quietTimeoutMs;
      // Those behind it on the connection are not its client's to read yet; what they hold counts all the same.
      if (response.socket && socket.timeout !== timeoutMs) socket.setTimeout(timeoutMs);
      if (unreadBytes === 0) {
        taken.unread?.end();
        taken.unread = undefined;
      } else if (!taken.unread) {
        const client = connections.get(socket)?.client;
        // Nothing can be added to the middle of an answer.
        if (client) taken.unread = unread.begin(client, () => socket.destroy());
      }
      taken.unread?.hold(unreadBytes);
    }
    for (const [socket, connection] of connections)
      if (connection.idleAtBytes !== undefined && socket.bytesRead > connection.idleAtBytes)
        beginNextHead(socket, connection);
  }
  let looking: NodeJS.Timeout | undefined;

  function listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        looking = setInterval(lookAround, patience.checkIntervalMs).unref();
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
      const before = connectionCount;
      await nextTurn();
      await nextTurn();
      if (connectionCount === before || performance.now() > giveUpAtMs) return;
    }
  }

  const countConnections = promisify(server.getConnections.bind(server));

  async function drain(noticeMs = 0): Promise<void> {
    isDraining = true;
    const noticedAtMs = performance.now() + noticeMs;
    // Told to, a client sends its next request elsewhere instead of into a connection that is about to go.
    // Of several on a connection, the last: with an earlier one, the answers behind it would be lost.
    const due = open.filter((taken) => taken.inFlightBytes !== undefined).sort(byArrival);
    const lastOf = new Map(due.map(({ response }) => [response.req.socket, response]));
    for (const response of lastOf.values()) if (!response.headersSent) response.setHeader('connection', 'close');
    if (inFlightCount > 0) await drained.promise;
    while (performance.now() < noticedAtMs && (await countConnections()) > 0) await sleep(sweepIntervalMs);
    await nobodyWaits();
    clearInterval(looking);
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
      return inFlightCount;
    },
    listen,
    drain,
  };
}
