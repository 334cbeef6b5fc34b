import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { truto } from '../support/outcome.ts';
import { startUpstream } from '../support/upstream.ts';

const account = ['--account', sandboxAccount('Capsule').id];

/** Runs a command whose standard output is a full disk, over the embedded sandbox unless `env` names another upstream. */
async function runWithoutRoom(args: readonly string[], input: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', openSync('/dev/full', 'w'), 'pipe'],
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
    const env = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: 'a-token-of-the-terminal' };
    const { code } = await runWithoutRoom(['delete', 'e1', '--patience', '0', ...account], '', env);
    expect(code).toBe(5);
    expect(upstream.deletes().length).toBeGreaterThan(0);
  });
});
