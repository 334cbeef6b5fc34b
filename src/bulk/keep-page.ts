import { readResource } from '../engagement/read-record.ts';
import { type EngagementRecord, wireFieldsOf } from '../engagement/record.ts';
import type { Selection } from '../engagement/selection.ts';
import { type ReadNote, takeSnapshot } from '../engagement/snapshot.ts';
import { finishFailed } from './finish-item.ts';
import { findObstacle, pauseForError } from './obstacle.ts';
import type { PagePorts } from './page-ports.ts';
import type { ItemEnd, PageWork, PendingItem } from './page-work.ts';

/** All there is: nobody knows what will have to be made good. */
const everything: Selection = {
  fields: new Set(wireFieldsOf('engagements')),
  noteFields: new Set(wireFieldsOf('notes')),
  chunks: false,
};

/** A record that is kept, as a line of an undo file. */
function lineOf({ integratedAccountId, notes, ...engagement }: EngagementRecord, readAt: Date): string {
  const whole = (notes ?? []).map((note) => {
    const { kept } = note as { readonly kept?: { readonly kind: string; readonly record?: object } };
    return kept?.kind === 'Found' ? { ...kept.record, integratedAccountId: undefined } : { id: note.id };
  });
  return `${JSON.stringify({ integratedAccountId, readAt, engagement: { ...engagement, ...(notes && { notes: whole }) } })}\n`;
}

/** Reads an engagement whole, with its notes. */
function read(
  { item }: PendingItem,
  { job, caller }: PageWork,
  { send, findAccountIntegration, requestTimeoutMs, isStopping }: PagePorts,
): ReturnType<typeof takeSnapshot> {
  const times = { caller, deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft: isStopping };
  const ports = { send, findAccountIntegration };
  const readNote: ReadNote = (key, fields) => readResource('notes', key, { ...times, selected: fields }, ports);
  const { integratedAccountId } = job.input;
  const input = { ...item, integratedAccountId, format: 'unified' as const };
  return takeSnapshot(input, { ...times, selection: everything }, { ...ports, readNote });
}

/**
 * Keeps the records of a page before they are deleted, in a file of their own. What cannot be read has its end here; what was
 * kept before is not read again, nor what may have been deleted.
 * @param run does it to so many at once, until something is in the way.
 * @returns what may be deleted now; undefined when the store does not take the file.
 */
export async function keepPage(
  items: readonly PendingItem[],
  work: PageWork,
  ports: PagePorts,
  run: (items: readonly PendingItem[], task: (item: PendingItem) => Promise<ItemEnd>) => Promise<void>,
): Promise<readonly PendingItem[] | undefined> {
  const { job, lease } = work;
  const isSafe = ({ isBegun, isKept }: PendingItem) => isBegun || isKept;
  const lines: string[] = [];
  const kept: PendingItem[] = [];
  await run(
    items.filter((pending) => !isSafe(pending)),
    async (pending) => {
      if (!(await ports.store.isGoingOn(job.id))) return { kind: 'paused' };
      const found = await read(pending, work, ports).catch((error) => pauseForError(error, job, ports));
      if (found.kind === 'paused') return found;
      if (found.kind !== 'Found') {
        const obstacle = await findObstacle(found, job, work.caller, ports);
        if (obstacle) return obstacle;
        const message = `It could not be kept, and so was not deleted. ${found.message}`;
        await finishFailed(pending, work, { ...found, message }, ports);
        return 'finished';
      }
      lines.push(lineOf(found.record, new Date()));
      kept.push(pending);
      return 'finished';
    },
  );
  if (lines.length > 0) {
    const name = `${job.id}/${String(lease.page).padStart(6, '0')}-${lease.owner}-${Date.now()}.jsonl`;
    try {
      await ports.undoStore?.write(name, lines.join(''));
    } catch (err) {
      ports.log.error({ err, bulkDeleteId: job.id }, 'the undo store does not take a file');
      const message =
        'The server cannot keep records at the moment, and deletes nothing without. It is tried again by itself.';
      await ports.store.note(job.id, message);
      return undefined;
    }
    await ports.store.noteKept(
      lease,
      kept.map(({ index }) => index),
    );
  }
  return [...items.filter(isSafe), ...kept];
}
