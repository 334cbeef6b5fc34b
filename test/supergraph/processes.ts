import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The gateways and subgraphs of the example: what a reader can start is what is tested. */
export const folder = fileURLToPath(new URL('../../examples/supergraph/', import.meta.url));

/** A server in a process of its own. */
export interface RunningProcess extends AsyncDisposable {
  /** Its GraphQL endpoint. */
  readonly url: string;
  /** Everything it printed so far. */
  output(): string;
}

/** What is unusual about a program. */
export interface ProgramOptions {
  /** What runs it. @default this Node */
  readonly program?: string;
  /** What it prints when it listens, with the address. */
  readonly listening?: RegExp;
  /** What ends it: one that has started others needs the time to end them. */
  readonly endBy?: NodeJS.Signals;
}

/**
 * Starts a program in the example's folder, and waits until it prints where it listens.
 * @throws with its output when it ends instead.
 */
export async function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { program = process.execPath, listening = /listening on (\S+)/, endBy = 'SIGKILL' }: ProgramOptions = {},
): Promise<RunningProcess> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (listening.test(output)) resolve();
      });
    }
    ended.then(() => reject(new Error(`${program} ${args[0]} ended before it listened:\n${output}`)), reject);
  });
  return {
    url: listening.exec(output)?.[1] ?? '',
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill(endBy);
      await ended;
    },
  };
}
