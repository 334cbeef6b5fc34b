import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  addLine,
  createGroupCommit,
  createLock,
  type FileLine,
  keyWithId,
  type LedgerEntry,
  type LedgerLine,
  LineTooLong,
  ledgerName,
  readLedgerLine,
  readPieces,
  splitLines,
  syncFolder,
} from '../bulk/undo-files.ts';
import { UsageError } from './output.ts';

/** The error's code, such as `ENOENT`, or its message. */
export function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/** Reads a file line by line. Empty lines are left out. @throws {UsageError} when it cannot be read. */
export async function* linesOf(file: string): AsyncGenerator<FileLine> {
  try {
    yield* splitLines(readPieces(file));
  } catch (error) {
    if (error instanceof LineTooLong)
      throw new UsageError(`${error.message} in ${file}. It is not an undo file. Nothing was sent.`);
    throw new UsageError(`${file} cannot be read (${codeOf(error)}). Nothing was sent.`);
  }
}

/** The ledger of a folder: which of its engagements are restored, and under which new ids. */
export type Ledger = Awaited<ReturnType<typeof openLedger>>;

/**
 * Reads the ledger of a folder. To write it, this process locks it. Each line is on the disk before the next step, so no later run creates
 * a record a second time, however this one ends.
 * @throws {UsageError} when it is locked, damaged, or cannot be read or written.
 */
export async function openLedger(folder: string, isReadOnly: boolean) {
  const path = join(folder, ledgerName);
  const entries = new Map<string, LedgerEntry>();
  /** The key of the engagement that each new record restores, by the key of the new record. */
  const sources = new Map<string, string>();
  let file: FileHandle | undefined;
  let unlock = async (): Promise<void> => {};
  /** After a failed write, all further ones fail: the next run removes the incomplete line, which must be the last one. */
  let failure: unknown;
  const append = createGroupCommit(async (lines) => {
    if (failure) throw failure;
    try {
      await file?.appendFile(lines.join(''));
      await file?.datasync();
    } catch (error) {
      failure = error;
      throw error;
    }
  });

  function note(line: LedgerLine): void {
    const { key, newId } = line;
    addLine(entries, line);
    if (newId !== undefined) sources.set(keyWithId(key, newId), key);
  }

  async function read(): Promise<void> {
    for await (const { number, bytes, isTorn, offsetBytes } of linesOf(path)) {
      // Its writer was stopped before the next step.
      if (isTorn && isStartOfLine(bytes.toString())) return file?.truncate(offsetBytes);
      const line = readLedgerLine(bytes);
      const damaged = `Line ${number} of ${path} is damaged. Nothing was sent. Restore that file from a backup.`;
      if (!line) throw new UsageError(damaged);
      note(line);
    }
  }

  async function close(): Promise<void> {
    await file?.close();
    await unlock();
  }

  try {
    if (!isReadOnly) {
      unlock = await lock(`${path}.lock`);
      file = await open(path, 'a', 0o600);
      await syncFolder(folder);
    }
    if (file || existsSync(path)) await read();
  } catch (error) {
    await close();
    if (error instanceof UsageError) throw error;
    const why = 'Without it, a second run would create the same records again.';
    throw new UsageError(`${path} cannot be written (${codeOf(error)}). Nothing was sent. ${why}`);
  }
  return {
    find: (key: string) => entries.get(key),
    /** The keys of the engagements whose last create has no known end. */
    begunKeys: () => [...entries.values()].flatMap(({ key, event }) => (event === 'begun' ? [key] : [])),
    /** True when the new record with that id restores another engagement. */
    isTaken: (newId: string, key: string) => (sources.get(keyWithId(key, newId)) ?? key) !== key,
    /** Writes an event, and waits until it is on the disk. */
    async write(key: string, event: LedgerLine['event'], newId?: string): Promise<void> {
      const line = { key, event, at: new Date().toISOString(), ...(newId !== undefined && { newId }) };
      await append(`${JSON.stringify(line)}\n`);
      note(line);
    },
    close,
  };
}

/** True for the start of a line, so that no other file is shortened. */
function isStartOfLine(text: string): boolean {
  const start = '{"key":';
  return text.startsWith(start.slice(0, text.length));
}

/** The locks that this process holds, or is about to take. */
const held = new Set<string>();
const self = `${process.pid} ${hostname()}`;

/** True when the process that wrote the lock no longer runs. False when that is not known, as for a process of another host. */
function isStale(owner: string): boolean {
  const [pid = '', host] = owner.split(' ');
  if (host !== hostname() || !/^\d+$/.test(pid)) return false;
  // After a restart of a container, this process may have the same number. It does not hold the lock: see `held`.
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Takes over the lock of a process that has ended. Only one process does that at a time, so the lock cannot be another's by then. */
async function takeOver(path: string, takeover: string): Promise<boolean> {
  const isFree = async () => isStale(await readFile(path, 'utf8').catch(() => ''));
  if (!(await isFree()) || !(await createLock(takeover, self))) return false;
  if (await isFree()) return rename(takeover, path).then(() => true);
  await rm(takeover);
  return false;
}

/** Locks the path for this process. Returns how to unlock it. @throws {UsageError} when another run holds it. */
async function lock(path: string): Promise<() => Promise<void>> {
  const takeover = `${path}.takeover`;
  const isMine = !held.has(path);
  held.add(path);
  try {
    if (!isMine || !((await createLock(path, self)) || (await takeOver(path, takeover))))
      throw new UsageError(
        `Another restore uses this folder (${path}). Nothing was sent. Wait until it ends. If none runs, remove that file, and ${takeover} if there is one.`,
      );
  } catch (error) {
    if (isMine) held.delete(path);
    throw error;
  }
  return async () => {
    await rm(path, { force: true });
    held.delete(path);
  };
}
