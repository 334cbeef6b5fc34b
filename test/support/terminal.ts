import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A program at a pseudo-terminal. */
export interface AtTerminal extends AsyncDisposable {
  /** All that it has written, as a person sees it: without colours, and with lines that end as elsewhere. */
  seen(): string;
  /** The same as it was written. */
  output(): string;
  /** Writes to its input, as the keys of a keyboard do. */
  press(keys: string): void;
  readonly exited: Promise<number | null>;
}

/** Starts a command of a shell in the project's folder, in a pseudo-terminal, with only the given environment. */
export function startInTerminal(command: string, env: Record<string, string> = {}): AtTerminal {
  const child = spawn('script', ['--quiet', '--return', '--command', `exec ${command}`, '/dev/null'], {
    cwd: root,
    env: { PATH: process.env.PATH, TERM: 'xterm', PORT: '0', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    output: () => output,
    seen: () => output.replaceAll(/\p{Cc}\[[\d;]*m/gu, '').replaceAll('\r\n', '\n'),
    exited,
    press: (keys) => void child.stdin.write(keys),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
