import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { selfSigned } from './support/certificate.ts';
import { startTestFacade } from './support/facade.ts';
import { attemptsLogged, deleteInTime, deletion, noContent, reset, startRawUpstream } from './support/raw-upstream.ts';

interface Listening extends AsyncDisposable {
  readonly url: string;
  /** How many connections were made. */
  connectionCount(): number;
  /** How many requests came through. */
  requestCount(): number;
}

async function listen(
  server: ReturnType<typeof createTcpServer>,
  requestCount: () => number = () => 0,
): Promise<Listening> {
  const open = new Set<Duplex>();
  let connectionCount = 0;
  server.on('connection', (socket) => {
    connectionCount += 1;
    open.add(socket.on('error', () => {}));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connectionCount: () => connectionCount,
    requestCount,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function startSelfSigned(): Promise<Listening> {
  let requestCount = 0;
  const server = createServer(selfSigned('canary-upstream'), (_request, response) => {
    requestCount += 1;
    response.end();
  });
  return listen(server, () => requestCount);
}

/** The longest an operation may take here, since nothing hangs. */
const timeoutMs = 5_000;
const notSent = {
  __typename: 'UpstreamUnavailableError',
  message: expect.stringContaining('Nothing was deleted'),
};

describe('R14 a delete that cannot reach upstream is reported as not sent, tried at most twice, and names no host', () => {
  it.each([
    ['the connection is refused', 'http://127.0.0.1:1'],
    ['no such name exists', 'http://canary-upstream.invalid'],
  ])('when %s', async (_why, url) => {
    await using facade = await startTestFacade(url, { REQUEST_TIMEOUT_MS: String(timeoutMs) });
    const result = await deleteInTime(facade, timeoutMs);
    expect(result).toMatchObject(notSent);
    expect(JSON.stringify(result)).not.toMatch(/canary|invalid|127\.0\.0\.1|ECONN|ENOTFOUND|EAI_AGAIN/);
    expect(attemptsLogged(facade)[0]).toBeLessThanOrEqual(2);
  });

  it.each<[string, () => Promise<Listening>]>([
    ['vouches for itself', startSelfSigned],
    ['has no certificate', () => listen(createTlsServer())],
    ['does not speak TLS', () => listen(createTcpServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))],
    [
      'hangs up in the middle of the handshake',
      () => listen(createTcpServer((socket) => socket.once('data', () => socket.destroy()))),
    ],
  ])('when an upstream behind https %s', async (_how, start) => {
    await using upstream = await start();
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: String(timeoutMs) });
    const result = await deleteInTime(facade, timeoutMs);
    expect(result).toMatchObject(notSent);
    expect(JSON.stringify(result)).not.toMatch(/canary|127\.0\.0\.1|ERR_|CERT|SSL/);
    expect(attemptsLogged(facade)).toEqual([2]);
    expect(upstream.requestCount()).toBe(0);
    // The look-up of the account may try three times, the delete twice.
    expect(upstream.connectionCount()).toBeLessThanOrEqual(5);
  });
});

describe('a delete with a remoteQuery', () => {
  const withRemoteQuery = { remoteQuery: { scope: 'all' } };

  it('is not sent again once it may have been executed', async () => {
    await using upstream = await startRawUpstream([reset, noContent]);
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(deletion, withRemoteQuery);
    expect(body.data.deleteEngagement).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(upstream.deletes).toHaveLength(1);
  });

  it('is tried again when its connection was refused, because it was never sent', async () => {
    await using facade = await startTestFacade('http://127.0.0.1:1');
    const { body } = await facade.post(deletion, withRemoteQuery);
    expect(body.data.deleteEngagement).toMatchObject(notSent);
    expect(attemptsLogged(facade)).toEqual([2]);
  });
});
