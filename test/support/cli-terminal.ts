import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** What a command showed at a terminal. */
export interface TerminalEnd {
  /** Both of its streams, as they came. */
  readonly shown: string;
  readonly code: number | null;
}

interface TerminalOptions {
  /** Keys to type, each as soon as its text is shown. */
  readonly typed?: readonly (readonly [shownBefore: string, keys: string])[];
  /** Where its standard input is from, instead of the terminal. */
  readonly inputFrom?: string;
  /** Where its standard error goes, instead of the terminal. */
  readonly errorTo?: string;
  /** The command that reads its standard output, instead of the terminal; the code is that of the first. */
  readonly pipeTo?: string;
}

/** Runs a command of the program at a terminal of its own, 80 columns wide. */
export async function runInTerminal(
  args: readonly string[],
  env: Record<string, string> = {},
  { typed = [], inputFrom, errorTo, pipeTo }: TerminalOptions = {},
): Promise<TerminalEnd> {
  const program = [process.execPath, 'src/cli/main.ts', ...args].map(quoted).join(' ');
  const input = inputFrom === undefined ? '' : ` < ${quoted(inputFrom)}`;
  const error = errorTo === undefined ? '' : ` 2> ${quoted(errorTo)}`;
  const command = `stty cols 80; ${program}${input}${error}${pipeTo === undefined ? '' : ` | ${pipeTo}`}; exit \${PIPESTATUS[0]}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: root,
    env: { PATH: process.env.PATH, SHELL: '/bin/bash', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = [...typed];
  let shown = '';
  let read = 0;
  child.stdout.on('data', (chunk) => {
    shown += chunk;
    const [before, keys] = waiting[0] ?? [];
    const at = before === undefined ? -1 : shown.indexOf(before, read);
    if (at === -1 || keys === undefined) return;
    read = at + String(before).length;
    waiting.shift();
    child.stdin.write(keys);
  });
  const [code] = await once(child, 'close');
  return { shown, code };
}
