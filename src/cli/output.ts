import type { Secret } from '../secret.ts';

/** Where a command writes. */
export interface Output {
  /** A line for programs. */
  print(line: string): void;
  /** A line for people. */
  say(line: string): void;
  /** Aborted once nobody reads what is printed any more. */
  readonly unread: AbortSignal;
}

/** Shorter ones occur by chance, as in the log. */
const minSecretLength = 8;

/**
 * Writes to standard output and standard error, without the token, whatever answers may repeat of what they were sent.
 */
export function createOutput(token: Secret | undefined): Output {
  const value = token?.reveal() ?? '';
  const spellings = value.length < minSecretLength ? [] : [value, JSON.stringify(value).slice(1, -1)];
  const redacted = (line: string) => spellings.reduce((text, secret) => text.replaceAll(secret, '[redacted]'), line);
  const unread = new AbortController();
  process.stdout.once('error', () => unread.abort());
  process.stdout.on('error', () => {});
  return {
    print: (line) => void process.stdout.write(`${redacted(line)}\n`),
    say: (line) => void process.stderr.write(`${redacted(line)}\n`),
    unread: unread.signal,
  };
}

/** Says where nothing real is touched: what looks like a success must not pass for one. */
export function sayIfSandbox(isSandbox: boolean, { say }: Output): void {
  if (isSandbox) say('Over an embedded sandbox of invented data: nothing real is touched (see --help for the token).');
}
