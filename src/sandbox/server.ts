import { isUtf8 } from 'node:buffer';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { Secret } from '../config/secret.ts';
import { sandboxAccounts, sandboxToken } from './accounts.ts';
import { type Answer, Refusal, retryAfter } from './answer.ts';
import type { EngagementRecord } from './providers.ts';
import type { ReceivedRequest, SandboxSettings, SandboxState } from './request.ts';
import { answerRequest, splitUrl } from './routes.ts';
import { seedEngagements } from './seed.ts';

/** Options of a sandbox. */
export interface SandboxOptions extends Partial<SandboxSettings> {
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
  /** The shortest time for each response under `/unified`, so that tests can see requests overlap. @default 0 */
  readonly latencyMs?: number;
  /** The number of engagements in each account at the start, up to 75,000. The first 30 are always the same. @default 30 */
  readonly engagementsPerAccount?: number;
  /** Refuses requests beyond Truto's own limits with a 429. @default false */
  readonly keepsLimits?: boolean;
  /** Where it sends Truto's events, and the secret that signs them. @default nowhere */
  readonly webhook?: { readonly url: URL; readonly secret: Secret } | undefined;
}

/** A running sandbox. */
export interface Sandbox {
  /** The base URL, without a slash at its end. */
  readonly url: string;
  /** The last 1000 requests in the order of their arrival, with any response. */
  readonly requests: readonly ReceivedRequest[];
  countConnections(): Promise<number>;
  /** True when the account had that engagement and it was deleted, for any response that was sent. */
  wasDeleted(integratedAccountId: string, engagementId: string): boolean;
  /** The engagements that the account has now, in the order of their creation. */
  engagementsOf(integratedAccountId: string): readonly EngagementRecord[];
  /** Closes all connections at once, also those that wait for a response, and frees the port. May be called again. */
  close(): Promise<void>;
}

const maxRememberedRequests = 1000;
const maxKeyedCreates = 1000;
const maxBodyBytes = 1024 * 1024;

/** Starts a sandbox with its own engagements. Rejects when it cannot listen, or when an option is out of range. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host = '127.0.0.1', port = 0, latencyMs = 0, engagementsPerAccount: count, ...others } = options;
  const { keepsLimits, webhook, ...given } = others;
  const engagements = new Map(
    sandboxAccounts.map((account) => {
      const records = seedEngagements(account, count);
      const more = (record: EngagementRecord) => ({ ...given.additionalFields, ...record });
      const present = new Map(records.map((record, number) => [record.id, { number, record: more(record) }]));
      return [account.id, { present, deletedIds: new Set<string>() }];
    }),
  );
  const closed = new AbortController();
  const defaults = { token: sandboxToken, slowMs: 30_000, hugeBytes: 8 * 1024 * 1024, pickFault: () => undefined };
  const state: SandboxState = {
    ...{ ...defaults, ...given, engagements },
    rateMeter: new Map(),
    countForTruto: keepsLimits ? createTrutoLimits() : () => {},
    sendEvent: createSendEvent(webhook, closed.signal),
    needReauth: new Set(),
    keyedCreates: new LRUCache({ max: maxKeyedCreates }),
  };
  const requests: ReceivedRequest[] = [];

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request;
    // A client that disconnects is not an error.
    request.on('error', () => {});
    response.on('error', () => {});
    const respond = (body?: Buffer): void => {
      const received = { method, url, headers, ...(body && { body: body.toString() }) };
      requests.push(received);
      requests.splice(0, requests.length - maxRememberedRequests);
      const answer = (body && refuseBody(body)) ?? answerRequest(state, received);
      const delayMs = splitUrl(url).path.startsWith('/unified/') ? latencyMs : 0;
      // When the client disconnects or sending fails, only the connection ends: the process continues.
      sendAnswer(response, answer, delayMs).catch(() => response.destroy());
    };
    if (method === 'POST') {
      readBody(request, respond);
    } else {
      request.resume(); // no other route reads a body, and an unread one would block the connection's next request
      respond();
    }
  };

  // For a request without Host, Node would send a bare 400 that is not in Truto's shape.
  const server = createServer({ requireHostHeader: false }, handle);
  server.on('checkExpectation', handle);
  server.on('clientError', answerClientError);
  await once(server.listen(port, host), 'listening');
  const { family, address, port: listensOn } = server.address() as AddressInfo;

  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${listensOn}`,
    requests,
    countConnections: () => promisify(server.getConnections.bind(server))(),
    wasDeleted: (accountId, engagementId) => engagements.get(accountId)?.deletedIds.has(engagementId) === true,
    engagementsOf: (accountId) => [...(engagements.get(accountId)?.present.values() ?? [])].map(({ record }) => record),
    async close() {
      closed.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads a body, and discards what is beyond the limit. `use` is not called for a request that is cut off, so that has no effect. */
function readBody(request: IncomingMessage, use: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    if (length <= maxBodyBytes) chunks.push(chunk);
    length += chunk.length;
  });
  request.on('end', () => use(Buffer.concat(chunks)));
}

function refuseBody(body: Buffer): Answer | undefined {
  if (body.length > maxBodyBytes) return new Refusal(413, `The body is larger than ${maxBodyBytes} bytes`).answer;
  return isUtf8(body) ? undefined : new Refusal(400, 'The body is not UTF-8').answer;
}

/** Creates counters for Truto's own limits (vendor's public agent documentation, July 2026), over sliding windows. */
function createTrutoLimits(): SandboxState['countForTruto'] {
  const moments = new Map<string, number[]>();
  const count = (name: string, limit: number, nowMs: number) => {
    const recent = (moments.get(name) ?? []).filter((moment) => moment > nowMs - 10_000);
    moments.set(name, recent);
    if (recent.length >= limit) throw new Refusal(429, 'Rate limit exceeded', retryAfter(10));
    recent.push(nowMs);
  };
  return (accountId) => {
    const nowMs = performance.now();
    if (accountId !== undefined) count(`account ${accountId}`, 50, nowMs);
    count('token', 500, nowMs);
  };
}

/** Truto repeats an event three times, with growing pauses of up to 10 s. These are shorter. In milliseconds. */
const pausesMs = [100, 400, 1_600];

/** How long one delivery may take, in milliseconds. */
const deliveryTimeoutMs = 5_000;

/**
 * Creates the sender of events, in the form that Truto documents (truto-skills, webhooks-and-notifications.md). Truto documents no
 * payload of `record:deleted`: that one is [inferred].
 * @param closed aborted when the sandbox closes: nothing is sent from then on.
 */
function createSendEvent(webhook: SandboxOptions['webhook'], closed: AbortSignal): SandboxState['sendEvent'] {
  if (!webhook) return () => {};
  const { url, secret } = webhook;

  async function deliver(body: string): Promise<void> {
    const hmac = createHmac('sha256', secret.reveal()).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-truto-signature': `format=sha256,v=${hmac}` };
    for (const pauseMs of [...pausesMs, undefined]) {
      const signal = AbortSignal.any([closed, AbortSignal.timeout(deliveryTimeoutMs)]);
      const answer = await fetch(url, { method: 'POST', headers, body, signal }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200 || pauseMs === undefined || closed.aborted) return;
      await sleep(pauseMs, undefined, { signal: closed });
    }
  }

  return (event, payload, delayMs = 0) => {
    // Truto's documents have this form of a time too, in UTC: `2024-09-10 12:00:00`.
    const created_at = new Date(Date.now() + delayMs).toISOString().slice(0, 19).replace('T', ' ');
    const body = JSON.stringify({
      ...{ id: randomUUID(), event, payload, created_at },
      ...{ environment_id: '00000000-0000-4000-9000-000000000001', webhook_id: '00000000-0000-4000-8fff-000000000001' },
    });
    // Not before the response to the request that caused it. A closed sandbox is no error.
    sleep(Math.max(delayMs, 1), undefined, { signal: closed })
      .then(() => deliver(body))
      .catch(() => {});
  };
}

const statusByCode: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Refuses invalid HTTP in Truto's shape, and closes the connection. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const { status, body } = new Refusal(statusByCode[error.code ?? ''] ?? 400, 'The request is not valid HTTP').answer;
  const text = JSON.stringify(body);
  const length = `content-length: ${Buffer.byteLength(text)}`;
  const type = 'content-type: application/json; charset=utf-8';
  socket.end([`HTTP/1.1 ${status} Bad Request`, 'connection: close', type, length, '', text].join('\r\n'));
}

const json = { 'content-type': 'application/json; charset=utf-8' };

/** Sends the response after `latencyMs`. Rejects when the client disconnects before the end. */
async function sendAnswer(response: ServerResponse, answer: Answer, latencyMs: number): Promise<void> {
  const { status, body, isChunked, damage, delayMs = 0 } = answer;
  await wait(response, latencyMs + delayMs);
  if (damage === 'reset') return void response.req.socket.resetAndDestroy();
  const isCut = damage === 'cut';
  const text = answer.text ?? JSON.stringify(body ?? (isCut ? { id: 'cut' } : undefined));
  const length = { 'content-length': String(Buffer.byteLength(text ?? '')) };
  const headers = { ...(text !== undefined && json), ...answer.headers };
  if (isCut) {
    response.writeHead(body === undefined ? 200 : status, { ...headers, ...length });
    // The reset waits until the system has the first half, or the client would not receive it.
    response.write(text.slice(0, text.length / 2), () => response.req.socket.destroy());
    return;
  }
  if (damage === 'continue') response.writeContinue();
  if (isChunked && text !== undefined) {
    response.writeHead(status, headers);
    return pipeline(Readable.from(cut(Buffer.from(text)), { objectMode: false }), response);
  }
  response.writeHead(status, { ...headers, ...(status !== 204 && length) }).end(text);
}

/** The pieces are small, so that even a short response arrives in several chunks, and a huge one in not too many. */
function* cut(bytes: Buffer): Generator<Buffer> {
  const length = Math.max(16, bytes.length >> 8);
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

/** Resolves after the delay, and rejects when the connection ends before. */
async function wait(response: ServerResponse, delayMs: number): Promise<void> {
  if (delayMs === 0) return;
  const left = new AbortController();
  response.once('close', () => left.abort());
  await sleep(delayMs, undefined, { signal: left.signal });
}
