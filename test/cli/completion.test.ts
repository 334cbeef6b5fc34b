import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFolder } from '../support/folder.ts';
import { runCli } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';

const { path: folder } = await shared(createFolder());
writeFileSync(join(folder, 'my-token'), '');
mkdirSync(join(folder, 'two words'));
writeFileSync(join(folder, 'two words', 'token'), '');

/** What bash passes to the program when these keys are pressed at a terminal. */
async function typedInBash(keys: string): Promise<string | undefined> {
  const { stdout: script } = await runCli(['completion', 'bash']);
  const file = join(folder, 'script.bash');
  // A function in place of the program prints the line that bash has completed.
  writeFileSync(file, `${script}\n${script}\ntruto-engagements() { printf 'completed <%s>\\n' "$*"; }\nPS1=\n`);
  const child = spawn('script', ['--quiet', '--command', 'bash --noprofile --norc -i', '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, TERM: 'dumb', HISTFILE: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (chunk) => (shown += chunk));
  child.stdin.end(`source ${file}\ntruto-engagements ${keys}\nexit\n`);
  await once(child, 'close');
  return /completed <(.*)>\r?\n/.exec(shown)?.[1];
}

describe('truto-engagements completion', () => {
  it.each([
    ['a command', 'prin\t', 'print-schema '],
    ['an option', 'delete 1 --acc\t', 'delete 1 --account '],
    ['the value of an option', 'print-schema --dialect fed\t', 'print-schema --dialect federation '],
    ['a kind of engagement', 'delete 1 --account a --type em\t', 'delete 1 --account a --type email '],
    ['a file where an option takes a path', 'check --token-file my\t', 'check --token-file my-token '],
    ['a file in a folder, step by step', 'check --token-file tw\tto\t', 'check --token-file two words/token '],
    ['a file that a command takes', 'restore my\t', 'restore my-token '],
    ['an option of a command that takes a file', 'restore --dry\t', 'restore --dry-run '],
    ['a shell', 'completion fi\t', 'completion fish '],
    ['no option of another command', 'check --snap\t', 'check --snap'],
  ])('completes %s in bash, also when it was loaded twice', async (_what, keys, completed) => {
    expect((await typedInBash(keys))?.trimEnd()).toBe(completed.trimEnd());
  });

  it.each(['bash', 'zsh', 'fish'])('names every command and option for %s', async (shell) => {
    const { code, stdout, stderr } = await runCli(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    for (const word of [
      'serve',
      'sandbox',
      'print-schema',
      'check',
      'delete',
      'bulk',
      'restore',
      'completion',
      'snapshot',
      'dialect',
    ])
      expect(stdout).toContain(word);
  });

  it('is refused for another shell', async () => {
    const { code, stdout } = await runCli(['completion', 'csh']);
    expect([code, stdout]).toEqual([2, '']);
  });
});
