import { takeSnapshot } from '../engagement/delete/snapshot.ts';
import { type EngagementRecord, type Selection, wireFieldsOf } from '../engagement/record.ts';
import { finishFailed } from './finish-item.ts';
import { findObstacle, withoutAdvice } from './obstacle.ts';
import type { PagePorts } from './page-ports.ts';
import type { ItemEnd, PageWork, PendingItem } from './page-work.ts';

/** How often a record is read that cannot be read, before it ends as a failure of its own: two minutes, where a request may take ten seconds. */
const maxReads = 8;

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
  const { integratedAccountId } = job.input;
  const input = { ...item, integratedAccountId, format: 'unified' as const };
  return takeSnapshot(input, { ...times, selection: everything }, { send, findAccountIntegration });
}

type Unread = Exclude<Awaited<ReturnType<typeof read>>, { kind: 'Found' }>;

/**
 * What becomes of an engagement whose record could not be read. When upstream answered other requests between all of its reads, that is
 * the record's own: it ends, and stops no other.
 */
async function endUnread(said: Unread, pending: PendingItem, work: PageWork, ports: PagePorts): Promise<ItemEnd> {
  const { job, lease, caller, isAnswering } = work;
  const { store } = ports;
  let { message } = said;
  if (said.kind === 'UpstreamUnavailableError' && said.wasSent) {
    const failedReads = await store.countWait(lease, `unread:${pending.index}`);
    const why = withoutAdvice(message);
    if (failedReads < maxReads) {
      if (isAnswering === false) return { kind: 'trouble' };
      await store.note(job.id, `A record cannot be kept, and is read again automatically; others go on. ${why}`);
      return 'unread';
    }
    message = `Each of ${failedReads} reads failed, while upstream answered other requests. ${why} Delete it without a snapshot.`;
  } else {
    const obstacle = await findObstacle(said, job, caller, ports);
    if (obstacle || said.kind === 'Unauthenticated') return obstacle ?? { kind: 'paused' };
  }
  await finishFailed(
    pending,
    work,
    { ...said, message: `It could not be kept, and so was not deleted. ${message}` },
    ports,
  );
  return 'finished';
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
  async function keep(pending: PendingItem): Promise<ItemEnd> {
    if (!(await ports.store.isGoingOn(job.id))) return { kind: 'paused' };
    const found = await read(pending, work, ports);
    if (found.kind !== 'Found') return endUnread(found, pending, work, ports);
    lines.push(lineOf(found.record, new Date()));
    kept.push(pending);
    return 'finished';
  }
  await run(
    items.filter((pending) => !isSafe(pending)),
    keep,
  );
  if (lines.length > 0) {
    const name = `${job.id}/${String(lease.page).padStart(6, '0')}-${lease.owner}-${kept[0]?.index}.jsonl`;
    try {
      if (!ports.undoStore) throw new Error('there is no undo store');
      await ports.undoStore.write(name, lines.join(''));
    } catch (err) {
      ports.log.error({ err, bulkDeleteId: job.id }, 'the undo store does not take a file');
      const message =
        'The server cannot keep records at the moment: nothing is deleted without that. It is retried automatically.';
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
