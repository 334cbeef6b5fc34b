import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { keyWithId } from '../bulk/restore-ledger.ts';
import { createGroupCommit, type LedgerLine, ledgerName, readLedgerLine } from '../bulk/undo-files.ts';
import { UsageError } from './output.ts';
import { codeOf, linesOf } from './undo-files.ts';

/** What is known of one engagement. */
export interface LedgerEntry {
  readonly event: LedgerLine['event'];
  /** When that was, in milliseconds since 1970. */
  readonly atMs: number;
  readonly newId?: string | undefined;
  /** How many of its creates were refused. */
  readonly refusalCount: number;
}

/**
 * The ledger of a folder: which of its engagements are restored, and under which new ids. Each line is on the disk before the next step.
 * So no later run creates a record a second time, however this one ends.
 */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();
  /** The key of the engagement that each new record restores, by the key of the new record. */
  readonly #sources = new Map<string, string>();
  #file: FileHandle | undefined;
  #unlock = async (): Promise<void> => {};
  /** After a failed write, all further ones fail: the next run removes the incomplete line, which must be the last one. */
  #failure: unknown;
  readonly #append = createGroupCommit(async (lines) => {
    if (this.#failure) throw this.#failure;
    try {
      await this.#file?.appendFile(lines.join(''));
      await this.#file?.datasync();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  });

  /**
   * Reads the ledger. To write it, this process locks it.
   * @throws {UsageError} when it is locked, damaged, or cannot be read or written.
   */
  static async open(folder: string, isReadOnly: boolean): Promise<Ledger> {
    const ledger = new Ledger();
    const path = join(folder, ledgerName);
    if (isReadOnly && !existsSync(path)) return ledger;
    try {
      if (!isReadOnly) {
        ledger.#unlock = await lock(`${path}.lock`);
        ledger.#file = await open(path, 'a', 0o600);
        // After a power cut, a new file also needs its name.
        const directory = await open(folder);
        await directory.sync().finally(() => directory.close());
      }
      await ledger.#read(path);
      return ledger;
    } catch (error) {
      await ledger.close();
      if (error instanceof UsageError) throw error;
      const why = 'Without it, a second run would create the same records again.';
      throw new UsageError(`${path} cannot be written (${codeOf(error)}). Nothing was sent. ${why}`);
    }
  }

  async #read(path: string): Promise<void> {
    for await (const { number, bytes, isTorn, offsetBytes } of linesOf(path)) {
      // Its writer was stopped before the next step.
      if (isTorn && isStartOfLine(bytes.toString())) return void (await this.#file?.truncate(offsetBytes));
      const line = readLedgerLine(bytes);
      if (!line)
        throw new UsageError(
          `Line ${number} of ${path} is damaged. Nothing was sent. Restore that file from a backup.`,
        );
      this.#note(line);
    }
  }

  #note({ key, event, at, newId }: LedgerLine): void {
    const refusalCount = (this.#entries.get(key)?.refusalCount ?? 0) + Number(event === 'refused');
    this.#entries.set(key, { event, atMs: Date.parse(at), newId, refusalCount });
    if (newId !== undefined) this.#sources.set(keyWithId(key, newId), key);
  }

  /** The last event of an engagement. */
  find(key: string): LedgerEntry | undefined {
    return this.#entries.get(key);
  }

  /** The keys of the engagements whose last create has no known end. */
  get begunKeys(): readonly string[] {
    return [...this.#entries].flatMap(([key, { event }]) => (event === 'begun' ? [key] : []));
  }

  /** True when the new record with that id restores another engagement. */
  isTaken(newId: string, key: string): boolean {
    return (this.#sources.get(keyWithId(key, newId)) ?? key) !== key;
  }

  /** Writes an event, and waits until it is on the disk. */
  async write(key: string, event: LedgerEntry['event'], newId?: string): Promise<void> {
    const line = { key, event, at: new Date().toISOString(), ...(newId !== undefined && { newId }) };
    await this.#append(`${JSON.stringify(line)}\n`);
    this.#note(line);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    await this.#unlock();
  }
}

/** True for the start of a line, so that no other file is shortened. */
function isStartOfLine(text: string): boolean {
  const start = '{"key":';
  return text.startsWith(start.slice(0, text.length));
}

/** The locks that this process holds, or is about to take. */
const held = new Set<string>();

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

/** Creates the file of a lock. Returns false when it exists. */
async function createLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${process.pid} ${hostname()}`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Takes over the lock of a process that has ended. Only one process does that at a time, so the lock cannot be another's by then. */
async function takeOver(path: string, takeover: string): Promise<boolean> {
  const isFree = async () => isStale(await readFile(path, 'utf8').catch(() => ''));
  if (!(await isFree()) || !(await createLock(takeover))) return false;
  if (await isFree()) return rename(takeover, path).then(() => true);
  await rm(takeover);
  return false;
}

/**
 * Locks the path for this process. Returns how to unlock it.
 * @throws {UsageError} when another run holds it.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const takeover = `${path}.takeover`;
  const busy = () =>
    new UsageError(
      `Another restore uses this folder (${path}). Nothing was sent. Wait until it ends. If none runs, remove that file, and ${takeover} if there is one.`,
    );
  if (held.has(path)) throw busy();
  held.add(path);
  try {
    if (!(await createLock(path)) && !(await takeOver(path, takeover))) throw busy();
  } catch (error) {
    held.delete(path);
    throw error;
  }
  return async () => {
    await rm(path, { force: true });
    held.delete(path);
  };
}
