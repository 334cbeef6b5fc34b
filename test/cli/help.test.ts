import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { spawnCli, startCli } from '../support/cli-process.ts';
import { runCli } from '../support/run-cli.ts';

const commands = ['serve', 'sandbox', 'print-schema', 'check', 'delete', 'bulk', 'restore', 'completion'];

describe('the help of truto-engagements', () => {
  it('names every command and every exit code, and ends with 0', async () => {
    const { code, stdout, stderr } = await spawnCli(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    for (const exitCode of [0, 1, 2, 3, 4, 5]) expect(stdout).toMatch(new RegExp(`^ {2}${exitCode} {2}\\S`, 'm'));
  });

  it('ends without a stack trace when its reader has left, as `head` does', async () => {
    const { child, end } = startCli(['--help']);
    child.stdout.destroy();
    const { code, stderr } = await end;
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each(commands)('of %s ends with 0 and says what it does', async (command) => {
    const { code, stdout, stderr } = await runCli([command, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: truto-engagements ${command}`);
  });

  it.each(['check', 'delete', 'bulk', 'restore'])(
    'of %s says where the token comes from, and that no argument takes it',
    async (command) => {
      const { stdout } = await runCli([command, '--help']);
      for (const word of ['--token-file', 'TRUTO_API_TOKEN', 'no argument', 'sandbox']) expect(stdout).toContain(word);
      expect(stdout).not.toMatch(/--token[ =]/);
    },
  );
});

it('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { code, stdout, stderr } = await spawnCli(['--version']);
  expect([code, stdout, stderr]).toEqual([0, `${version}\n`, '']);
});

it.each([
  ['no command', []],
  ['an unknown command', ['remove', '1']],
  ['no account', ['delete', '1']],
  ['no file to restore', ['restore', '--yes']],
  ['no id', ['delete', '--account', 'a']],
  ['two ids', ['delete', '1', '2', '--account', 'a']],
  ['a misspelt --dry-run', ['delete', '1', '--account', 'a', '--dryrun']],
  ['a type that does not exist', ['delete', '1', '--account', 'a', '--type', 'fax']],
  ['a patience that is no number', ['bulk', '--account', 'a', '--patience', 'long']],
  ['a key that cannot be', ['delete', '1', '--account', 'a', '--idempotency-key', 'a b']],
  ['a dialect that does not exist', ['print-schema', '--dialect', 'soap']],
  ['a token that is an argument', ['delete', '1', '--account', 'a', '--token', 'canary-argument']],
  ['a token file that is not there', ['check', '--token-file', '/nowhere/token']],
])('a command that is used wrongly (%s) ends with 2, says why, and prints no result', async (_what, args) => {
  const { code, stdout, stderr } = await runCli(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/\S/);
});
