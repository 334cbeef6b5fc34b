import { createReadStream } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from './output.ts';

/** Where a line is: enough to read it again. */
export interface LinePosition {
  readonly file: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** One line of a file. */
export interface Line extends LinePosition {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
  /** True for a last line without a line break: its writer was stopped. */
  readonly isTorn: boolean;
}

/** The name of the ledger in a folder. Its name ends as those of undo files do. */
export const ledgerName = 'restored.jsonl';

/** A record with its notes and `remote_data` is at most some megabytes. */
const maxLineBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/**
 * The files with records: the path itself, or the `.jsonl` files directly in it. And the folder that they are in.
 * @throws {UsageError} when there is none.
 */
export async function findUndoFiles(given: string): Promise<{ folder: string; files: readonly string[] }> {
  let path = given;
  try {
    // A link must not lead to another ledger.
    path = await realpath(given);
    const stats = await stat(path);
    // The lines of a pipe cannot be read twice.
    if (stats.isFile()) return { folder: dirname(path), files: [path] };
    if (!stats.isDirectory()) throw new Error('it is not a file');
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    const files = names.filter((name) => name.endsWith('.jsonl') && name !== ledgerName).sort();
    if (files.length > 0) return { folder: path, files: files.map((name) => join(path, name)) };
  } catch (error) {
    throw new UsageError(
      `${path} cannot be read (${codeOf(error)}). Nothing was sent. Give an undo file or its folder.`,
    );
  }
  throw new UsageError(
    `${path} has no .jsonl files directly in it. Nothing was sent. Give an undo file or its folder.`,
  );
}

/** The error's code, such as `ENOENT`, or its message. */
export function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/**
 * Reads a file line by line. Empty lines are left out.
 * @throws {UsageError} when it cannot be read.
 */
export async function* linesOf(file: string): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let offsetBytes = 0;
  let number = 1;
  function line(isTorn: boolean): Line {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    return { file, number, offsetBytes, lengthBytes: bytes.length, bytes, isTorn };
  }
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        pieces.push(chunk.subarray(start, end));
        const next = line(false);
        if (next.lengthBytes > 0) yield next;
        offsetBytes += next.lengthBytes + 1;
        number += 1;
        start = end + 1;
      }
      pieces.push(chunk.subarray(start));
      if (pieces.length > maxLineBytes / (1024 * 1024))
        throw new UsageError(
          `Line ${number} of ${file} is larger than 64 MiB. It is not an undo file. Nothing was sent.`,
        );
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read (${codeOf(error)}). Nothing was sent.`);
  }
  const last = line(true);
  if (last.lengthBytes > 0) yield last;
}

/** Reads one line again. */
export async function readLine({ file, offsetBytes, lengthBytes }: LinePosition): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offsetBytes);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
