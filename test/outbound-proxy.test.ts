import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { openUndoStore } from '../src/bulk/undo-store.ts';
import { exitCodeOf } from '../src/cli/output.ts';
import { parseConfig } from '../src/config/config.ts';
import { Secret } from '../src/config/secret.ts';
import { selfSigned } from './support/certificate.ts';
import { spawnCli } from './support/cli-process.ts';
import { startTestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { createFolder } from './support/folder.ts';
import { listen } from './support/listen.ts';
import { deleteInTime, deletion } from './support/raw-upstream.ts';
import { startServerProcess } from './support/server-process.ts';
import { bearer, serviceEnv, signToken } from './support/service.ts';
import { shared } from './support/shared.ts';

/** Only the proxy can resolve these names. A request that reaches them went through it. */
const [upstreamHost, keysHost] = ['upstream.example', 'keys.example'];
const password = 'pass%2Fword-of-the-proxy';

/** Answers one CONNECT: lets it through, or writes something else to its socket. */
type OnConnect = (socket: Socket, letThrough: () => void) => void;

const letAllThrough: OnConnect = (_socket, letThrough) => letThrough();

/** A proxy that tunnels every request to one port of this machine, for any host name. */
async function startProxy(targetPort: number, onConnect: OnConnect = letAllThrough) {
  const connects: { readonly target: string; readonly authorization: string | undefined }[] = [];
  const server = createServer((_request, response) => response.writeHead(500).end());
  server.on('connect', (request, socket: Socket) => {
    connects.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
    socket.on('error', () => {});
    onConnect(socket, () => {
      const tunnel = connect(targetPort, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        tunnel.pipe(socket).pipe(tunnel);
      });
      tunnel.on('error', () => socket.destroy());
      socket.on('close', () => tunnel.destroy());
    });
  });
  const targets = () => [...new Set(connects.map(({ target }) => target))].sort();
  return Object.assign(await listen(server), { connects, targets });
}

const { privateKey, publicKey } = await generateKeyPair('ES256');

describe('R21 behind a mandatory proxy', async () => {
  const { path: folder } = await shared(createFolder());
  const authorityFile = join(folder, 'authority.pem');
  const seen: string[] = [];
  let breaks = false;
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] };
  const certificate = selfSigned(upstreamHost, keysHost);
  writeFileSync(authorityFile, certificate.cert);
  const target = createTlsServer(certificate, ({ method, url, headers }, response) => {
    seen.push(`${method} ${headers.host}${url?.split('?')[0]}`);
    if (headers['proxy-authorization']) seen.push('a credential of the proxy');
    if (headers.host === keysHost) return response.end(JSON.stringify(keys));
    if (breaks && method === 'DELETE') return response.destroy();
    return response.writeHead(method === 'DELETE' ? 204 : 403).end();
  });
  const remote = await shared(listen(target));

  /** A server whose upstream and key set only a proxy can reach. */
  const start = (env: Record<string, string>) =>
    startServerProcess({
      ...serviceEnv,
      TRUTO_BASE_URL: `https://${upstreamHost}`,
      JWT_JWKS_URL: `https://${keysHost}/jwks`,
      NODE_EXTRA_CA_CERTS: authorityFile,
      REQUEST_TIMEOUT_MS: '5000',
      ...env,
    });

  async function deleteBy(endpoint: string) {
    const token = await signToken({ integrated_accounts: ['*'] }, privateKey, 'ES256');
    const response = await fetchGraphQL(endpoint, deletion, { headers: bearer(token) });
    return response.json();
  }

  it.each(['HTTPS_PROXY', 'https_proxy'])('upstream and the key set are reached by the one of %s', async (name) => {
    await using proxy = await startProxy(remote.port);
    await using server = await start({ [name]: `http://user:${password}@127.0.0.1:${proxy.port}` });
    seen.length = 0;
    const { data } = await deleteBy(server.endpoint);
    expect(data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    expect(proxy.targets()).toEqual([`${keysHost}:443`, `${upstreamHost}:443`]);
    expect(seen).toContain(`GET ${keysHost}/jwks`);
    expect(seen).not.toContain('a credential of the proxy');
    const credential = `Basic ${btoa(`user:${decodeURIComponent(password)}`)}`;
    expect([...new Set(proxy.connects.map(({ authorization }) => authorization))]).toEqual([credential]);
  });

  it('a delete has an unknown outcome when its tunnel breaks after it was sent', async () => {
    await using proxy = await startProxy(remote.port);
    await using server = await start({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    breaks = true;
    const { data } = await deleteBy(server.endpoint).finally(() => {
      breaks = false;
    });
    expect(data.deleteEngagement.__typename).toBe('OutcomeUnknownError');
  });

  it('a host in NO_PROXY with another port still uses it', async () => {
    await using proxy = await startProxy(remote.port);
    await using server = await start({
      HTTPS_PROXY: `127.0.0.1:${proxy.port}`,
      no_proxy: `${upstreamHost}:8443,${keysHost}:8443`,
    });
    expect((await deleteBy(server.endpoint)).data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
  });

  it.each<[string, OnConnect]>([
    ['wants another credential', (socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')],
    ['forbids it', (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')],
    ['cannot reach it', (socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')],
    ['hangs up', (socket) => socket.destroy()],
    ['never answers', () => {}],
  ])(
    'a delete is reported as not sent when the proxy %s, and the result shows nothing of the proxy',
    async (_what, onConnect) => {
      await using proxy = await startProxy(remote.port, onConnect);
      await using facade = await startTestFacade(`https://${upstreamHost}`, {
        HTTPS_PROXY: `http://user:${password}@127.0.0.1:${proxy.port}`,
        REQUEST_TIMEOUT_MS: '2000',
      });
      seen.length = 0;
      const result = await deleteInTime(facade, 2_000);
      expect(result).toMatchObject({ __typename: 'UpstreamUnavailableError' });
      expect(JSON.stringify(result)).not.toMatch(/127\.0\.0\.1|example|40[37]|502/);
      expect(seen).toEqual([]);
      expect(proxy.targets()).toEqual([`${upstreamHost}:443`]);
    },
  );

  it('a refusal of the proxy is distinguished from one of upstream', async () => {
    await using proxy = await startProxy(remote.port, (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    await using facade = await startTestFacade(`https://${upstreamHost}`, {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    });
    await facade.post(deletion);
    const metrics = await (await fetch(`${facade.url}/metrics`)).text();
    expect(metrics).toMatch(
      /^engagements_upstream_attempt_duration_seconds_count\{method="DELETE",.*end="proxy"\} 2$/m,
    );
  });

  it('a bucket is reached through it', async () => {
    await using proxy = await startProxy(remote.port, (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const { proxy: config } = parseConfig({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    const url = new URL('https://bucket.example/undo');
    const key = { accessKeyId: 'a', secretAccessKey: new Secret('b'), sessionToken: undefined, region: 'c' };
    await expect(openUndoStore({ kind: 'bucket', url, ...key }, config).openPage('job', 0)('line\n')).rejects.toThrow();
    expect(proxy.targets()).toEqual(['bucket.example:443']);
  });

  it('the terminal program uses it', async () => {
    await using proxy = await startProxy(remote.port, (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const env = { TRUTO_API_TOKEN: 'token-of-the-caller', HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const { code } = await spawnCli(['check'], { ...env, TRUTO_BASE_URL: `https://${upstreamHost}` });
    expect(code).toBe(exitCodeOf('UpstreamUnavailableError'));
    expect(proxy.targets()).toEqual([`${upstreamHost}:443`]);
  });

  it.each([upstreamHost, '.example', `${upstreamHost}:443`, 'none.invalid,*'])(
    'hosts in NO_PROXY=%s are reached without it',
    async (exceptFor) => {
      await using proxy = await startProxy(remote.port);
      await using facade = await startTestFacade(`https://${upstreamHost}`, {
        ...{ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: exceptFor, REQUEST_TIMEOUT_MS: '2000' },
      });
      // Without the proxy, the name cannot be resolved.
      const result = await deleteInTime(facade, 2_000);
      expect(result).toMatchObject({ __typename: 'UpstreamUnavailableError' });
      expect(proxy.connects).toEqual([]);
    },
  );

  it.each(['https://127.0.0.1', 'https://localhost'])('loopback (%s) never uses it', async (address) => {
    await using proxy = await startProxy(remote.port);
    await using facade = await startTestFacade(`${address}:${remote.port}`, {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    });
    // The certificate is not for this host, so the delete fails.
    const result = await deleteInTime(facade, 10_000);
    expect(result).toMatchObject({ __typename: 'UpstreamUnavailableError' });
    expect(proxy.connects).toEqual([]);
  });
});
