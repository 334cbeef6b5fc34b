import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { withEscapes } from './foreign-text.ts';

/** A place for a log's lines: standard output, with each line written for people, at once. */
export function createTerminalDestination(): DestinationStream {
  const prettify = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l' });
  // A server goes on when the window that it was started in is closed.
  process.stdout.on('error', () => {});
  return { write: (line) => void process.stdout.write(withEscapes(prettify(line))) };
}
