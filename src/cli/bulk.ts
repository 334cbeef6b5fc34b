import { isUtf8 } from 'node:buffer';
import { addAbortSignal } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isAccountWide } from '../engagement/result.ts';
import { Permits } from '../upstream/permits.ts';
import { type DeleteOptions, withDeletes } from './delete.ts';
import { about, type End, type ExitCode, exitCodes, UsageError } from './output.ts';
import { Progress } from './progress.ts';
import type { Session } from './session.ts';

/** How many deletes run at once: enough for the requests that Truto allows an account in a second. */
const maxRunning = 16;

/** `bulk`: deletes the ids of standard input, and prints a line for each as it ends. */
export async function bulkCommand(options: DeleteOptions): Promise<ExitCode> {
  return withDeletes(options, async ({ deleteOne, report, session, output, stop }) => {
    const ids = await readIds(stop);
    const permits = new Permits(maxRunning, Number.POSITIVE_INFINITY);
    const plannedMs = plannedMsFor(new Set(ids).size, options, session.limits);
    const progress = new Progress(process.stderr, ids.length, plannedMs, process.stdout.isTTY);
    if (process.stderr.isTTY) session.limit.onWait = (waitMs) => progress.wait(waitMs);
    else if (plannedMs > 0) output.say(`${ids.length} ids will take ${about(plannedMs)}: Truto limits requests.`);
    const deleteUntilRefused = stopOnAccountError(deleteOne);
    let code: ExitCode = stop.aborted ? exitCodes.notNow : exitCodes.done;

    async function deleteInTurn(id: string): Promise<End> {
      const release = await permits.acquire(Number.POSITIVE_INFINITY);
      try {
        // Deletes that send nothing would end without a pause, and no signal or answer would be read.
        await nextTurn();
        return await deleteUntilRefused(id);
      } finally {
        release?.();
      }
    }

    // A repeated id is deleted once, and has two lines.
    const begun = new Map<string, Promise<End>>();
    for (const id of ids) if (!begun.has(id)) begun.set(id, deleteInTurn(id));
    try {
      await Promise.all(
        ids.map(async (id) => {
          const end = (await begun.get(id)) as End;
          progress.makeRoom();
          code = Math.max(code, report(id, end)) as ExitCode;
          progress.count(end.kind);
        }),
      );
    } finally {
      output.say(progress.end());
    }
    return code;
  });
}

/** How long Truto's limit for an account makes it take at least: the requests go in groups, a window apart. */
function plannedMsFor(idCount: number, { dryRun, snapshot }: DeleteOptions, limits: Session['limits']): number {
  if (!limits) return 0;
  const requestCount = idCount * (Number(!dryRun) + Number(snapshot === true));
  return Math.max(0, Math.ceil(requestCount / limits.perAccount) - 1) * limits.windowMs;
}

/** Sends one after another until the account or the token is refused. The rest ends in the same way, and sends nothing. */
export function stopOnAccountError<SomeEnd extends { readonly kind: string; readonly message?: string }>(
  sendOne: (key: string) => Promise<SomeEnd>,
): typeof sendOne {
  let rest: SomeEnd | undefined;
  return async (key) => {
    if (rest) return rest;
    const end = await sendOne(key);
    if (end.kind !== 'Unauthenticated' && !isAccountWide(end.kind)) return end;
    rest ??=
      end.kind === 'Unauthenticated'
        ? end
        : { ...end, message: `Nothing was sent, because an earlier one was refused: ${end.message}` };
    return end;
  };
}

async function readIds(stop: AbortSignal): Promise<readonly string[]> {
  if (process.stdin.isTTY)
    process.stderr.write('One id a line. Ctrl-D ends the list, and the deletes begin; Ctrl-C sends none.\n');
  const input = await readInput(stop);
  // An open one would keep the process alive.
  process.stdin.destroy();
  return idsIn(input);
}

/** Reads standard input to its end; once `stop` is aborted, only the lines that are complete. */
async function readInput(stop: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(stop, process.stdin)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    if (!stop.aborted) throw error;
    const bytes = Buffer.concat(chunks);
    return bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  }
}

/**
 * The ids in the input, one a line. Lines end at LF or CRLF.
 * @throws {UsageError} for invalid UTF-8: with a replacement character, an id may be another's.
 */
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
function trimBlanks(line: string): string {
  const isBlank = (index: number) => line[index] === ' ' || line[index] === '\t';
  let [start, end] = [0, line.length];
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return line.slice(start, end);
}
