import { createInterface } from 'node:readline';

/** True when a person can be asked: standard input and standard output are terminals. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Asks on standard output, which is a terminal. Only `y` and `yes` agree; Ctrl-D, and a signal that aborts `stop`, do not. Closes standard input. */
export async function confirm(question: string, stop: AbortSignal): Promise<boolean> {
  process.stdout.write(`${question} [y/N] `);
  try {
    // Without an output, the terminal itself edits the line, and Ctrl-C stays a signal.
    for await (const line of createInterface({ input: process.stdin, signal: stop }))
      return /^\s*y(es)?\s*$/i.test(line);
    process.stdout.write('\n');
    return false;
  } finally {
    // An open one would keep the process alive.
    process.stdin.destroy();
  }
}
