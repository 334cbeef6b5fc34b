import { readEngagements } from '../engagement/read.ts';
import { engagementTypeOf, typeOnly } from '../engagement/resources.ts';
import { type BulkJob, pageSize } from './job.ts';
import { maxIdleListedBytes } from './job-scripts.ts';
import {
  boundsOf,
  findObstacle,
  later,
  lookPauseMs,
  openCaller,
  pausedLookMs,
  type WorkEnd,
  type WorkPorts,
} from './work.ts';

/** How many engagements one bulk delete may have: some 60 MB of Redis. */
const maxListed = 1_000_000;

/** How long to wait when upstream fails, in milliseconds. */
const troubleMs = 5_000;

const whyNotAdded = {
  full: `The lists of your bulk deletes in this integrated account take more than ${maxIdleListedBytes >> 20} MiB, and nothing was deleted. Start it again when others have begun to delete, or in a day.`,
  circle:
    "Upstream's list leads back to a page that was read before. Nothing was deleted. Name the engagements by `ids`.",
} as const;

async function fail(job: BulkJob, why: string, { store }: WorkPorts): Promise<WorkEnd> {
  await store.stop(job, 'fail', why);
  // Somebody may have resumed it meanwhile, so that it has not failed: then it is tried again.
  return later(0);
}

/**
 * Resolves a bulk delete's filter, page by page, before anything of it is deleted: a list that shrinks while it is read may
 * pass over some; and lets go of what was listed when it ended early. It may be called again at any time, and goes on where it was.
 */
export async function listJob(jobId: string, ports: WorkPorts): Promise<WorkEnd> {
  const { store } = ports;
  for (;;) {
    const job = await store.read(jobId);
    if (job?.phase === 'CANCELLED' || job?.phase === 'FAILED') await store.letGo(jobId);
    if (job?.phase !== 'LISTING') return { kind: 'done' };
    if (job.isPaused) return later(pausedLookMs);
    if (ports.isStopping()) return later(0);
    const caller = await openCaller(job, ports);
    if (!caller) return later(pausedLookMs);
    const { integratedAccountId, filter = {} } = job.input;
    const which = { integratedAccountId, first: pageSize, after: job.cursor, filter };
    const page = await readEngagements(which, { caller, selected: typeOnly, ...boundsOf(ports) }, ports);
    if (page.kind !== 'Page') {
      const obstacle = await findObstacle(page, { ...ports, job, caller });
      if (!obstacle) return fail(job, `The list cannot be read. Nothing was deleted. ${page.message}`, ports);
      if (obstacle === 'paused') return later(pausedLookMs);
      return later(obstacle === 'trouble' ? troubleMs : obstacle.afterMs);
    }
    if (job.total + page.records.length > maxListed) {
      const why = `The filter means more than ${maxListed} engagements. Nothing was deleted. Narrow it, and start a bulk delete for each part.`;
      return fail(job, why, ports);
    }
    // A filter that names one kind means no other.
    const items = page.records.map((record) => ({
      id: record.id,
      engagementType: engagementTypeOf(record) ?? filter.engagementType ?? null,
    }));
    const added = await store.addListed(job, items, page.nextCursor, page.isPartial);
    if (added === 'full' || added === 'circle') return fail(job, whyNotAdded[added], ports);
    if (typeof added === 'number') {
      // Whoever has to erase all of something must know that some of it was never seen. It may only be fields that are left out.
      await store.note(jobId, 'Upstream gives only a part of the list. It is asked again automatically.');
      return later(lookPauseMs(added - 1, ports));
    }
  }
}
