import { Readable, Writable } from 'node:stream';
import { runCommand } from '../../src/cli/program.ts';
import { folderVariable } from './captured.ts';
import { type CliEnd, endOf } from './cli-process.ts';

/** A stream that stores everything that is written to it. */
function collector(onText: (text: string) => void): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      onText(String(chunk));
      done();
    },
  });
}

/** The end of the last command: a process has one standard output, and one environment. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command of the terminal to its end in this process, with this standard input and only the given environment: like
 * `spawnCli`, without starting a process. Rejects if it printed a secret. Commands that run until they are stopped need `startCli`.
 */
export function runCli(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
): Promise<CliEnd> {
  const mine = last.then(async () => {
    const text = { stdout: '', stderr: '' };
    const inPlace: PropertyDescriptorMap = {
      stdin: { value: Readable.from([Buffer.from(input)]), configurable: true },
      stdout: { value: collector((chunk) => (text.stdout += chunk)), configurable: true },
      stderr: { value: collector((chunk) => (text.stderr += chunk)), configurable: true },
      env: { value: { [folderVariable]: process.env[folderVariable], ...env }, configurable: true },
    };
    const usual = Object.fromEntries(
      Object.keys(inPlace).map((name) => [name, Object.getOwnPropertyDescriptor(process, name) ?? {}]),
    );
    Object.defineProperties(process, inPlace);
    try {
      const code = await runCommand(args);
      return endOf(code ?? null, text, env);
    } finally {
      Object.defineProperties(process, usual);
    }
  });
  last = mine.catch(() => {});
  return mine;
}
