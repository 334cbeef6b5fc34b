import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { withEscapes } from './foreign-text.ts';

/** A destination for log lines: standard output. It formats each line for people, and writes it at once. */
export function createTerminalDestination(): DestinationStream {
  const prettify = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l' });
  // The server must not end when its terminal is closed.
  process.stdout.on('error', () => {});
  return { write: (line) => void process.stdout.write(withEscapes(prettify(line))) };
}
