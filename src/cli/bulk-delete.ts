import { isUtf8 } from 'node:buffer';
import { addAbortSignal } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { deleteEach } from '../engagement/delete/delete-many.ts';
import { isAccountWide } from '../engagement/delete-errors.ts';
import type { DeleteEnd } from '../engagement/result.ts';
import { Permits } from '../upstream/permits.ts';
import { type DeleteOptions, withDeletes } from './delete-engagement.ts';
import { type DeleteLine, lineOf, lineOfError } from './delete-line.ts';
import { type ExitCode, exitCodes, UsageError } from './exit-code.ts';
import { createPatientDelete } from './patient-delete.ts';
import { Progress } from './progress.ts';

/** How many deletes are on their way at once: enough for what Truto allows an account in a second. */
const maxRunning = 16;

/** Reads standard input to its end. When `stop` is aborted, it returns the whole lines that have come. */
async function readInput(stop: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(stop, process.stdin)) chunks.push(chunk);
  } catch (error) {
    if (!stop.aborted) throw error;
    const bytes = Buffer.concat(chunks);
    return bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  }
  return Buffer.concat(chunks);
}

/** Without spaces and tabs around it. Everything else, such as a line separator, may be part of an id. */
function trimBlanks(line: string): string {
  const isBlank = (index: number) => line[index] === ' ' || line[index] === '\t';
  let [start, end] = [0, line.length];
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return line.slice(start, end);
}

/**
 * The ids in the input, one a line. Lines end at LF or CRLF.
 * @throws {UsageError} for bytes that are no UTF-8: with a replacement character, an id may be another's.
 */
function idsIn(input: Buffer): readonly string[] {
  // Each character is a byte: the end of a line is never a part of another character in UTF-8.
  const lines = input.toString('latin1').split('\n');
  return lines.flatMap((line, index) => {
    const bytes = Buffer.from(line, 'latin1');
    if (!isUtf8(bytes)) {
      const problem = `Line ${index + 1} of standard input is not valid UTF-8.`;
      throw new UsageError(`${problem} Nothing was sent. Convert the input to UTF-8, and run the same again.`);
    }
    const text = index === 0 ? bytes.toString().replace(/^\ufeff/, '') : bytes.toString();
    const id = trimBlanks(text.endsWith('\r') ? text.slice(0, -1) : text);
    return id === '' ? [] : [id];
  });
}

async function readIds(stop: AbortSignal): Promise<readonly string[]> {
  if (process.stdin.isTTY) process.stderr.write('One id a line; Ctrl-D when all are there.\n');
  const input = await readInput(stop);
  // One that is still open would keep the process alive.
  process.stdin.destroy();
  return idsIn(input);
}

type DeleteOne = (item: { readonly id: string }) => Promise<DeleteEnd>;

/** Deletes until the account or the token turns out to be of no use: the rest gets the same result, and nothing is sent for it. */
function stopOnAccountError(deleteOne: DeleteOne): DeleteOne {
  let rest: DeleteEnd | undefined;
  return async (item) => {
    if (rest) return rest;
    const end = await deleteOne(item);
    if (!('message' in end) || !(end.kind === 'Unauthenticated' || isAccountWide(end.kind))) return end;
    rest ??=
      end.kind === 'Unauthenticated'
        ? end
        : { ...end, message: `Nothing was sent, since an earlier id was answered: ${end.message}` };
    return end;
  };
}

/** `bulk`: deletes the ids of standard input, and prints a line for each as it comes. */
export async function bulkDeleteCommand(options: DeleteOptions): Promise<ExitCode> {
  return withDeletes(options, async ({ session, output, settings }) => {
    const ids = await readIds(settings.stop);
    const deleteOne = stopOnAccountError(createPatientDelete(session, settings));
    const permits = new Permits(maxRunning, Number.POSITIVE_INFINITY);
    const progress = new Progress(process.stderr, ids.length, process.stdout.isTTY);
    let code: ExitCode = settings.stop.aborted ? exitCodes.notNow : exitCodes.done;
    function tell(line: DeleteLine): void {
      progress.makeRoom();
      output.print(line.json);
      progress.count(line.kind);
      if (line.code > code) code = line.code;
    }
    const items = ids.map((id) => ({ id }));
    const results = deleteEach(items, async (item) => {
      const release = await permits.acquire(Number.POSITIVE_INFINITY);
      try {
        // A result that costs no request would follow another without end: no answer would be read meanwhile, and no signal.
        await nextTurn();
        return await deleteOne(item);
      } finally {
        release?.();
      }
    });
    try {
      await Promise.all(
        results.map(async (result, index) => {
          const id = ids[index] ?? '';
          const line = await result.then(
            (found) => lineOf(id, settings.account, found, session),
            (error) => lineOfError(id, settings.account, error, session),
          );
          tell(line);
        }),
      );
    } finally {
      output.say(progress.end());
    }
    return code;
  });
}
