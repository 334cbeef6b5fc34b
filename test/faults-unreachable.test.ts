import { createServer } from 'node:https';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { selfSigned } from './support/certificate.ts';
import { startTestFacade } from './support/facade.ts';
import { listen } from './support/listen.ts';
import {
  attemptsLogged,
  deleteInTime,
  deletion,
  noContent,
  type RawAnswer,
  refusal,
  reset,
  startRawUpstream,
} from './support/raw-upstream.ts';

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

  it.each<[string, () => Server]>([
    ['vouches for itself', () => createServer(selfSigned('canary-upstream'))],
    ['has no certificate', () => createTlsServer()],
    ['does not speak TLS', () => createTcpServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    [
      'hangs up in the middle of the handshake',
      () => createTcpServer((socket) => socket.once('data', () => socket.destroy())),
    ],
  ])('when an upstream behind https %s', async (_how, create) => {
    let requestCount = 0;
    await using upstream = await listen(create().on('request', () => (requestCount += 1)));
    const env = { REQUEST_TIMEOUT_MS: String(timeoutMs) };
    await using facade = await startTestFacade(`https://${upstream.host}`, env);
    const result = await deleteInTime(facade, timeoutMs);
    expect(result).toMatchObject(notSent);
    expect(JSON.stringify(result)).not.toMatch(/canary|127\.0\.0\.1|ERR_|CERT|SSL/);
    expect(attemptsLogged(facade)).toEqual([2]);
    expect(requestCount).toBe(0);
    // The look-up of the account may try three times, the delete twice.
    expect(upstream.connectionCount()).toBeLessThanOrEqual(5);
  });
});

describe('a delete with a remoteQuery', () => {
  const withRemoteQuery = { remoteQuery: { scope: 'all' } };

  it.each<[string, RawAnswer]>([
    ['reset', reset],
    ['answered with 502', refusal(502)],
  ])('is not sent again once it may have been executed, and was %s', async (_how, first) => {
    await using upstream = await startRawUpstream([first, noContent]);
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
