import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expectNoSecrets } from './canary.ts';
import { jsonLines } from './json-lines.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The variables whose values must never be printed. */
const secretNames = ['TRUTO_API_TOKEN', 'TRUTO_TOKEN', 'JWT_SECRET', 'AWS_SESSION_TOKEN'];

/** What a command came to. */
export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as the lines of JSON that it is. Loose on purpose: tests look at what they expect. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of lines that it caused itself.
  lines(): any[];
}

/**
 * What a command came to that printed this.
 * @throws when it printed a secret of its environment, or one of the others.
 */
export function endOf(
  code: number | null,
  text: { readonly stdout: string; readonly stderr: string },
  env: Record<string, string>,
  secrets: readonly string[] = [],
): CliEnd {
  expectNoSecrets(`${text.stdout}\n${text.stderr}`, [...secretNames.flatMap((name) => env[name] ?? []), ...secrets]);
  const lines = () => jsonLines(text.stdout);
  return { code, ...text, lines };
}

/** A command that runs. */
export interface CliProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  stdout(): string;
  /** Rejects when the command printed a secret of its environment. */
  readonly end: Promise<CliEnd>;
}

/** Starts the program of the terminal as users run it, with nothing but the given environment. */
export function startCli(
  args: readonly string[],
  env: Record<string, string> = {},
  secrets: readonly string[] = [],
): CliProcess {
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += chunk));
  child.stderr.on('data', (chunk) => (text.stderr += chunk));
  // One that ends before it has read all closes the pipe.
  child.stdin.on('error', () => {});
  const end = once(child, 'close').then(([code]) => endOf(code, text, env, secrets));
  return { child, stdout: () => text.stdout, end };
}

/** Runs a command as users run it, to its end, with that on its standard input. */
export function spawnCli(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
): Promise<CliEnd> {
  const { child, end } = startCli(args, env);
  child.stdin.end(input);
  return end;
}
