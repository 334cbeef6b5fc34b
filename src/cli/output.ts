import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '../config/secret.ts';
import { withEscapes } from '../log/foreign-text.ts';
import { secretPattern } from '../log/secret-pattern.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';

/** Where a command writes. */
export interface Output {
  /** A line for programs. */
  print(line: string): void;
  /** A line for people. */
  say(line: string): void;
  /** Aborted once what is printed can no longer be written. */
  readonly unread: AbortSignal;
  /** How the command ends, known when all that it printed is out: `failed` where that could not be written, unless it is `unknown`. */
  end(code: ExitCode): Promise<ExitCode>;
}

/**
 * Writes to standard output and standard error, without the token, whatever answers may repeat of what they were sent and
 * in which spelling: as the log does. Characters that change how other text looks are escaped.
 */
export function createOutput(token: Secret | undefined): Output {
  const pattern = token && secretPattern([token]);
  const redacted = (line: string) => (pattern ? line.replace(pattern, '[redacted]') : line);
  const shown = (line: string) => withEscapes(redacted(line));
  const unread = new AbortController();
  process.stdout.on('error', () => unread.abort());
  // Who no longer looks at the words for people must not end what goes on.
  process.stderr.on('error', () => {});
  return {
    print: (line) => void process.stdout.write(`${shown(line)}\n`),
    say: (line) => void process.stderr.write(`${shown(line)}\n`),
    unread: unread.signal,
    async end(code) {
      const error = await new Promise((resolve) => process.stdout.write('', resolve));
      // The stream tells of what it could not write a turn after it knows.
      await nextTurn();
      // That nobody knows what was done is worse than that it could not be told.
      const isUntold = error || unread.signal.aborted;
      return isUntold && code !== exitCodes.unknown ? exitCodes.failed : code;
    },
  };
}

/** Says where nothing real is touched: what looks like a success must not pass for one. */
export function sayIfSandbox(isSandbox: boolean, { say }: Output): void {
  if (isSandbox) say('Over an embedded sandbox of invented data: nothing real is touched (see --help for the token).');
}
