import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';

const account = ['--account', sandboxAccount('Capsule').id];

/** Runs a command over the embedded sandbox whose standard output is a disk that is full. */
async function runWithoutRoom(args: readonly string[], input: string) {
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH },
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
  ])('is a fault that %s ends with 1 for, without a stack', async (_command, args) => {
    const { code, stderr } = await runWithoutRoom(args, 'no-such-id\n');
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
