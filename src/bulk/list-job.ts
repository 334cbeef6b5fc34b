import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Caller } from '../engagement/account.ts';
import { normalizedType, typeNamed } from '../engagement/input.ts';
import { readEngagements } from '../engagement/read.ts';
import { planRestore } from '../engagement/restore/restore-engagement.ts';
import { engagementKey, isNewest, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import { located } from '../engagement/result.ts';
import { filterFields, findContradicted } from '../engagement/rules.ts';
import { type BulkItem, type BulkJob, hasEnded, loggedId, pageSize, type RestoreSource } from './job.ts';
import { BulkUnavailable, maxIdleListedBytes } from './job-scripts.ts';
import { type LedgerLine, LineTooLong, lockFolder, readFolderLedger, releaseFolder, splitLines } from './undo-files.ts';
import {
  backoffMs,
  fail,
  findObstacle,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  requestBounds,
  type WorkEnd,
  type WorkPorts,
} from './work.ts';

/** The most engagements of one bulk delete: about 60 MB in Redis. */
const maxListed = 1_000_000;
const outageMs = 5_000;
/** How many lines are checked before other work has its turn. */
const linesPerTurn = 100;

const whyNotAdded = {
  full: `The lists of your bulk deletes in this integrated account take more than ${maxIdleListedBytes >> 20} MiB. Nothing was deleted. Start it again when the others have begun to delete, or after 24 hours.`,
  circle: "Truto's list leads back to an earlier page. Nothing was deleted. Start a bulk delete by `ids` instead.",
  long: `The filter matches more than ${maxListed} engagements. Nothing was deleted. Start several bulk deletes with narrower filters.`,
} as const;

const ignoredBy = (condition: string) =>
  `Truto's list has an engagement that does not match filter.${condition}: the integration may ignore it. Nothing was deleted. Start a bulk delete by \`ids\` instead.`;

/**
 * Resolves a filter, page by page, or the undo files of a restore, before anything is deleted: upstream may skip records of a list that
 * shrinks. For a job that has ended, sets when its pages expire. It may be called again at any time, and continues where it was.
 */
export async function listJob(jobId: string, ports: WorkPorts): Promise<WorkEnd> {
  const { store } = ports;
  for (;;) {
    const job = await store.read(jobId);
    if (job && hasEnded(job)) {
      if (job.input.restore && !(await endRestoreJob(job, ports))) return { afterMs: pausedLookMs };
      await store.letGo(jobId);
    }
    if (job?.phase !== 'LISTING') return 'done';
    if (job.isPaused) return { afterMs: pausedLookMs };
    if (ports.isStopping()) return { afterMs: 0 };
    const caller = await openCaller(job, ports);
    if (!caller) return { afterMs: pausedLookMs };
    if (job.input.restore) {
      const end = await listRestore(job, caller, ports);
      if (end) return end;
      continue;
    }
    const { integratedAccountId, filter = {} } = job.input;
    const which = { integratedAccountId, first: pageSize, after: job.cursor, filter };
    const selected = filterFields(filter);
    const page = await readEngagements(which, { caller, selected, ...requestBounds(ports) }, ports);
    if (page.kind !== 'Page') {
      const obstacle = await findObstacle(page, { ...ports, job, caller });
      if (!obstacle) return fail(job, `The list cannot be read. Nothing was deleted. ${page.message}`, ports);
      if (obstacle === 'paused') return { afterMs: pausedLookMs };
      return { afterMs: obstacle === 'outage' ? outageMs : obstacle.afterMs };
    }
    // Others of the list may not match either, without showing it.
    const [contradicted] = page.records.flatMap((record) => findContradicted(record, filter) ?? []);
    if (contradicted !== undefined) return fail(job, ignoredBy(contradicted), ports);
    if (job.total + page.records.length > maxListed) return fail(job, whyNotAdded.long, ports);
    // A filter with a type matches no other type.
    const items = page.records.map((record) => ({
      id: record.id,
      engagementType: typeNamed(record.engagement_type) ?? filter.engagementType ?? null,
    }));
    const added = await store.addListed(job, items, page.nextCursor, page.isPartial);
    if (added === 'full' || added === 'circle') return fail(job, whyNotAdded[added], ports);
    if (typeof added === 'number') {
      // A caller who must erase everything has to know that something was left out. It may be fields only.
      await store.note(jobId, 'Truto returned only a part of the list. It is read again automatically.');
      return { afterMs: lookPauseMs(added - 1, ports) };
    }
  }
}

/** The key of an item's engagement, as `engagementKey` writes it. */
export function keyOf({ id, engagementType, source }: BulkItem, integratedAccountId: string): string {
  return JSON.stringify([integratedAccountId, source?.rawType ?? engagementType, id]);
}

/** The item of a kept record, with the reason why it cannot be restored, if there is one. Nothing is sent. */
export async function itemOf(
  kept: KeptRecord,
  source: RestoreSource,
  integratedAccountId: string,
  work: Pick<WorkPorts, 'findAccountIntegration' | 'requestTimeoutMs'> & { readonly caller: Caller },
): Promise<BulkItem> {
  const { record } = kept;
  const engagementType = typeNamed(record.engagement_type);
  const rawType = engagementType === null ? normalizedType(record.engagement_type) : null;
  const item = { id: record.id, engagementType, source: { ...source, ...(rawType !== null && { rawType }) } };
  const refused = (refusal: string) => ({ ...item, source: { ...item.source, refusal } });
  if (record.integratedAccountId !== integratedAccountId)
    return refused('Nothing was created: its line names another integrated account.');
  const { caller, requestTimeoutMs, findAccountIntegration } = work;
  const send = () => Promise.reject(new Error('a dry run sends nothing'));
  const ports = { send, findAccountIntegration };
  const end = await planRestore(kept, { caller, requestTimeoutMs, hasCallerLeft: () => false }, ports);
  if (end.kind === 'InvalidInputError' || end.kind === 'UnsupportedIntegrationError') return refused(end.message);
  if (end.kind !== 'CreateEngagementPlan') return item;
  // A finding with a result is about the token or the account, which may change until it is restored.
  const findings = end.findings.filter(({ severity, result }) => severity === 'REFUSAL' && result === undefined);
  return findings.length === 0 ? item : refused(`Nothing was created. ${findings.map(located).join(' ')}`);
}

/** The part of a bulk delete that a file is of: one engagement's lines are in files of the same part. */
function partOf(file: string): string {
  const [, name = ''] = file.split('/');
  const [, part = ''] = /^(\d{6,})-[\da-f-]{36}\.jsonl$/.exec(name) ?? /^[\da-f-]{36}-(\d+)\.jsonl$/.exec(name) ?? [];
  return part.padStart(9, '0');
}

/** Reads some files: the newest line of each engagement, and the lines that cannot be read. */
async function readItems(files: readonly string[], job: BulkJob, caller: Caller, ports: WorkPorts) {
  const { integratedAccountId } = job.input;
  const { deadlineAt } = requestBounds(ports);
  const account = await ports.findAccountIntegration(caller, integratedAccountId, deadlineAt);
  // Once for all lines: a failed look-up may take two seconds, and is not cached.
  const work = { ...ports, caller, findAccountIntegration: () => account };
  const newest = new Map<string, { readonly readAtMs: number | undefined; readonly item: BulkItem }>();
  const damaged: BulkItem[] = [];
  for (const file of files) {
    if (!ports.undoStore) throw new Error('there is no undo store');
    for await (const one of splitLines(await ports.undoStore.read(file))) {
      const { bytes, number, isTorn, offsetBytes, lengthBytes } = one;
      if (number % linesPerTurn === 0) await nextTurn();
      const line = readUndoLine(bytes);
      const source = { file, position: { offsetBytes, lengthBytes } };
      // A record is deleted only after its line is complete.
      if (line.kind === 'Unreadable' && !isTorn) {
        const refusal = `Line ${number} of ${file} cannot be restored: ${line.why}.`;
        damaged.push({ id: '', engagementType: null, source: { ...source, refusal } });
      }
      if (line.kind !== 'Record') continue;
      const key = engagementKey(line.record);
      if (!isNewest(line, newest.get(key))) continue;
      newest.set(key, { readAtMs: line.readAtMs, item: await itemOf(line, source, integratedAccountId, work) });
    }
  }
  return [...damaged, ...[...newest.values()].map(({ item }) => item)];
}

/** The folder of the undo files that a job restores from. Undefined in a bucket, and for lines. */
function folderOf({ input }: BulkJob, { undoStore }: WorkPorts): string | undefined {
  return input.restore?.jobId && undoStore?.folder ? join(undoStore.folder, input.restore.jobId) : undefined;
}

const inUse =
  'A restore of the terminal, or another restore, uses these undo files. This one waits. If none runs, remove restored.jsonl.lock from their folder.';
const damagedLedger =
  'The file restored.jsonl in the folder of the undo files is damaged. Nothing was created. Restore that file from a backup.';
const forgotten =
  'The server no longer knows the undo files. Nothing was created. Give their lines, or use the terminal.';

/** Lists the next part of a restore. At first, locks the folder and reads the terminal's ledger. Undefined when the part is added. */
async function listRestore(job: BulkJob, caller: Caller, ports: WorkPorts): Promise<WorkEnd | undefined> {
  const { store, log } = ports;
  const { integratedAccountId, restore, dryRun } = job.input;
  try {
    const folder = job.cursor === null ? folderOf(job, ports) : undefined;
    if (folder) {
      if (!dryRun && !(await lockFolder(folder, job.id))) {
        await store.note(job.id, inUse);
        return { afterMs: pausedLookMs };
      }
      const entries = await readFolderLedger(folder);
      if (!entries) return await fail(job, damagedLedger, ports);
      await store.addLedger(integratedAccountId, entries);
    }
    const files = await store.readUndoFiles(restore?.jobId ?? '');
    if (files.length === 0) return await fail(job, forgotten, ports);
    const parts = [...new Set(files.map(partOf))].sort().filter((part) => job.cursor === null || part > job.cursor);
    const [part, next] = parts;
    const its = files.filter((file) => partOf(file) === part);
    const items = await readItems(its, job, caller, ports);
    const added = await store.addListed(job, items, next === undefined ? null : (part ?? null));
    if (added !== 'full') return undefined;
    const why = 'The lists of your bulk deletes and restores in this integrated account are too large.';
    return await fail(job, `${why} Nothing was created. Start it again after 24 hours.`, ports);
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (err instanceof BulkUnavailable) throw err;
    if (err instanceof LineTooLong) return fail(job, `${err.message}. Nothing was created.`, ports);
    log.error({ err, ...loggedId(job) }, 'the undo files of a restore cannot be read');
    const reason = code ? ` (${code})` : '';
    await store.note(
      job.id,
      `The undo files cannot be read${reason}. Nothing was created. It is retried automatically.`,
    );
    return { afterMs: backoffMs(2) };
  }
}

/**
 * Ends a restore: adds what it did to its folder's ledger, and unlocks the folder; or drops the given lines, except those that a later
 * search may need. False when this server has no undo store, so that another must unlock the folder.
 */
async function endRestoreJob(job: BulkJob, ports: WorkPorts): Promise<boolean> {
  const { store, undoStore } = ports;
  const { integratedAccountId, restore, dryRun } = job.input;
  if (restore?.jobId && !dryRun && !undoStore) return false;
  const folder = folderOf(job, ports);
  async function* pages(): AsyncGenerator<readonly LedgerLine[]> {
    const entries = folder ? await readFolderLedger(folder) : undefined;
    for (let page = 0; page < job.pageCount; page += 1) {
      const items = (await store.readPage(job.id, page)) ?? [];
      const keys = items.map((item) => keyOf(item, integratedAccountId));
      const known = await store.findRestored(integratedAccountId, keys);
      if (!restore?.jobId) {
        const open = known.flatMap(({ begunAtMs }, index) => (begunAtMs === undefined ? [] : [index]));
        await store.dropLines(job.id, page, items, new Set(open));
      }
      yield known.flatMap(({ restored, begunAtMs, refusalCount }, index): LedgerLine[] => {
        const key = keys[index] ?? '';
        const at = new Date(begunAtMs ?? Date.now()).toISOString();
        if (restored) return [{ key, event: 'restored', at, newId: restored.newId }];
        // The create's `Idempotency-Key` depends on this number.
        const noted = entries?.get(key)?.refusalCount ?? 0;
        const refused = Array<LedgerLine>(Math.max(0, refusalCount - noted)).fill({ key, event: 'refused', at });
        return begunAtMs === undefined ? refused : [...refused, { key, event: 'begun', at }];
      });
    }
  }
  if (!restore?.jobId) for await (const _ of pages());
  else if (folder && !dryRun) await releaseFolder(folder, job.id, pages());
  return true;
}
