import { isUtf8 } from 'node:buffer';
import { fstatSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { isAccountWide } from '../engagement/result.ts';
import { type DeleteOptions, withDeletes } from './delete.ts';
import { about, type End, type ExitCode, exitCodes, UsageError, worst } from './output.ts';
import { runEach } from './progress.ts';
import type { Session } from './session.ts';

/** How many deletes run at once: enough for the requests that Truto allows an account in a second. */
const maxRunning = 16;

/** `bulk`: deletes the ids of standard input, and prints a line for each as it ends. */
export async function bulkCommand(options: DeleteOptions): Promise<ExitCode> {
  return withDeletes(options, false, async ({ deleteOne, report, session }) => {
    const { output, stop, limits } = session;
    const ids = await readIds(stop);
    const isStopped = stop.aborted;
    // A repeated id is deleted once, and has a line for each time that it was given.
    const copies = Map.groupBy(ids, (id) => id);
    const plannedMs = plannedMsFor(copies.size, options, limits);
    if (!process.stderr.isTTY && plannedMs > 0)
      output.say(`${copies.size} ids will take ${about(plannedMs)}: Truto limits requests.`);
    const deleteUntilRefused = stopOnAccountError((id) => deleteOne(id, true));
    const reportEach = (id: string, end: End) =>
      (copies.get(id) ?? []).map(() => report(id, end)).reduce(worst, exitCodes.done);
    const bar = { most: maxRunning, plannedMs };
    const code = await runEach([...copies.keys()], bar, session, deleteUntilRefused, reportEach);
    return isStopped ? worst(code, exitCodes.notNow) : code;
  });
}

/** How long Truto's limit for an account makes it take at least: the requests go in groups, a window apart. */
function plannedMsFor(idCount: number, { dryRun, snapshot }: DeleteOptions, limits: Session['limits']): number {
  if (!limits) return 0;
  const requestCount = idCount * (Number(!dryRun) + Number(snapshot === true));
  return Math.max(0, Math.ceil(requestCount / limits.perAccount) - 1) * limits.windowMs;
}

/** Sends one after another until the account or the token is refused. The rest of the account ends in the same way, and sends nothing. */
export function stopOnAccountError<SomeEnd extends { readonly kind: string; readonly message?: string }>(
  sendOne: (key: string) => Promise<SomeEnd>,
  accountOf: (key: string) => string = () => '',
): typeof sendOne {
  const rests = new Map<string, SomeEnd>();
  return async (key) => {
    const account = accountOf(key);
    const rest = rests.get(account);
    if (rest) return rest;
    const end = await sendOne(key);
    const message = `Nothing was sent, because an earlier one was refused: ${end.message}`;
    if (rests.has(account)) return end;
    if (end.kind === 'Unauthenticated') rests.set(account, end);
    else if (isAccountWide(end.kind)) rests.set(account, { ...end, message });
    return end;
  };
}

/** Reads the ids of standard input to its end; once `stop` is aborted, only from the lines that are complete. @throws {UsageError} */
async function readIds(stop: AbortSignal): Promise<readonly string[]> {
  // Node reads a folder as an empty list.
  if (process.stdin.fd !== undefined && fstatSync(process.stdin.fd).isDirectory())
    throw new UsageError('Standard input is a folder. Nothing was sent. Give a file with one id a line.');
  if (process.stdin.isTTY)
    process.stderr.write('One id a line. Ctrl-D ends the list, and the deletes begin; Ctrl-C sends none.\n');
  const chunks: Buffer[] = [];
  let isWhole = true;
  try {
    for await (const chunk of addAbortSignal(stop, process.stdin)) chunks.push(chunk);
  } catch (error) {
    if (!stop.aborted) throw error;
    isWhole = false;
  }
  // An open one would keep the process alive.
  process.stdin.destroy();
  const input = Buffer.concat(chunks);
  return idsIn(isWhole ? input : input.subarray(0, input.lastIndexOf('\n') + 1));
}

/** The ids in the input, one a line. @throws {UsageError} for invalid UTF-8: with a replacement character, an id may be another's. */
function idsIn(input: Buffer): readonly string[] {
  if (!isUtf8(input)) {
    // As latin1, each character is a byte: LF is never a part of another character in UTF-8.
    const lines = input.toString('latin1').split('\n');
    const number = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
    const problem = `Line ${number} of standard input is not valid UTF-8.`;
    throw new UsageError(`${problem} Nothing was sent. Convert the input to UTF-8, and run the same again.`);
  }
  const lines = input
    .toString()
    .replace(/^\ufeff/, '')
    .split('\n');
  return lines.map((line) => trimBlanks(line.endsWith('\r') ? line.slice(0, -1) : line)).filter(Boolean);
}

/** Without spaces and tabs around it. Other characters, such as a line separator, may be part of an id. */
const trimBlanks = (line: string) => /[^ \t](?:.*[^ \t])?/s.exec(line)?.[0] ?? '';
