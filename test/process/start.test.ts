import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startNode, startServerProcess } from '../support/server-process.ts';
import { startUpstream } from '../support/upstream.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('npm start', () => {
  it('prints where it listens, what it is connected to, and a delete that can be pasted', async () => {
    const child = spawn('npm', ['start'], { cwd: root, env: { ...process.env, PORT: '0' }, detached: true });
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.includes('"msg":"listening"')) break;
    }
    expect(output).toMatch(/http:\/\/127\.0\.0\.1:\d+\/graphql/);
    expect(output).toContain('embedded sandbox');
    const command = /^ {2}(curl .*)$/m.exec(output)?.[1] ?? '';
    const { stdout } = await promisify(execFile)('bash', ['-c', command]);
    expect(JSON.parse(stdout).data.deleteEngagement).toMatchObject({
      __typename: 'DeleteEngagementSuccess',
      outcome: 'DELETED',
    });
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await once(child, 'exit');
  });
});

describe('the server process', () => {
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

  it('says so when its port is taken', async () => {
    await using server = await startServerProcess({});
    const { exited, output } = startNode(['src/main.ts'], { PORT: new URL(server.endpoint).port });
    expect(await exited).toBe(1);
    expect(output()).toContain('EADDRINUSE');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('finishes what is in flight on %s, then exits with 0', async (signal) => {
    const answerNow = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (_request, response) => {
      await answerNow.promise;
      response.end('{"id":"1"}');
    });
    await using server = await startServerProcess({ TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough' });
    const pending = fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
      body: JSON.stringify({ query: 'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { __typename } }' }),
    });
    await expect.poll(() => upstream.deletes().length).toBe(1);
    server.signal(signal);
    await expect.poll(() => server.output()).toContain('draining');
    answerNow.resolve();
    expect(await (await pending).json()).toEqual({
      data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } },
    });
    expect(await server.exited).toBe(0);
  });

  it('exits with 1 at a second signal', async () => {
    await using upstream = await startUpstream(() => {});
    await using server = await startServerProcess({ TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough' });
    const pending = fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
      body: JSON.stringify({ query: 'mutation { deleteEngagement(id: 1, integratedAccountId: 2) { __typename } }' }),
    }).catch(() => 'cut off');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    server.signal('SIGTERM');
    await expect.poll(() => server.output()).toContain('draining');
    server.signal('SIGTERM');
    expect(await server.exited).toBe(1);
    expect(await pending).toBe('cut off');
  });

  it("ends a streamed body that is not through when an operation's time is over, says so, and exits with 0", async () => {
    await using upstream = await startUpstream((_request, response) => response.writeHead(200).write('the beginning'));
    const env = { TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough', REQUEST_TIMEOUT_MS: '1000' };
    await using server = await startServerProcess(env);
    const query = `mutation { deleteEngagement(id: 1, integratedAccountId: 2, format: STREAM) {
      ... on DeleteEngagementSuccess { outcome stream { chunks @stream } } } }`;
    const response = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed', authorization: 'Bearer t' },
      body: JSON.stringify({ query }),
    });
    server.signal('SIGTERM');
    const text = await response.text();
    expect(text).toContain('"outcome":"DELETED"');
    expect(text).toContain('RESPONSE_INTERRUPTED');
    expect(text).toContain('"hasNext":false');
    expect(await server.exited).toBe(0);
  });
});
