import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '../config/secret.ts';
import { type DeleteEnd, type ErrorKind, engagementErrors, type Finding } from '../engagement/result.ts';
import { censor, secretPattern, withEscapes } from '../log/foreign-text.ts';

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

/** The higher of two codes. */
export const worst = (one: ExitCode, other: ExitCode): ExitCode => (one > other ? one : other);

/** The code that the request of a plan itself would have: that of the worst finding. */
export function exitCodeOfFindings(findings: readonly Finding[]): ExitCode {
  const refusals = findings.filter(({ severity }) => severity === 'REFUSAL');
  const codes = refusals.map(({ result = 'InvalidInputError' }) =>
    exitCodeOf(result === 'UNAUTHENTICATED' ? 'Unauthenticated' : result),
  );
  return codes.reduce(worst, exitCodes.done);
}

/** The message of an end. `nothing` begins that of a refused token: it says what was not done. */
export function messageOf(end: { readonly kind: string; readonly message?: string }, nothing = ''): string {
  return end.kind === 'Unauthenticated'
    ? `${nothing}Truto does not accept the token: use another.`
    : (end.message ?? '');
}

/** The program is used wrongly; the message says what to do about it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The warning about a printed engagement that is no exact copy. */
const altered = `The engagement contains the token, which is printed as ${censor}. Put the token back before you restore the line.`;

/**
 * Where a command writes: results on standard output, what people need besides on standard error. As in the log, the token is redacted in
 * any spelling, and characters that change how other text looks are escaped.
 */
export function createOutput(token?: Secret, json = false) {
  const pattern = token && secretPattern([token]);
  const shown = (line: string) => withEscapes(pattern ? line.replace(pattern, censor) : line);
  const print = (line: string) => void process.stdout.write(`${shown(line)}\n`);
  const isForPeople = process.stdout.isTTY === true && !json;
  const unread = new AbortController();
  let isAltered = false;
  process.stdout.on('error', () => unread.abort());
  // A closed standard error must not end the command.
  process.stderr.on('error', () => {});
  return {
    /** The text as it is printed. */
    shown,
    print,
    say: (line: string) => void process.stderr.write(`${shown(line)}\n`),
    /** True when a person reads standard output, and has not asked for JSON. */
    isForPeople,
    /** Prints a result: to people as these lines, else as JSON. */
    report(lines: readonly string[], result: Readonly<Record<string, unknown>>): void {
      const hasToken = Boolean(result.engagement && pattern && JSON.stringify(result).search(pattern) >= 0);
      isAltered ||= hasToken;
      const shownResult = hasToken ? { ...result, warnings: [result.warnings ?? [], altered].flat() } : result;
      for (const line of isForPeople ? lines : [JSON.stringify(shownResult)]) print(line);
    },
    /** Aborted once standard output cannot be written. */
    unread: unread.signal,
    /** The exit code, once all lines are written: `failed` when they could not be, unless it is `unknown`. */
    async end(code: ExitCode): Promise<ExitCode> {
      if (isAltered) process.stderr.write(`${altered}\n`);
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

/** Text of others on one line of a terminal: without line breaks, and with control characters as JSON writes them. */
export function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}

/** A length of time as people say it: `about 25 s`, `about 17 min`. */
export function about(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 120 ? `about ${seconds} s` : `about ${Math.ceil(seconds / 60)} min`;
}
