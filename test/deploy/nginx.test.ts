import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from '../support/facade.ts';
import { startFacadeOver } from '../support/facade-over.ts';
import { freePort } from '../support/free-port.ts';
import { listen } from '../support/listen.ts';
import { startNginx } from '../support/nginx-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { json, startUpstream } from '../support/upstream.ts';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly fromPort: number | undefined;
}

type Handle = (response: ServerResponse, seen: Seen) => void;

/** A server in a replica's place, which does with a whole request what a test wants. */
async function startReplica(handle: Handle) {
  const seen: Seen[] = [];
  const listener: RequestListener = async (request, response) => {
    const one = { headers: request.headers, body: await text(request), fromPort: request.socket.remotePort };
    seen.push(one);
    handle(response, one);
  };
  return Object.assign(await listen(createServer(listener)), { seen });
}

const absent = async () => `127.0.0.1:${await freePort()}`;

const post = (url: string, headers: Record<string, string> = {}, body = '{"query":"{ a }"}') =>
  fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

const succeed: Handle = (response) => void response.end('done');
const refuse: Handle = (response) => void response.writeHead(503, { 'retry-after': '1' }).end('refused');
/** Reads a request to its end, as one would that deletes something, and loses the connection. */
const lose: Handle = (response) => void response.destroy();
const loseHalfway: Handle = (response) => {
  response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
};

/** Enough for each of two replicas to have been the first choice. */
const several = Array.from({ length: 6 }, (_, index) => `key-${index}`);

describe('deploy/nginx.conf', () => {
  it('never sends a POST again that a replica has got and not answered, and says that it may have been done', async () => {
    await using first = await startReplica(lose);
    await using second = await startReplica(lose);
    await using nginx = await startNginx([first.host, second.host]);
    for (const key of several) {
      const response = await post(nginx.url, { 'idempotency-key': key });
      expect(response.status).toBe(502);
      expect((await response.json()).errors[0].extensions.code).toBe('OUTCOME_UNKNOWN');
    }
    const keys = [...first.seen, ...second.seen].map(({ headers }) => headers['idempotency-key']);
    expect(keys.sort()).toEqual(several);
  });

  it('never sends a POST again whose answer broke off', async () => {
    await using first = await startReplica(loseHalfway);
    await using second = await startReplica(loseHalfway);
    await using nginx = await startNginx([first.host, second.host]);
    for (const key of several)
      await expect(post(nginx.url, { 'idempotency-key': key }).then((a) => a.text())).rejects.toThrow();
    expect(first.seen.length + second.seen.length).toBe(several.length);
  });

  it('sends a POST that was refused with 503 to the other replica, complete', async () => {
    await using leaving = await startReplica(refuse);
    await using staying = await startReplica(succeed);
    await using nginx = await startNginx([leaving.host, staying.host]);
    for (const key of several) {
      const response = await post(nginx.url, { 'idempotency-key': key }, `{"query":"${key.repeat(5_000)}"}`);
      expect([response.status, await response.text()]).toEqual([200, 'done']);
    }
    expect(leaving.seen.length).toBeGreaterThan(0);
    expect(staying.seen.map(({ body }) => body)).toEqual(several.map((key) => `{"query":"${key.repeat(5_000)}"}`));
  });

  it('keeps requests away from a replica that refuses', async () => {
    await using leaving = await startReplica(refuse);
    await using staying = await startReplica(succeed);
    await using nginx = await startNginx([leaving.host, staying.host]);
    await expect.poll(async () => (await post(nginx.url)) && leaving.seen.length).toBe(1);
    await Promise.all(Array.from({ length: 50 }, () => post(nginx.url)));
    expect(leaving.seen.length).toBeLessThan(10);
  });

  it.each([0, 1])('sends a POST to the other replica when replica %i does not listen', async (index) => {
    await using staying = await startReplica(succeed);
    const addresses = [await absent(), await absent()] as [string, string];
    addresses[index] = staying.host;
    await using nginx = await startNginx(addresses);
    for (const key of several) expect((await post(nginx.url, { 'idempotency-key': key })).status).toBe(200);
    expect(staying.seen.map(({ headers }) => headers['idempotency-key'])).toEqual(several);
  });

  it('says that nothing was executed when no replica can be reached, and when to come again', async () => {
    await using nginx = await startNginx([await absent(), await absent()]);
    for (const _ of several) {
      const response = await post(nginx.url, { 'x-request-id': 'mine' });
      expect(response.status).toBe(503);
      expect((await response.json()).errors[0].extensions.code).toBe('OVERLOADED');
      expect(response.headers.get('retry-after')).toBe('1');
      expect(response.headers.get('x-request-id')).toBe('mine');
    }
  });

  it("forwards a replica's own refusal when all refuse, and continues to try them", async () => {
    await using first = await startReplica(refuse);
    await using second = await startReplica(refuse);
    await using nginx = await startNginx([first.host, second.host]);
    for (const _ of several) {
      const response = await post(nginx.url);
      expect([response.status, await response.text()]).toEqual([503, 'refused']);
    }
    expect(first.seen.length + second.seen.length).toBeGreaterThanOrEqual(several.length);
  });

  it('sends requests to a replica that was busy for a moment, although the other one drains', async () => {
    let isBusy = true;
    await using leaving = await startReplica(refuse);
    await using staying = await startReplica((...args) => (isBusy ? refuse : succeed)(...args));
    await using nginx = await startNginx([leaving.host, staying.host]);
    // Until nginx has marked both as failed, and has no replica to send a request to.
    const isExhausted = () => nginx.passed().some(({ replicas }) => /\bengagements\b/.test(replicas));
    await expect.poll(async () => (await post(nginx.url)) && isExhausted()).toBe(true);
    isBusy = false;
    for (const _ of several) expect((await post(nginx.url)).status).toBe(200);
  });

  it.each(['multipart/mixed; boundary="-"', 'text/event-stream'])('passes each part of %s on at once', async (type) => {
    const goOn = Promise.withResolvers<void>();
    const stream: Handle = (response) => {
      response.writeHead(200, { 'content-type': type }).write('first');
      void goOn.promise.then(() => response.end('second'));
    };
    await using replica = await startReplica(stream);
    await using other = await startReplica(stream);
    await using nginx = await startNginx([replica.host, other.host]);
    const response = await post(nginx.url, { accept: type });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
    goOn.resolve();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('second');
  });

  it('lets a replica send only as fast as its caller reads', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const chunkCount = 1_024;
    let written = 0;
    const stream: Handle = async (response, { headers }) => {
      if (headers['idempotency-key'] !== 'large') return void response.end();
      for (; written < chunkCount; written += 1) if (!response.write(chunk)) await once(response, 'drain');
      response.end();
    };
    await using replica = await startReplica(stream);
    await using other = await startReplica(stream);
    await using nginx = await startNginx([replica.host, other.host]);
    const large = await post(nginx.url, { 'idempotency-key': 'large' });
    // Until no more is written while fifty other requests are answered.
    for (let before = -1; written > before; ) {
      before = written;
      for (let count = 0; count < 50; count += 1) await (await post(nginx.url)).text();
    }
    expect(written).toBeLessThan(chunkCount);
    expect((await large.arrayBuffer()).byteLength).toBe(chunkCount * chunk.length);
  });

  it('passes on who calls, under which key, and as which request', async () => {
    await using replica = await startReplica(succeed);
    await using other = await startReplica(succeed);
    await using nginx = await startNginx([replica.host, other.host]);
    const given = { authorization: 'Bearer t', 'idempotency-key': 'k', 'x-request-id': 'mine' };
    await post(nginx.url, given);
    await post(nginx.url);
    const [named, unnamed] = [...replica.seen, ...other.seen].sort((a) => (a.headers.authorization ? -1 : 1));
    expect(named?.headers).toMatchObject({ ...given, host: new URL(nginx.url).host });
    const invented = unnamed?.headers['x-request-id'];
    expect(invented).toMatch(/^[\da-f]{32}$/);
    await expect.poll(() => nginx.passed().map(({ requestId }) => requestId)).toContain(invented);
    expect(nginx.complaints()).toBe('');
  });

  it('keeps connections to the replicas open', async () => {
    await using replica = await startReplica(succeed);
    await using other = await startReplica(succeed);
    await using nginx = await startNginx([replica.host, other.host]);
    for (const _ of [...several, ...several, ...several]) await (await post(nginx.url)).text();
    const ports = [...replica.seen, ...other.seen].map(({ fromPort }) => fromPort);
    expect(new Set(ports).size).toBeLessThan(ports.length);
  });

  it('forwards reads of bulk deletes, also to the other replica, and nothing else below their path', async () => {
    await using first = await startReplica(refuse);
    await using second = await startReplica(succeed);
    await using nginx = await startNginx([first.host, second.host]);
    for (const path of ['/bulk?asset=x', '/bulk/1/report.json', '/bulk/2/report.json'])
      expect(await (await fetch(nginx.url + path)).text()).toBe('done');
    expect((await fetch(`${nginx.url}/bulk`, { method: 'POST' })).status).toBe(403);
    expect((await fetch(`${nginx.url}/bulky`)).status).toBe(404);
  });

  it("forwards Truto's events, also to the other replica, and only by POST", async () => {
    await using first = await startReplica(refuse);
    await using second = await startReplica(succeed);
    await using nginx = await startNginx([first.host, second.host]);
    for (const body of several) {
      const answer = await fetch(`${nginx.url}/webhooks/truto`, { method: 'POST', body: String(body) });
      expect(await answer.text()).toBe('done');
    }
    expect((await fetch(`${nginx.url}/webhooks/truto`)).status).toBe(403);
    expect((await fetch(`${nginx.url}/webhooks/other`, { method: 'POST' })).status).toBe(404);
  });

  it('does not publish the metrics of a replica', async () => {
    await using replica = await startReplica(succeed);
    await using other = await startReplica(succeed);
    await using nginx = await startNginx([replica.host, other.host]);
    expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${nginx.url}/ready`)).status).toBe(200);
    expect(replica.seen.length + other.seen.length).toBe(1);
  });
});

describe('deploy/nginx.conf in front of the server', () => {
  const query = 'mutation ($account: ID!) { deleteEngagement(id: 1, integratedAccountId: $account) { __typename } }';
  const hostOf = (url: string) => new URL(url).host;

  it('R22 closes idle connections before the server does, and no request is lost', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { KEEP_ALIVE_TIMEOUT_MS: '5000' }, 'capsule');
    const closedBy: string[] = [];
    const watch = (message: unknown) => {
      const { socket } = message as { socket: Socket };
      if (String(socket.localPort) !== new URL(facade.url).port) return;
      let by = 'the server';
      socket.once('end', () => {
        by = 'nginx';
      });
      socket.once('close', () => closedBy.push(by));
    };
    channel('net.server.socket').subscribe(watch);
    await using nginx = await startNginx([hostOf(facade.url), hostOf(facade.url)], '1s');
    const body = JSON.stringify({ query, variables: { account: 'a' } });
    for (const count of [1, 2, 3]) {
      const response = await post(nginx.url, {}, body);
      expect(await response.json()).toEqual({ data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } });
      await expect.poll(() => closedBy.length).toBe(count);
    }
    channel('net.server.socket').unsubscribe(watch);
    expect(closedBy).toEqual(['nginx', 'nginx', 'nginx']);
  });

  it('passes a token on that grants 500 accounts', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using facade = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret });
    await using nginx = await startNginx([hostOf(facade.url), hostOf(facade.url)]);
    const accounts = Array.from({ length: 500 }, () => crypto.randomUUID());
    const headers = bearer(await signToken({ integrated_accounts: accounts }));
    const body = JSON.stringify({ query, variables: { account: accounts[499] } });
    const response = await post(nginx.url, headers, body);
    expect(await response.json()).toEqual({ data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } });
  });

  it("S26 forwards the client's address to the server, for any X-Forwarded-For of the client", async () => {
    await using replica = await startReplica(succeed);
    await using other = await startReplica(succeed);
    await using nginx = await startNginx([replica.host, other.host]);
    await post(nginx.url, { 'x-forwarded-for': '198.51.100.1' });
    const [seen] = [...replica.seen, ...other.seen];
    expect(seen?.headers['x-forwarded-for']).toBe('198.51.100.1, 127.0.0.1');
  });
});
