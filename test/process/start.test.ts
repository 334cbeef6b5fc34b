import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createFolder } from '../support/folder.ts';
import { startServerProcess } from '../support/server-process.ts';
import { jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { startInTerminal } from '../support/terminal.ts';
import { json, startUpstream } from '../support/upstream.ts';

const listening = /INFO: listening\n/;

/** The command to paste: whole lines, from curl to the end of what it reads. */
const commandIn = (seen: string) => /^curl .*?^EOF$/ms.exec(seen)?.[0] ?? '';

async function paste(command: string, env: Record<string, string> = {}) {
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, ...env } });
  return JSON.parse(stdout).data.deleteEngagement;
}

describe('npm start at a terminal', () => {
  it('prints its address, its upstream, each account, and a delete to paste', async () => {
    await using server = startInTerminal('npm start');
    await expect.poll(server.seen, { timeout: 25_000 }).toMatch(listening);
    const seen = server.seen();
    expect(seen).toMatch(/http:\/\/127\.0\.0\.1:\d+\/graphql/);
    expect(seen).toContain('embedded sandbox');
    expect(seen).toContain('sandbox-token');
    expect(seen.match(/^ {2}\w.* {2}00000000-0000-4000-8000-\d{12} {2}\w+ +\S+$/gm)).toHaveLength(15);
    const command = commandIn(seen);
    // A terminal would break longer lines.
    for (const line of command.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    expect(await paste(command)).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    server.press('\u{3}');
    await server.exited;
  });

  it('prints a request that deletes nothing when the upstream is real, with names for the ids and the token', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using server = startInTerminal('npm start', { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url });
    await expect.poll(server.seen, { timeout: 25_000 }).toMatch(listening);
    const command = commandIn(server.seen());
    for (const name of ['$TRUTO_API_TOKEN', 'AN_ENGAGEMENT_ID', 'AN_INTEGRATED_ACCOUNT_ID'])
      expect(command).toContain(name);
    expect(command).not.toContain('00000000-0000-4000-8000');
    const answer = await paste(command, { TRUTO_API_TOKEN: 'canary-token-of-a-caller' });
    expect(answer).toMatchObject({
      __typename: 'DeleteEngagementPlan',
      wouldBeSent: true,
      integration: { name: 'Capsule' },
    });
    expect(upstream.deletes()).toEqual([]);
    expect(server.seen()).not.toContain('canary-token');
  });
});

describe('the command that the start prints', () => {
  const start = async (env: Record<string, string>) => {
    const server = startInTerminal(`'${process.execPath}' src/main.ts`, env);
    await expect.poll(server.seen, { timeout: 25_000 }).toMatch(listening);
    return server;
  };

  it('has the token of the sandbox where callers bring their own', async () => {
    await using server = await start({ SANDBOX: '1', AUTH_MODE: 'passthrough' });
    expect(await paste(commandIn(server.seen()))).toMatchObject({ outcome: 'DELETED' });
  });

  it('has a place for a JWT where callers of the sandbox bring one', async () => {
    const token = 'sandbox-token';
    const env = { SANDBOX: '1', ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: token };
    await using server = await start(env);
    const callerJwt = await signToken({ integrated_accounts: ['*'] });
    expect(await paste(commandIn(server.seen()), { CALLER_JWT: callerJwt })).toMatchObject({ outcome: 'DELETED' });
  });

  it('is left out where the server executes trusted documents only, as is the way to turn GraphiQL on', async () => {
    using folder = createFolder();
    writeFileSync(join(folder.path, 'documents.json'), '{}');
    const trusted = { TRUSTED_DOCUMENTS: join(folder.path, 'documents.json'), TRUSTED_DOCUMENTS_ONLY: '1' };
    for (const env of [{ AUTH_MODE: 'passthrough' }, { SANDBOX: '1', EXPOSE_SCHEMA: '0' }]) {
      await using server = await start({ ...env, ...trusted });
      expect(commandIn(server.seen())).toBe('');
      expect(server.seen()).toContain('TRUSTED_DOCUMENTS');
      expect(server.seen()).not.toContain('EXPOSE_SCHEMA');
    }
  });

  it('comes after the page of bulk deletes where there is Redis', async () => {
    await using server = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
    await expect.poll(server.seen).toMatch(/http:\/\/\S+\/bulk, a page/);
  });

  it('quotes the address, whose brackets are a pattern of file names for zsh', async () => {
    await using server = await start({ HOST: '::1', AUTH_MODE: 'passthrough' });
    expect(commandIn(server.seen())).toMatch(/^curl 'http:\/\/\[::1\]:\d+\/graphql' /);
  });
});

describe('npm start without a terminal', () => {
  it('writes lines of JSON only', async () => {
    await using server = await startServerProcess({});
    const lines = server.output().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toContain('listening');
  });

  it('names the upstream with its path: a wrong one makes Truto refuse everything', async () => {
    await using server = await startServerProcess({
      AUTH_MODE: 'passthrough',
      TRUTO_BASE_URL: 'http://127.0.0.1:1/unified/',
    });
    expect(server.output()).toContain('"upstream":"http://127.0.0.1:1/unified"');
  });
});

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What an npm script prints until it matches, in a copy of the project that has this `.env`. */
async function printedWith(dotEnv: string | undefined, script: string, pattern: RegExp): Promise<string> {
  using folder = createFolder();
  for (const name of ['package.json', 'node_modules', 'src', 'schema'])
    symlinkSync(join(root, name), join(folder.path, name));
  if (dotEnv !== undefined) writeFileSync(join(folder.path, '.env'), dotEnv);
  const child = spawn('npm', ['run', '--silent', script], {
    ...{ cwd: folder.path, detached: true },
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...(dotEnv === undefined && { PORT: '0' }) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await expect.poll(() => output, { timeout: 25_000 }).toMatch(pattern);
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await once(child, 'close');
  return output;
}

describe('a .env file in the project', () => {
  it('is read by npm start and npm run sandbox', async () => {
    const dotEnv = 'PORT=0\nAUTH_MODE=passthrough\n';
    expect(await printedWith(dotEnv, 'start', /"listening"/)).toContain('"authMode":"passthrough"');
    expect(await printedWith(dotEnv, 'sandbox', /listens on/)).not.toMatch(/:4010\b/);
  });

  it('is optional, and not mentioned when it is missing', async () => {
    expect(await printedWith(undefined, 'start', /"listening"/)).not.toContain('.env');
  });
});
