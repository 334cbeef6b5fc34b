import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { truto } from '../support/outcome.ts';
import { json, startUpstream } from '../support/upstream.ts';

const account = ['--account', sandboxAccount('Capsule').id];

const token = 'a-token-of-the-terminal';

/** Runs a command, over the embedded sandbox unless `env` names another upstream. @param redirect by default, standard output is a full disk. */
async function runWithoutRoom(
  args: readonly string[],
  input: string,
  env: Record<string, string> = {},
  redirect = '>/dev/full',
) {
  const child = spawn('sh', ['-c', `exec "$@" ${redirect}`, 'sh', process.execPath, 'src/cli/main.ts', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stdin?.end(input);
  const [[code], stderr] = await Promise.all([once(child, 'close'), child.stderr ? text(child.stderr) : '']);
  return { code, stderr };
}

describe('a result that cannot be written', () => {
  it.each([
    ['delete', ['delete', 'no-such-id', ...account]],
    ['bulk', ['bulk', ...account]],
    ['check', ['check']],
    ['print-schema', ['print-schema']],
  ])('ends %s with 1, without a stack trace', async (_command, args) => {
    const { code, stderr } = await runWithoutRoom(args, 'no-such-id\n');
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('ends with 5 when its outcome is unknown', async () => {
    await using upstream = await startUpstream(truto(502), 'capsule');
    const env = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: token };
    const { code } = await runWithoutRoom(['delete', 'e1', '--patience', '0', ...account], '', env);
    expect(code).toBe(5);
    expect(upstream.deletes().length).toBeGreaterThan(0);
  });
});

describe('a snapshot that nothing would keep', () => {
  it.each(
    ['>&-', '>/dev/null', '>/dev/full'].flatMap((redirect) => [
      ['delete', redirect, ['delete', 'e1']] as const,
      ['bulk', redirect, ['bulk']] as const,
    ]),
  )('ends %s %s with 2, and nothing is sent', async (_command, redirect, args) => {
    await using upstream = await startUpstream(json(200, { id: 'e1', subject: 'the only copy' }), 'capsule');
    const env = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: token };
    const { code, stderr } = await runWithoutRoom([...args, '--snapshot', ...account], 'e1\n', env, redirect);
    expect([code, stderr]).toEqual([2, expect.stringContaining('Nothing was sent')]);
    expect(upstream.seen).toEqual([]);
  });

  it('is not asked for with --dry-run', async () => {
    const args = ['delete', 'no-such-id', '--snapshot', '--dry-run', ...account];
    expect((await runWithoutRoom(args, '', {}, '>/dev/null')).code).toBe(3);
  });
});
