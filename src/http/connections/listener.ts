import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, BlockList, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { readCors } from './cors.ts';
import { createLoad, type InFlight, type LoadLimits } from './overload.ts';
import { hasHost, type Refusal, refusals, refuse, refuseConnection, unreadableFor } from './refuse.ts';
import { readRequestBody, watchPieces } from './request-body.ts';
import { type Client, findClient, type Wait, type WaitBounds, Waits } from './waits.ts';

/** More headers than any honest client sends, proxies included. */
const maxHeaders = 100;

/** The largest head of a request, in bytes. A token that grants 250 accounts takes 13 KiB. */
const maxHeadBytes = 32 * 1024;

/** The form of a caller's request id. It cannot pass for another header or another log line. */
const acceptable = /^[\w.:-]{1,128}$/;

/** The id of a request: the caller's `x-request-id` if it is acceptable, else a new one. */
export function requestIdFrom(given: unknown): string {
  return typeof given === 'string' && acceptable.test(given) ? given : randomUUID();
}

/** If these were refused, a busy server would look dead to its probes. */
const probes = new Set(['/health', '/ready', '/metrics']);

/** True for requests that cost no more than a refusal: probes, and the files of pages, all of which an open page needs. */
function isCheap({ method, url = '' }: IncomingMessage): boolean {
  return probes.has(url.split('?', 1)[0] ?? '') || (method === 'GET' && /^\/(graphql|bulk)\?asset=/.test(url));
}

/** How many unanswered requests one connection may have: all of a packet are read in one turn of the event loop, which blocks all others. */
const maxPipelined = 32;

/** How often a draining listener closes connections that have become idle. */
const sweepIntervalMs = 20;

/** How long a drain waits, after the last answer, for clients that are still reading a refusal. */
const drainGraceMs = 1_000;

/** How long a client may take for each part of a request and its answer. */
export interface Patience {
  readonly headersMs: number;
  /** For the whole request, headers and body. */
  readonly requestMs: number;
  /** For reading the next byte of an answer. */
  readonly unreadMs: number;
  /** How often the limits above are checked. A connection may be closed this much late. */
  readonly checkIntervalMs: number;
}

/** Long enough for honest clients. Each slow one holds a socket. */
const defaultPatience: Patience = { headersMs: 5_000, requestMs: 10_000, unreadMs: 30_000, checkIntervalMs: 1_000 };

/** How much the server holds for connections on which a request is arriving, connections without one, and answers that are not read. */
export type ListenerBounds = Readonly<Record<'arriving' | 'idle' | 'unread', WaitBounds>>;

const unbounded = Number.POSITIVE_INFINITY;
const mebibyte = 1024 * 1024;

/** One client may use all requests in flight: it may be a gateway. */
export const defaultBounds: ListenerBounds = {
  arriving: { maxCount: 2_048, maxCountPerClient: 1_024, maxBytes: 32 * mebibyte, maxBytesPerClient: 16 * mebibyte },
  idle: { maxCount: 4_096, maxCountPerClient: unbounded, maxBytes: unbounded, maxBytesPerClient: unbounded },
  unread: { maxCount: 1_024, maxCountPerClient: unbounded, maxBytes: 128 * mebibyte, maxBytesPerClient: unbounded },
};

/** The address at which a server listens, without a path. */
export function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** Answers a request whose body is complete. */
export type Handle = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** How a listener treats its clients. */
export interface ListenerOptions {
  /** How long a connection may be silent both ways while an answer is due on it, in milliseconds: it may hold one to upstream. */
  readonly quietTimeoutMs: number;
  /** How long a connection without a request is kept, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** The proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies?: BlockList | undefined;
  /** The origins whose pages may read answers. */
  readonly corsOrigins?: ReadonlySet<string> | undefined;
  readonly loadLimits?: LoadLimits | undefined;
  readonly bounds?: ListenerBounds;
  readonly patience?: Patience;
  /** Called for each answer, and for each client that disconnected before its answer. */
  readonly onAnswer?: (status: number | 'left', durationMs: number) => void;
}

/** An open connection. */
interface Connection {
  readonly client: Client;
  /** How many of its requests and answers are not complete. */
  unfinished: number;
  /** How many of its answers are not complete. */
  unanswered: number;
  /** The wait for its next request, while there is none. */
  wait: Wait | undefined;
  /** How many bytes had been read when it became idle; undefined while it is not. */
  idleAtBytes: number | undefined;
  /** The answer to its latest request. */
  last: ServerResponse | undefined;
}

/** A request whose answer is not complete. */
interface Taken {
  readonly response: ServerResponse;
  /** Orders the requests of a connection. */
  readonly number: number;
  /** Its index in `open`. */
  index: number;
  /** Once its body is complete. */
  inFlight: InFlight | undefined;
  /** The wait for its client, while part of the answer is not read. */
  unread: Wait | undefined;
}

const byArrival = (one: Taken, other: Taken) => one.number - other.number;

/** Callbacks for the end of this turn of the event loop and the next. One immediate runs all of a turn: two for each request cost more. */
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
      // The error stays uncaught, and the other callbacks are called anyway.
      setImmediate(() => {
        throw error;
      });
    }
  }
}

function enqueue(queue: (() => void)[], callback: () => void): void {
  if (dueNextTurn.length === 0 && dueTurnAfter.length === 0) setImmediate(endTurn);
  queue.push(callback);
}

/** Calls back when all input that has arrived by now is read: a socket's bytes and its end are read in two turns of the event loop. */
const afterNextTurn = (callback: () => void) => enqueue(dueTurnAfter, callback);

/**
 * Settles when the sockets that have input now are read. Answers that are written together cost less: the first one wakes the process
 * that reads them, if all clients are one, such as a gateway.
 */
export const endOfTurn = (): Promise<void> => new Promise((resolve) => enqueue(dueNextTurn, resolve));

/**
 * Creates a listener: an HTTP server that can be drained. Each request gets an id. Requests that are too many, too big or too slow
 * never reach `handle`, nor do those whose client has closed, reset or half-closed its connection by the time they are read.
 */
export function createListener(
  handle: Handle,
  { bounds = defaultBounds, patience = defaultPatience, onAnswer = () => {}, ...options }: ListenerOptions,
) {
  const { quietTimeoutMs, trustedProxies, corsOrigins } = options;
  const open: Taken[] = [];
  let takenCount = 0;
  const load = createLoad(options.loadLimits);
  const server = createServer({
    maxHeaderSize: maxHeadBytes,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkIntervalMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    // Node's own refusal has no id and no reason.
    requireHostHeader: false,
  });
  server.timeout = quietTimeoutMs;
  // Node drops further headers silently: one more than allowed makes the excess visible.
  server.maxHeadersCount = maxHeaders + 1;

  const arriving = new Waits(bounds.arriving);
  const idle = new Waits(bounds.idle);
  const unread = new Waits(bounds.unread);
  const connections = new Map<Socket, Connection>();

  function settle(taken: Taken): void {
    // The last one moves to its index.
    const last = open.pop() as Taken;
    if (last !== taken) {
      open[taken.index] = last;
      last.index = taken.index;
    }
    taken.unread?.end();
    taken.inFlight?.end();
  }

  function isOverloaded(): boolean {
    // Of requests that only wait for their clients to read the answer, `unread` bounds the number.
    if (load.isFull()) for (const { response, inFlight } of open) if (response.writableEnded) inFlight?.answer();
    return load.isOverloaded();
  }

  /** Refuses any request that may not start now. False when it may. */
  function isRefused(request: IncomingMessage, response: ServerResponse): boolean {
    let refusal: Refusal | undefined;
    if (load.isDraining) refusal = request.url?.split('?', 1)[0] === '/health' ? undefined : refusals.draining;
    else if (!isCheap(request) && isOverloaded()) refusal = refusals.overloaded;
    if (refusal) refuse(request, response, refusal);
    return refusal !== undefined;
  }

  let connectionCount = 0;
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    const client = findClient(socket.remoteAddress, undefined, trustedProxies);
    const wait = arriving.begin(client, () => cutOff(socket));
    const connection: Connection = {
      client,
      unfinished: 0,
      unanswered: 0,
      wait,
      idleAtBytes: undefined,
      last: undefined,
    };
    connections.set(socket, connection);
    socket.once('close', () => {
      connections.delete(socket);
      connection.wait?.end();
    });
  });

  /** Keeps a connection for its client's next request. */
  function beginIdle(socket: Socket, connection: Connection): void {
    connection.idleAtBytes = socket.bytesRead;
    connection.wait = idle.begin(connection.client, () => {
      if (socket.bytesRead === connection.idleAtBytes) socket.destroy();
      else cutOff(socket);
    });
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket, headers } = request;
    const connection = connections.get(socket);
    // The connection was ended in the middle of a packet: the requests in the rest of it are not started.
    if (socket.destroyed || !connection) return;
    // No answer can follow one that closes the connection (RFC 9112 section 9.6): the outcome of a delete would be lost.
    if (connection.last?.getHeader('connection') === 'close') return;
    if (connection.unanswered >= maxPipelined) return void socket.destroy();
    const startMs = performance.now();
    takenCount += 1;
    const taken: Taken = { response, number: takenCount, index: open.length, inFlight: undefined, unread: undefined };
    open.push(taken);
    connection.wait?.end();
    connection.wait = undefined;
    connection.idleAtBytes = undefined;
    connection.unfinished += 2;
    connection.unanswered += 1;
    connection.last = response;
    const finishOne = () => {
      connection.unfinished -= 1;
      if (connection.unfinished === 0 && !socket.destroyed) beginIdle(socket, connection);
    };
    response.once('close', () => {
      settle(taken);
      connection.unanswered -= 1;
      finishOne();
      onAnswer(response.writableFinished ? response.statusCode : 'left', performance.now() - startMs);
    });
    request.once('close', () => {
      body.end();
      finishOne();
    });
    let giveUpBody = () => {};
    const forwardedFor = trustedProxies && headers['x-forwarded-for']?.toString();
    const { remoteAddress } = socket;
    const client = forwardedFor ? findClient(remoteAddress, forwardedFor, trustedProxies) : connection.client;
    const body = arriving.begin(client, () => {
      // Of many requests in one packet, later ones may not have been handled yet.
      if (request.complete) return;
      giveUpBody();
      // Already refused, and its client is still sending.
      if (response.writableFinished) socket.destroy();
      else cutOff(socket);
    });
    watchPieces(request, () => {
      giveUpBody();
      cutOff(socket, refusals.tooManyPieces);
    });
    const id = requestIdFrom(headers['x-request-id']);
    headers['x-request-id'] = id;
    response.setHeader('x-request-id', id);
    if (request.rawHeaders.length > 2 * maxHeaders) return refuse(request, response, refusals.headersTooLarge);
    if (!hasHost(request)) return refuse(request, response, refusals.badHost);
    // Before any refusal of load: a page must be able to read the reason.
    const cors = corsOrigins && readCors(corsOrigins, request.method, (name) => headers[name]?.toString() ?? null);
    if (cors) response.setHeaders(new Map(Object.entries(cors.headers)));
    if (cors?.isPreflight) return void response.writeHead(204).end();
    if (isRefused(request, response)) return;
    // Without this, events of a kept connection run in the context of its first request.
    const asyncContext = new AsyncResource('EngagementsRequest');
    function onBody(bytes: Buffer): void {
      body.end();
      // Many other requests may have been completed since this one's head was read.
      if (isRefused(request, response)) return;
      if (load.isDraining) response.setHeader('connection', 'close');
      else if (!isCheap(request)) taken.inFlight = load.begin(bytes.length);
      // A busy process sees only a turn later that the client has disconnected. A delete must not start then: its caller may have
      // sent it again under the same key and got the answer that nothing was deleted.
      afterNextTurn(() => {
        if (response.destroyed || socket.destroyed || socket.readableEnded) response.destroy();
        else asyncContext.runInAsyncScope(handle, undefined, request, response, bytes);
      });
    }
    giveUpBody = readRequestBody(request, response, (bytes) => body.hold(bytes), onBody);
  });

  // Node's own 417 has no id and no reason. RFC 9110 (10.1.1) lets a server ignore an expectation that it does not know.
  server.on('checkExpectation', (request, response) => void server.emit('request', request, response));

  /** Connections that are closed once the answers due on them are sent. */
  const ending = new WeakSet<Duplex>();
  /** Ends a connection on which a request will not be read to its end, with an answer that says why. @param error Node's own */
  function cutOff(socket: Duplex, refusal: Refusal = refusals.slowest, error?: Error): void {
    if (ending.has(socket)) return;
    const waiting = open
      .filter(({ response }) => response.req.socket === socket)
      .sort(byArrival)
      .map(({ response }) => response);
    const last = waiting.findLast(({ req, writableFinished }) => req.complete && !writableFinished);
    // Of several requests on a connection, the next one to answer has the socket.
    if (!last) {
      const next = waiting.find((response) => response.socket === socket);
      refuseConnection(refusal, socket, next);
      return void socket.destroy(error);
    }
    // Earlier requests on the connection may have deleted something, and their answers must be sent.
    ending.add(socket);
    socket.pause();
    if (!last.headersSent) last.setHeader('connection', 'close');
    last.once('finish', () => socket.end());
  }
  server.on('clientError', (error, socket) => cutOff(socket, unreadableFor(error), error));

  /** Finds answers that are not read, and connections on which a head begins to arrive: Node has no events for them. */
  function lookAround(): void {
    for (const taken of open) {
      const { response } = taken;
      const { socket } = response.req;
      const unreadBytes = response.writableLength;
      // Yoga disables a connection's timeout when it streams an answer. Node's timeout restarts with each byte read.
      const timeoutMs = unreadBytes > 0 ? Math.min(patience.unreadMs, quietTimeoutMs) : quietTimeoutMs;
      // The client cannot read later answers on the connection yet, but the memory they hold counts.
      if (response.socket && socket.timeout !== timeoutMs) socket.setTimeout(timeoutMs);
      if (unreadBytes === 0) {
        taken.unread?.end();
        taken.unread = undefined;
      } else if (!taken.unread) {
        const client = connections.get(socket)?.client;
        // An answer cannot be refused in the middle: the connection is closed.
        if (client) taken.unread = unread.begin(client, () => socket.destroy());
      }
      taken.unread?.hold(unreadBytes);
    }
    for (const [socket, connection] of connections) {
      if (connection.idleAtBytes === undefined || socket.bytesRead <= connection.idleAtBytes) continue;
      connection.idleAtBytes = undefined;
      connection.wait?.end();
      connection.wait = arriving.begin(connection.client, () => cutOff(socket));
    }
  }
  let looking: NodeJS.Timeout | undefined;

  /**
   * Settles when no connection is left in the system's accept queue. Closing the port resets those in it, perhaps with a request
   * sent. Node accepts one connection per turn of the event loop.
   */
  async function acceptQueueDrained(): Promise<void> {
    const giveUpAtMs = performance.now() + drainGraceMs;
    for (;;) {
      const before = connectionCount;
      await nextTurn();
      await nextTurn();
      if (connectionCount === before || performance.now() > giveUpAtMs) return;
    }
  }

  return {
    /** How many complete requests have no answer yet. Probes and GraphiQL's files do not count. */
    get inFlight() {
      return load.count;
    },
    /** Starts to listen. @param port 0: any free port. @returns the address, without a path. @throws such as `EADDRINUSE`. */
    async listen(host: string, port: number): Promise<string> {
      await once(server.listen(port, host), 'listening');
      looking = setInterval(lookAround, patience.checkIntervalMs).unref();
      return addressOf(server);
    },
    /**
     * Refuses new requests, answers those in flight, and settles when the last connection is closed. It keeps listening until
     * the last answer is out, so that new clients get a 503.
     * @param noticeMs how long it keeps listening at least, while clients are connected. A request that arrives as its connection is
     * closed is lost, and its client cannot know whether it was read.
     */
    async drain(noticeMs = 0): Promise<void> {
      const answered = load.drain();
      const noticedAtMs = performance.now() + noticeMs;
      // `connection: close` makes a client send its next request elsewhere. Only the last answer of a connection has it: the answers
      // after an earlier one would be lost.
      const due = open.filter(({ inFlight }) => inFlight).sort(byArrival);
      const lastOf = new Map(due.map(({ response }) => [response.req.socket, response]));
      for (const response of lastOf.values()) if (!response.headersSent) response.setHeader('connection', 'close');
      await answered;
      while (performance.now() < noticedAtMs && connections.size > 0) await sleep(sweepIntervalMs);
      await acceptQueueDrained();
      clearInterval(looking);
      load.stop();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      // Otherwise, idle connections would be kept for their clients' next requests.
      const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs);
      const graceTimer = setTimeout(() => server.closeAllConnections(), drainGraceMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(graceTimer);
    },
  };
}
