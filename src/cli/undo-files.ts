import { createReadStream } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileLine, type LinePosition, LineTooLong, ledgerName, splitLines } from '../bulk/undo-files.ts';
import { UsageError } from './output.ts';

/** Where a line is: enough to read it again. */
export interface PositionInFile extends LinePosition {
  readonly file: string;
}

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
export async function* linesOf(file: string): AsyncGenerator<FileLine & PositionInFile> {
  try {
    for await (const line of splitLines(createReadStream(file, { highWaterMark: 1024 * 1024 })))
      yield { file, ...line };
  } catch (error) {
    if (error instanceof LineTooLong)
      throw new UsageError(`${error.message} in ${file}. It is not an undo file. Nothing was sent.`);
    throw new UsageError(`${file} cannot be read (${codeOf(error)}). Nothing was sent.`);
  }
}

/** Reads one line again. */
export async function readLine({ file, offsetBytes, lengthBytes }: PositionInFile): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offsetBytes);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
