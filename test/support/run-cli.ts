import { Readable, Writable } from 'node:stream';
import { runCommand } from '../../src/cli/program.ts';
import { folderVariable } from './captured.ts';
import { type CliEnd, endOf } from './cli-process.ts';
import type { TerminalEnd } from './cli-terminal.ts';

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

/** Runs a command in this process. @param stream what its three streams have, as a terminal does. */
function run(
  args: readonly string[],
  env: Record<string, string>,
  input: string | Buffer,
  stream: object,
): Promise<CliEnd & TerminalEnd> {
  const mine = last.then(async () => {
    const text = { stdout: '', stderr: '' };
    let shown = '';
    const collect = (name: keyof typeof text) =>
      collector((chunk) => {
        text[name] += chunk;
        shown += chunk;
      });
    const inPlace: PropertyDescriptorMap = {
      stdin: { value: Object.assign(Readable.from([Buffer.from(input)]), stream), configurable: true },
      stdout: { value: Object.assign(collect('stdout'), stream), configurable: true },
      stderr: { value: Object.assign(collect('stderr'), stream), configurable: true },
      env: { value: { [folderVariable]: process.env[folderVariable], ...env }, configurable: true },
    };
    const usual = Object.fromEntries(
      Object.keys(inPlace).map((name) => [name, Object.getOwnPropertyDescriptor(process, name) ?? {}]),
    );
    Object.defineProperties(process, inPlace);
    try {
      const code = await runCommand(args);
      return { ...endOf(code ?? null, text, env), shown };
    } finally {
      Object.defineProperties(process, usual);
    }
  });
  last = mine.catch(() => {});
  return mine;
}

/**
 * Runs a command of the terminal to its end in this process, with this standard input and only the given environment: like
 * `spawnCli`, without starting a process. Rejects if it printed a secret. Commands that run until they are stopped need `startCli`.
 */
export function runCli(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
): Promise<CliEnd> {
  return run(args, env, input, {});
}

/** The same with streams that say they are a terminal, 80 columns wide: like `runInTerminal`, but without typed keys. */
export function runAtTerminal(args: readonly string[], env: Record<string, string> = {}): Promise<TerminalEnd> {
  return run(args, env, '', { isTTY: true, columns: 80 });
}
