import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { startTestFacade, type TestFacade } from './facade.ts';
import { inTime } from './in-time.ts';

/** A request as it arrived. */
export interface RawRequest {
  readonly method: string;
  /** The path without its query, undecoded. */
  readonly path: string;
  /** All bytes of its head, with the empty line. */
  readonly head: string;
  /** As latin1. Empty without a `content-length`. */
  readonly body: string;
  /** By upstream's own clock, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly socket: Socket;
}

/** Handles the connection of a request for a test: writes bytes, breaks it, or does nothing. */
export type RawAnswer = (socket: Socket, request: RawRequest) => void;

/** An upstream on bare sockets. The test controls each byte. */
export interface RawUpstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The deletes that arrived, in order. */
  readonly deletes: readonly RawRequest[];
  /** The creates that arrived, in order. */
  readonly creates: readonly RawRequest[];
  /** All requests that arrived, with look-ups and reads. */
  readonly requests: readonly RawRequest[];
  /** The number of connections opened so far. */
  connectionCount(): number;
  /** The number of open connections. */
  openConnections(): number;
  /** Breaks all connections and refuses new ones from now on. */
  stop(): Promise<void>;
}

/** The options of an upstream, besides the answers to deletes and creates. */
export interface RawUpstreamOptions {
  /** The answer to every other request, such as the look-up of the account. @default Truto's 403, as for a token without permission for look-ups */
  readonly onRead?: RawAnswer;
  /** @default any free port */
  readonly port?: number;
}

/** The text of an answer with its length. */
export function answerText(statusCode: number, body = '', headers: readonly string[] = []): string {
  const length = statusCode === 204 ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return [`HTTP/1.1 ${statusCode} Whatever`, ...length, ...headers, '', body].join('\r\n');
}

/** Writes exactly these bytes, and leaves the connection open. */
export function bytes(...texts: readonly (string | Buffer)[]): RawAnswer {
  return (socket) => {
    for (const text of texts) socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  };
}

/** Answers in Truto's form of a refusal. */
export function refusal(statusCode: number, headers: readonly string[] = [], rest: object = {}): RawAnswer {
  const body = JSON.stringify({ statusCode, error: 'Some Error', message: 'something', ...rest });
  return bytes(answerText(statusCode, body, ['content-type: application/json', ...headers]));
}

/** Answers with JSON. In ASCII, since bytes are written as they are. @param statusCode @default 200 */
export function record(body: unknown, statusCode = 200): RawAnswer {
  const toEscape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const text = JSON.stringify(body).replace(/[^ -~]/g, toEscape);
  return bytes(answerText(statusCode, text, ['content-type: application/json']));
}

/** The shortest success. */
export const noContent: RawAnswer = bytes(answerText(204));

/** Breaks the connection without a byte (RST). */
export const reset: RawAnswer = (socket) => void socket.resetAndDestroy();

/** Ends the connection without a byte (FIN). */
export const hangUp: RawAnswer = (socket) => void socket.end();

/** Never answers. */
export const silence: RawAnswer = () => {};

function readRequests(text: string, socket: Socket): { readonly requests: RawRequest[]; readonly rest: string } {
  const requests: RawRequest[] = [];
  let rest = text;
  for (;;) {
    const bodyAt = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.slice(0, bodyAt);
    const end = bodyAt + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (bodyAt < 4 || rest.length < end) return { requests, rest };
    const [method = '', target = ''] = head.split(' ', 2);
    const path = target.split('?', 1)[0] ?? '';
    requests.push({ method, path, head, body: rest.slice(bodyAt, end), atMs: Date.now(), socket });
    rest = rest.slice(end);
  }
}

/** Starts an upstream on bare sockets. Each delete or create gets the next of the answers, and the last one is repeated. */
export async function startRawUpstream(
  answers: readonly RawAnswer[],
  { onRead = refusal(403), port: wantedPort = 0 }: RawUpstreamOptions = {},
): Promise<RawUpstream> {
  const requests: RawRequest[] = [];
  const deletes: RawRequest[] = [];
  const creates: RawRequest[] = [];
  const open = new Set<Socket>();
  let connectionCount = 0;

  function answer(request: RawRequest): void {
    requests.push(request);
    const writes = { DELETE: deletes, POST: creates }[request.method];
    writes?.push(request);
    const next = writes ? answers[Math.min(deletes.length + creates.length, answers.length) - 1] : onRead;
    next?.(request.socket, request);
  }

  const server = createServer((socket) => {
    connectionCount += 1;
    open.add(socket);
    let unread = '';
    socket.setNoDelay(true);
    socket.once('close', () => open.delete(socket));
    // Both sides break connections on purpose here.
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const read = readRequests(unread + chunk.toString('latin1'), socket);
      unread = read.rest;
      for (const request of read.requests) answer(request);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(wantedPort, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const socket of open) socket.resetAndDestroy();
    return closed;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    deletes,
    creates,
    requests,
    connectionCount: () => connectionCount,
    openConnections: () => open.size,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A delete with all fields about its outcome. */
export const deletion = `mutation Delete($id: ID! = "e1", $account: ID! = "a", $remoteQuery: JSONObject, $snapshot: Boolean! = false) {
  deleteEngagement(id: $id, integratedAccountId: $account, remoteQuery: $remoteQuery, snapshot: $snapshot) {
    __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome engagement { id subject } warnings }
    ... on Error { message }
    ... on RateLimitedError { retryAfterMs }
    ... on RemoteApiError { statusCode }
    ... on OutcomeUnknownError { retrySafe upstreamIdempotencyKey lastStatusCode }
  }
}`;

/** Sends one delete, checks that it returns by its deadline, and returns its result. */
export async function deleteInTime(facade: TestFacade, timeoutMs: number, variables: object = {}) {
  const { body } = await inTime(facade, timeoutMs, () => facade.post(deletion, variables));
  expect(body.errors).toBeUndefined();
  return body.data.deleteEngagement;
}

/** The number of attempts of each delete, from the log: upstream cannot count attempts that were never sent. */
export function attemptsLogged(facade: TestFacade): readonly number[] {
  return [...facade.logged().matchAll(/"attempts":(\d+).*"msg":"delete"/g)].map(([, attempts]) => Number(attempts));
}

/**
 * Long enough for a first attempt that gets no answer (two thirds of it), the delay after it (200 ms), and a second, which
 * must begin 500 ms before the end: more than a second is left for a busy machine.
 */
export const hangTimeoutMs = 6_000;

/**
 * Sends one delete with an upstream that gives these answers in order, and checks that it returns in time.
 * @param expectedCalls how many deletes must have reached upstream by then.
 */
export async function rawOutcomeOf(answers: readonly RawAnswer[], expectedCalls: number, variables: object = {}) {
  await using upstream = await startRawUpstream(answers);
  await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: String(hangTimeoutMs) });
  const result = await deleteInTime(facade, hangTimeoutMs, variables);
  expect(upstream.deletes).toHaveLength(expectedCalls);
  expect(attemptsLogged(facade)).toEqual([expectedCalls]);
  return result;
}
