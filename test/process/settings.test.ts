import { describe, expect, it } from 'vitest';
import { type BucketKey, startBucket } from '../support/bucket.ts';
import { startNode, startServerProcess } from '../support/server-process.ts';
import { jwtSecret, serviceEnv } from '../support/service.ts';

/** Preloaded, it prints at the end which packages the process has loaded. */
const listPackages = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      packages.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]);
      return next(url, context);
    },
  });
  process.on('exit', () => console.log(JSON.stringify({ packages: [...packages] })));
`)}`;

/** The packages that a server has loaded once it has answered a caller with a token. */
async function packagesLoaded(env: Record<string, string>): Promise<readonly string[]> {
  const { child, exited, output } = startNode(['--import', listPackages, 'src/main.ts'], { PORT: '0', ...env });
  const listening = /"url":"([^"]+)".*"msg":"listening"/;
  await expect.poll(output, { timeout: 20_000 }).toMatch(listening);
  const headers = { 'content-type': 'application/json', authorization: 'Bearer canary-of-a-start' };
  const body = JSON.stringify({ query: '{ integrations { name } }' });
  const answer = await fetch(listening.exec(output())?.[1] ?? '', { method: 'POST', headers, body });
  await answer.text();
  child.kill('SIGINT');
  await exited;
  return JSON.parse(/^\{"packages".*$/m.exec(output())?.[0] ?? '{}').packages;
}

describe('the server process', () => {
  it('loads jose and ioredis only if a setting needs them, because they slow the start', async () => {
    const names = ['jose', 'ioredis'];
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, REDIS_URL: 'redis://127.0.0.1:1' };
    const [all, few] = [await packagesLoaded(env), await packagesLoaded({})];
    expect(names.filter((name) => all.includes(name))).toEqual(names);
    expect(names.filter((name) => few.includes(name))).toEqual([]);
  });

  it('R18 does not start on a bad configuration, and lists every mistake without a value', async () => {
    const env = {
      PORT: 'canary-port',
      AUTH_MODE: 'service',
      TRUTO_API_TOKEN: 'canary token',
      TRUTO_BASE_URL: 'http://canary.example',
    };
    const { exited, output } = startNode(['src/main.ts'], env);
    expect(await exited).toBe(1);
    for (const name of ['PORT', 'TRUTO_API_TOKEN', 'TRUTO_BASE_URL', 'JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_SECRET'])
      expect(output()).toContain(name);
    expect(output()).not.toContain('canary');
  });

  it('R29 does not start with a mistyped setting, and starts with those of other programs after one warning', async () => {
    const mistyped = startNode(['src/main.ts'], { PORT: '0', AUTH_MODES: 'canary-mode' });
    expect(await mistyped.exited).toBe(1);
    expect(mistyped.output()).toMatch(/AUTH_MODES .*AUTH_MODE\?/);
    expect(mistyped.output()).not.toContain('canary');

    const others = { REDIS_PORT: 'tcp://10.0.0.1:6379', REDIS_TLS_URL: 'rediss://canary', REDIS_HOST: 'canary' };
    await using server = await startServerProcess({ ...others, TRUTO_API_KEY: 'canary-key' });
    const warnings = server
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":40'));
    expect(warnings).toEqual([expect.stringMatching(/REDIS_HOST, TRUTO_API_KEY/)]);
    expect(server.output()).not.toMatch(/canary|REDIS_PORT|REDIS_TLS_URL/);
  });

  it('R30 does not start when UNDO_STORE cannot be written: one line has the folder, the reason and what to do', async () => {
    const redis = { PORT: '0', SANDBOX: '1', REDIS_URL: 'redis://127.0.0.1:1' };
    const { exited, output } = startNode(['src/main.ts'], { ...redis, UNDO_STORE: '/etc/hostname/undo' });
    expect(await exited).toBe(1);
    expect(output()).toMatch(/^ *UNDO_STORE \/etc\/hostname\/undo .*\(ENOTDIR\): .+$/m);
    expect(output()).not.toContain('listening');
  });

  it('R30 does not start when UNDO_STORE is a bucket that refuses: one line has the reason and what to do, but no address', async () => {
    const redis = { PORT: '0', SANDBOX: '1', REDIS_URL: 'redis://127.0.0.1:1' };
    const key: BucketKey = { accessKeyId: 'canary-id', secretAccessKey: 'canary-secret-key', region: 'us-east-1' };
    await using bucket = await startBucket(key);
    const keys = { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: 'canary-of-another-key' };
    const { exited, output } = startNode(['src/main.ts'], { ...redis, UNDO_STORE: `${bucket.url}/canary`, ...keys });
    expect(await exited).toBe(1);
    expect(output()).toMatch(/^ *UNDO_STORE .*\(status 403\): .+$/m);
    for (const hidden of ['canary', bucket.host, 'listening']) expect(output()).not.toContain(hidden);
  });

  it('R30 starts while a bucket is down, and logs one warning about what waits for it', async () => {
    const key: BucketKey = { accessKeyId: 'canary-id', secretAccessKey: 'canary-secret-key', region: 'us-east-1' };
    await using bucket = await startBucket(key, [(response) => void response.writeHead(503).end()]);
    const keys = { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
    const env = { SANDBOX: '1', REDIS_URL: 'redis://127.0.0.1:1', UNDO_STORE: bucket.url, ...keys };
    await using server = await startServerProcess(env);
    expect(server.output().match(/"reason":"status 503".*UNDO_STORE/g)).toHaveLength(1);
  });

  it('does not start on a port that is in use, and names a command that takes another', async () => {
    await using server = await startServerProcess({});
    const port = Number(new URL(server.endpoint).port);
    const { exited, output } = startNode(['src/main.ts'], { PORT: String(port) });
    expect(await exited).toBe(1);
    expect(output()).toContain('EADDRINUSE');
    expect(output()).toContain(`PORT=${port + 1} npm start`);
  });

  it('does not start the sandbox either on a port that is in use', async () => {
    await using server = await startServerProcess({});
    const port = Number(new URL(server.endpoint).port);
    const { exited, output } = startNode(['src/sandbox/main.ts'], { PORT: String(port) });
    expect(await exited).toBe(1);
    expect(output()).toContain(`PORT=${port + 1} npm run sandbox`);
  });

  it('does not start the sandbox on bad settings, and names each with what is allowed', async () => {
    const bad = { HOST: 'canary host', PORT: 'canary', SANDBOX_ENGAGEMENTS: 'canary', SANDBOX_LIMITS: 'canary' };
    const { exited, output } = startNode(['src/sandbox/main.ts'], bad);
    expect(await exited).toBe(1);
    for (const name of Object.keys(bad)) expect(output()).toMatch(new RegExp(`^ *${name} must be `, 'm'));
    expect(output()).not.toContain('canary');
  });

  it.each([
    ['HOST', { HOST: '203.0.113.1', AUTH_MODE: 'passthrough' }],
    ['METRICS_HOST', { METRICS_HOST: '203.0.113.1', METRICS_PORT: '0' }],
  ])('does not start on an address of another machine, and says to correct %s', async (name, env) => {
    const { exited, output } = startNode(['src/main.ts'], { PORT: '0', ...env });
    expect(await exited).toBe(1);
    expect(output()).toMatch(new RegExp(`EADDRNOTAVAIL.* Correct ${name}\\.`));
  });

  it('does not start when the port of its metrics is in use, and names the setting', async () => {
    await using server = await startServerProcess({});
    const { exited, output } = startNode(['src/main.ts'], { PORT: '0', METRICS_PORT: new URL(server.endpoint).port });
    expect(await exited).toBe(1);
    expect(output()).toMatch(/EADDRINUSE.*METRICS_PORT/);
  });
});
