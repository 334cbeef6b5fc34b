import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { installChecks, lintDockerfile, parseDockerfile, readText } from './checks.ts';
import { buildImage, type Image } from './image.ts';

/** To become another user is for root alone; continuous integration is that, and must not pass this over. */
const mayChangeUser = process.getuid?.() === 0 || process.env.CI === 'true';

/** Starts something in the image as its own user, with the image's environment and nothing else of this machine's. */
function spawnIn(image: Image, command: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { cwd: image.workdir, env: { ...image.env, ...env }, ...image.user, stdio: 'pipe' });
}

async function outputOf(child: ChildProcess) {
  const [output, [code]] = await Promise.all([child.stdout ? text(child.stdout) : '', once(child, 'exit')]);
  return { output, code };
}

const deletion = {
  query: `mutation ($id: ID!, $integratedAccountId: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $integratedAccountId) {
      __typename
      ... on DeleteEngagementSuccess { outcome }
    }
  }`,
  variables: (({ id, integratedAccountId }) => ({ id, integratedAccountId }))(
    JSON.parse(readText('schema/operations/delete-engagement.json')),
  ),
};

describe('deploy/Dockerfile', () => {
  beforeAll(installChecks, 120_000);
  const last = (keyword: string) =>
    parseDockerfile(readText('deploy/Dockerfile')).findLast((instruction) => instruction.keyword === keyword)?.text;

  it('has nothing that a linter objects to, and the linter objects', () => {
    expect(lintDockerfile(readText('deploy/Dockerfile'))).toEqual([]);
    expect(lintDockerfile('FROM node:24\nMAINTAINER me')).toHaveLength(1);
  });

  it('is built on the line of Node that the tests run on, and on no older version', () => {
    const { devDependencies } = JSON.parse(readText('package.json'));
    const [major = '', minor, patch] = devDependencies.node.split('.');
    const bases = parseDockerfile(readText('deploy/Dockerfile')).filter(({ keyword }) => keyword === 'FROM');
    for (const { text } of bases) {
      const [, line, ...version] = /^node:(\d+)\.(\d+)\.(\d+)-slim\b/.exec(text) ?? [];
      expect(line).toBe(major);
      expect(Number(version[0]) * 1_000 + Number(version[1])).toBeGreaterThanOrEqual(minor * 1_000 + Number(patch));
    }
    expect(process.versions.node).toBe(devDependencies.node);
  });

  it('stops by the signal that the server drains on', () => {
    expect(last('STOPSIGNAL')).toBe('SIGTERM');
  });

  it('has only the copied files in the build', () => {
    const ignored = readText('.dockerignore')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    const copied = parseDockerfile(readText('deploy/Dockerfile'))
      .filter(({ keyword, flags }) => keyword === 'COPY' && !flags.from)
      .flatMap(({ text }) => text.split(' ').slice(0, -1));
    expect(ignored[0]).toBe('*');
    expect(ignored.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
  });
});

describe.runIf(mayChangeUser)('the image, its steps executed in a clean folder', () => {
  let image: Image;
  beforeAll(() => {
    installChecks();
    image = buildImage();
  }, 240_000);
  afterAll(() => image?.[Symbol.dispose]());

  it('has what the server needs, and no tool, test or cache', () => {
    expect(readdirSync(image.workdir).sort()).toEqual(['deploy', 'node_modules', 'package.json', 'schema', 'src']);
    const { dependencies, devDependencies } = JSON.parse(readText('package.json'));
    const has = (name: string) => existsSync(join(image.workdir, 'node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !has(name))).toEqual([]);
    expect(Object.keys(devDependencies).filter(has)).toEqual([]);
    expect(existsSync(join(image.workdir, 'node_modules/.cache'))).toBe(false);
  });

  it('has files that its user can read, and nothing that it can change but the folder for undo files', async () => {
    expect(image.user.uid).toBeGreaterThan(0);
    const tryOut = `
      import { accessSync, constants, readdirSync } from 'node:fs';
      const may = (path) => { try { accessSync(path, constants.W_OK); return true; } catch { return false; } };
      const files = readdirSync('.', { recursive: true });
      process.stdout.write(JSON.stringify({ count: files.length, writable: ['.', ...files].filter(may) }));`;
    const { output } = await outputOf(spawnIn(image, ['node', '--input-type=module', '--eval', tryOut]));
    const { count, writable } = JSON.parse(output);
    expect(count).toBeGreaterThan(1_000);
    expect(writable).toEqual([]);
    expect(statSync(join(image.root, 'undo')).uid).toBe(image.user.uid);
  });

  it('deletes an engagement, tells that it is healthy, leaves no file, and ends with 0 when it is stopped', async () => {
    const port = String(await freePort());
    const env = { PORT: port, HOST: '127.0.0.1', SANDBOX: '1' };
    const check = async () => (await outputOf(spawnIn(image, image.healthCommand, env))).code;
    expect(await check()).toBe(1);

    const server = spawnIn(image, image.command, env);
    await using stack = new AsyncDisposableStack();
    const ended = once(server, 'exit');
    stack.defer(() => void server.kill('SIGKILL'));
    let output = '';
    for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (output += chunk));
    await expect.poll(() => output, { timeout: 25_000 }).toContain('"msg":"listening"');
    expect(await check()).toBe(0);
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(deletion),
    });
    const success = { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' };
    expect(await response.json()).toEqual({ data: { deleteEngagement: success } });
    const uid = readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/^Uid:\s+(\d+)/m)?.[1];
    expect(Number(uid)).toBe(image.user.uid);

    server.kill(image.stopSignal as NodeJS.Signals);
    expect(await ended).toEqual([0, null]);
    expect(await check()).toBe(1);
    expect(existsSync(join(image.workdir, 'node_modules/.cache'))).toBe(false);
  });

  it('does not start as an open sandbox by oversight', async () => {
    const { code } = await outputOf(spawnIn(image, image.command));
    expect(code).toBe(1);
  });
});

if (!mayChangeUser)
  describe('the image', () => {
    it.skip('is NOT tried out: only root can execute its steps and become its user', () => {});
  });
