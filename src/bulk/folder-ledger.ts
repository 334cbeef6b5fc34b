import { createReadStream } from 'node:fs';
import { appendFile, copyFile, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { splitLines } from './undo-files.ts';

/** The name of the ledger in a folder of undo files. It ends as their names do. */
export const ledgerName = 'restored.jsonl';

/** A line: what happened to the engagement with that key, and when. */
const shape = z.object({
  key: z.string(),
  /** `begun`: its create is about to be sent. `refused`: nothing was created. */
  event: z.enum(['begun', 'restored', 'refused']),
  at: z.iso.datetime(),
  newId: z.string().optional(),
});

/** A line of the ledger. */
export type LedgerLine = z.output<typeof shape>;

/** Reads a line of the ledger. Undefined when it is damaged. */
export function readLedgerLine(bytes: Buffer): LedgerLine | undefined {
  try {
    return shape.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    return undefined;
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** The path of the lock that the terminal takes before it restores from a folder. */
const lockIn = (folder: string) => join(folder, `${ledgerName}.lock`);

/** The content of a server's lock. The terminal takes it for a process of another host, so it does not remove it. */
const lockText = (jobId: string) => `${jobId} restore`;

async function isLockedBy(folder: string, jobId: string): Promise<boolean> {
  return (await readFile(lockIn(folder), 'utf8').catch(() => '')) === lockText(jobId);
}

/** Locks a folder for a restore of the server, until {@link releaseFolder}. False while the terminal or another restore has the lock. */
export async function lockFolder(folder: string, jobId: string): Promise<boolean> {
  try {
    await writeFile(lockIn(folder), lockText(jobId), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return isLockedBy(folder, jobId);
  }
}

/** Reads the last event of each engagement in a folder's ledger. Undefined when a line is damaged. */
export async function readFolderLedger(folder: string): Promise<ReadonlyMap<string, LedgerLine> | undefined> {
  const entries = new Map<string, LedgerLine>();
  try {
    for await (const { bytes, isTorn } of splitLines(createReadStream(join(folder, ledgerName)))) {
      const line = readLedgerLine(bytes);
      if (line) entries.set(line.key, line);
      else if (!isTorn) return undefined;
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return entries;
}

/** Adds lines to a folder's ledger in one step, so that the terminal knows them, and unlocks it. Does nothing without the lock. */
export async function releaseFolder(
  folder: string,
  jobId: string,
  lines: AsyncIterable<readonly LedgerLine[]>,
): Promise<void> {
  if (!(await isLockedBy(folder, jobId))) return;
  const [path, next] = [join(folder, ledgerName), join(folder, `${ledgerName}.new`)];
  await rm(next, { force: true });
  try {
    await copyFile(path, next);
    // The terminal was stopped while it wrote the last line: the next one must not continue it.
    for await (const { bytes, isTorn, offsetBytes } of splitLines(createReadStream(next)))
      if (isTorn) await (readLedgerLine(bytes) ? appendFile(next, '\n') : truncate(next, offsetBytes));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const file = await open(next, 'a', 0o600);
  try {
    for await (const some of lines) await file.appendFile(some.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const directory = await open(folder);
  await directory.sync().finally(() => directory.close());
  await rm(lockIn(folder), { force: true });
}
