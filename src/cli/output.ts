import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '../config/secret.ts';
import { type ErrorKind, engagementErrors } from '../engagement/errors.ts';
import type { DeleteEnd } from '../engagement/result.ts';
import { secretPattern, withEscapes } from '../log/foreign-text.ts';

/** How the program ends; the numbers are a promise. Of many deletes, the highest counts. */
export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 3, notNow: 4, unknown: 5 } as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** How a delete ends in the terminal. `NotSent`: the command was stopped before it. */
export type End = DeleteEnd | { readonly kind: 'NotSent'; readonly message: string };

const codes = {
  DeleteEngagementSuccess: exitCodes.done,
  DeleteEngagementPlan: exitCodes.done,
  Restored: exitCodes.done,
  AlreadyRestored: exitCodes.done,
  RestorePlan: exitCodes.done,
  StillExists: exitCodes.done,
  MayStillExist: exitCodes.refused,
  NotRestorable: exitCodes.refused,
  UnreadableLine: exitCodes.refused,
  MayBeRestored: exitCodes.unknown,
  Unauthenticated: exitCodes.refused,
  NotSent: exitCodes.notNow,
} satisfies Readonly<Record<Exclude<End['kind'], ErrorKind>, ExitCode>> & Readonly<Record<string, ExitCode>>;

/** The `result` of a line. */
export type ResultKind = ErrorKind | keyof typeof codes;

/** The code for one line by itself. */
export function exitCodeOf(kind: ResultKind): ExitCode {
  return Object.hasOwn(engagementErrors, kind)
    ? exitCodes[engagementErrors[kind as ErrorKind].ends]
    : codes[kind as keyof typeof codes];
}

/** What to do about `Unauthenticated` in the terminal. */
export const tokenRefused = 'Truto does not accept the token: use another.';

/** The program is used wrongly; the message says what to do about it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Where a command writes: lines for programs on standard output, lines for people on standard error. As in the log, the token is
 * redacted in any spelling, and characters that change how other text looks are escaped.
 */
export function createOutput(token: Secret | undefined) {
  const pattern = token && secretPattern([token]);
  const shown = (line: string) => withEscapes(pattern ? line.replace(pattern, '[redacted]') : line);
  const unread = new AbortController();
  process.stdout.on('error', () => unread.abort());
  // A closed standard error must not end the command.
  process.stderr.on('error', () => {});
  return {
    /** The text as it is printed. */
    shown,
    print: (line: string) => void process.stdout.write(`${shown(line)}\n`),
    say: (line: string) => void process.stderr.write(`${shown(line)}\n`),
    /** Aborted once standard output cannot be written. */
    unread: unread.signal,
    /** The exit code, once all lines are written: `failed` when they could not be, unless it is `unknown`. */
    async end(code: ExitCode): Promise<ExitCode> {
      const error = await new Promise((resolve) => process.stdout.write('', resolve));
      // The stream reports a failed write one turn later.
      await nextTurn();
      const isUnread = error || unread.signal.aborted;
      return isUnread && code !== exitCodes.unknown ? exitCodes.failed : code;
    },
  };
}

/** The output of a command. */
export type Output = ReturnType<typeof createOutput>;

/** True when a person reads standard output, and has not asked for JSON. */
export function isForPeople({ json = false }: { readonly json?: boolean }): boolean {
  return process.stdout.isTTY === true && !json;
}

/** Text of others on one line of a terminal: without line breaks, and with control characters as JSON writes them. */
export function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}

/** A length of time as people say it: `about 25 s`, `about 17 min`. */
export function about(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 120 ? `about ${seconds} s` : `about ${Math.ceil(seconds / 60)} min`;
}
