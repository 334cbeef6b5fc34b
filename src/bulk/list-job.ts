import { readEngagements } from '../engagement/read.ts';
import { engagementTypeOf, typeOnly } from '../engagement/resources.ts';
import { hasEnded, pageSize } from './job.ts';
import { maxIdleListedBytes } from './job-scripts.ts';
import { endRestoreJob, listRestore } from './list-restore.ts';
import {
  fail,
  findObstacle,
  later,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  requestBounds,
  type WorkEnd,
  type WorkPorts,
} from './work.ts';

/** The most engagements of one bulk delete: about 60 MB in Redis. */
const maxListed = 1_000_000;

/** How long to wait when upstream fails, in milliseconds. */
const outageMs = 5_000;

const whyNotAdded = {
  full: `The lists of your bulk deletes in this integrated account take more than ${maxIdleListedBytes >> 20} MiB. Nothing was deleted. Start it again when the others have begun to delete, or after 24 hours.`,
  circle: "Truto's list leads back to an earlier page. Nothing was deleted. Start a bulk delete by `ids` instead.",
} as const;

/**
 * Resolves a filter, page by page, or the undo files of a restore, before anything is deleted: upstream may skip records of a list that shrinks. For a job that has
 * ended, sets when its pages expire. It may be called again at any time, and continues where it was.
 */
export async function listJob(jobId: string, ports: WorkPorts): Promise<WorkEnd> {
  const { store } = ports;
  for (;;) {
    const job = await store.read(jobId);
    if (job && hasEnded(job)) {
      if (job.input.restore && !(await endRestoreJob(job, ports))) return later(pausedLookMs);
      await store.letGo(jobId);
    }
    if (job?.phase !== 'LISTING') return { kind: 'done' };
    if (job.isPaused) return later(pausedLookMs);
    if (ports.isStopping()) return later(0);
    const caller = await openCaller(job, ports);
    if (!caller) return later(pausedLookMs);
    if (job.input.restore) {
      const end = await listRestore(job, caller, ports);
      if (end) return end;
      continue;
    }
    const { integratedAccountId, filter = {} } = job.input;
    const which = { integratedAccountId, first: pageSize, after: job.cursor, filter };
    const page = await readEngagements(which, { caller, selected: typeOnly, ...requestBounds(ports) }, ports);
    if (page.kind !== 'Page') {
      const obstacle = await findObstacle(page, { ...ports, job, caller });
      if (!obstacle) return fail(job, `The list cannot be read. Nothing was deleted. ${page.message}`, ports);
      if (obstacle === 'paused') return later(pausedLookMs);
      return later(obstacle === 'outage' ? outageMs : obstacle.afterMs);
    }
    if (job.total + page.records.length > maxListed) {
      const why = `The filter matches more than ${maxListed} engagements. Nothing was deleted. Start several bulk deletes with narrower filters.`;
      return fail(job, why, ports);
    }
    // A filter with a type matches no other type.
    const items = page.records.map((record) => ({
      id: record.id,
      engagementType: engagementTypeOf(record) ?? filter.engagementType ?? null,
    }));
    const added = await store.addListed(job, items, page.nextCursor, page.isPartial);
    if (added === 'full' || added === 'circle') return fail(job, whyNotAdded[added], ports);
    if (typeof added === 'number') {
      // A caller who must erase everything has to know that something was left out. It may be fields only.
      await store.note(jobId, 'Truto returned only a part of the list. It is read again automatically.');
      return later(lookPauseMs(added - 1, ports));
    }
  }
}
