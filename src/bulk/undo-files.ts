import { createReadStream } from 'node:fs';
import { appendFile, copyFile, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Where a line is in its file. */
export interface LinePosition {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Reads a file, or a part of it, which is shorter when the file is. */
export function readPieces(path: string, part?: LinePosition): AsyncIterable<Uint8Array> {
  // The end is inclusive.
  const range = part && { start: part.offsetBytes, end: part.offsetBytes + part.lengthBytes - 1 };
  return createReadStream(path, { highWaterMark: 1024 * 1024, ...range });
}

/** One line of a file, without its line break. */
export interface FileLine extends LinePosition {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
  /** True for a last line without a line break: its writer was stopped. */
  readonly isTorn: boolean;
}

/** A record with its notes and `remote_data` is at most some megabytes. */
const maxLineBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/** A line is longer than any of an undo file. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

/** Splits a file into its lines. Empty ones are left out. @throws {LineTooLong} */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FileLine> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let offsetBytes = 0;
  let number = 1;
  function line(isTorn: boolean): FileLine {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    pieceBytes = 0;
    return { number, offsetBytes, lengthBytes: bytes.length, bytes, isTorn };
  }
  for await (const chunk of chunks) {
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
    pieceBytes += chunk.length - start;
    if (pieceBytes > maxLineBytes) throw new LineTooLong(`Line ${number} is larger than 64 MiB`);
  }
  const last = line(true);
  if (last.lengthBytes > 0) yield last;
}

/** Gathers items while a write runs, to write them with one flush. Each waits for its write, and gets its result. Writes never overlap. */
export function createGroupCommit<Result>(write: (items: readonly string[]) => Promise<Result>) {
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly items: string[]; readonly written: Promise<Result> } | undefined;
  return (item: string): Promise<Result> => {
    if (!next) {
      const items: string[] = [];
      const written = running.then(() => {
        next = undefined;
        return write(items);
      });
      running = written.catch(() => {});
      next = { items, written };
    }
    next.items.push(item);
    return next.written;
  };
}

/** Flushes a folder's names to the disk: after a power cut, a file also needs its name. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}

/** The name of the ledger in a folder of undo files. It ends as their names do. */
export const ledgerName = 'restored.jsonl';

const ledgerLine = z.object({
  key: z.string(),
  /** `begun`: its create is about to be sent. `refused`: nothing was created. */
  event: z.enum(['begun', 'restored', 'refused']),
  at: z.iso.datetime(),
  newId: z.string().optional(),
});

/** A line of the ledger: what happened to the engagement with that key, and when. */
export type LedgerLine = z.output<typeof ledgerLine>;

/** The last event of an engagement, and how many of its creates were refused. */
export type LedgerEntry = LedgerLine & { readonly refusalCount: number };

/** Adds a line to the entries of a ledger, by keys. */
export function addLine(entries: Map<string, LedgerEntry>, line: LedgerLine): void {
  const refusalCount = (entries.get(line.key)?.refusalCount ?? 0) + Number(line.event === 'refused');
  entries.set(line.key, { ...line, refusalCount });
}

/** The key of a new record: that of the engagement that it restores, with its id. */
export function keyWithId(key: string, id: string): string {
  const [integratedAccountId, type] = JSON.parse(key);
  return JSON.stringify([integratedAccountId, type, id]);
}

/** Reads a line of the ledger. Undefined when it is damaged. */
export function readLedgerLine(bytes: Buffer): LedgerLine | undefined {
  try {
    return ledgerLine.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

/** The lock that the terminal takes too. It takes a server's for that of a process of another host, so it does not remove it. */
const lockIn = (folder: string) => join(folder, `${ledgerName}.lock`);
const lockText = (jobId: string) => `${jobId} restore`;

async function isLockedBy(folder: string, jobId: string): Promise<boolean> {
  return (await readFile(lockIn(folder), 'utf8').catch(() => '')) === lockText(jobId);
}

/** Creates the file of a lock. Returns false when it exists. */
export async function createLock(file: string, owner: string): Promise<boolean> {
  try {
    await writeFile(file, owner, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Locks a folder for a restore of the server, until {@link releaseFolder}. False while the terminal or another restore has the lock. */
export async function lockFolder(folder: string, jobId: string): Promise<boolean> {
  return (await createLock(lockIn(folder), lockText(jobId))) || isLockedBy(folder, jobId);
}

/** Reads a folder's ledger. Undefined when a line is damaged. */
export async function readFolderLedger(folder: string): Promise<ReadonlyMap<string, LedgerEntry> | undefined> {
  const entries = new Map<string, LedgerEntry>();
  try {
    for await (const { bytes, isTorn } of splitLines(readPieces(join(folder, ledgerName)))) {
      const line = readLedgerLine(bytes);
      if (line) addLine(entries, line);
      else if (!isTorn) return undefined;
    }
  } catch (error) {
    ignoreMissing(error);
  }
  return entries;
}

/** Adds lines to a folder's ledger in one step, so that the terminal knows them, and unlocks it. Does nothing without the lock. */
export async function releaseFolder(folder: string, jobId: string, lines: AsyncIterable<readonly LedgerLine[]>) {
  if (!(await isLockedBy(folder, jobId))) return;
  const [path, next] = [join(folder, ledgerName), join(folder, `${ledgerName}.new`)];
  await rm(next, { force: true });
  try {
    await copyFile(path, next);
    // The terminal was stopped while it wrote the last line: the next one must not continue it.
    for await (const { bytes, isTorn, offsetBytes } of splitLines(readPieces(next)))
      if (isTorn) await (readLedgerLine(bytes) ? appendFile(next, '\n') : truncate(next, offsetBytes));
  } catch (error) {
    ignoreMissing(error);
  }
  const file = await open(next, 'a', 0o600);
  try {
    for await (const some of lines) await file.appendFile(some.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  await syncFolder(folder);
  await rm(lockIn(folder), { force: true });
}
