import type { Caller } from '../engagement/account.ts';
import { readEngagements } from '../engagement/read.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import { typeOf, typeOnly } from '../engagement/resources.ts';
import type { Refusal } from '../engagement/result.ts';
import { type BulkItem, type BulkJob, pageSize } from './job.ts';
import { maxIdleListedBytes } from './job-store.ts';
import { findObstacle } from './obstacle.ts';
import { lookPauseMs, openCaller, type PagePorts, pausedLookMs, type WorkEnd } from './page-ports.ts';

/** How many engagements one bulk delete may have: some 60 MB of Redis. */
const maxListed = 1_000_000;

/** How long to wait when upstream is in trouble, in milliseconds. */
const troubleMs = 5_000;

async function readListPage(job: BulkJob, caller: Caller, ports: PagePorts) {
  const { requestTimeoutMs, isStopping } = ports;
  const { integratedAccountId, filter = {} } = job.input;
  const page = { integratedAccountId, first: pageSize, after: job.cursor, filter };
  const times = { deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft: isStopping };
  return readEngagements(page, { caller, selected: typeOnly, ...times }, ports);
}

const tooMuchListed = `The lists of your bulk deletes in this integrated account take more than ${maxIdleListedBytes >> 20} MiB, and nothing was deleted. Start it again when others have begun to delete, or in a day.`;

/** How often a page of the list that upstream calls a part is asked for again. */
const maxPartial = 3;

/** What keeps the list from being read: it passes, or is for somebody to mend, or the job has failed. */
async function endWithout(job: BulkJob, refusal: Refusal, caller: Caller, ports: PagePorts): Promise<WorkEnd> {
  const obstacle = await findObstacle(refusal, job, caller, ports);
  switch (obstacle?.kind) {
    case 'limited':
      return { kind: 'later', afterMs: obstacle.afterMs };
    case 'trouble':
      return { kind: 'later', afterMs: troubleMs };
    case 'paused':
      return { kind: 'later', afterMs: pausedLookMs };
    default:
      return fail(job, `The list cannot be read. Nothing was deleted. ${refusal.message}`, ports);
  }
}

async function fail(job: BulkJob, why: string, { store }: PagePorts): Promise<WorkEnd> {
  await store.stop(job, 'fail', why);
  // Somebody may have resumed it meanwhile, so that it has not failed: then it is tried again.
  return { kind: 'later', afterMs: 0 };
}

/** An engagement that the filter means, with its kind: a filter that names one means nothing else. */
function itemOf(record: EngagementRecord, { filter }: BulkJob['input']): BulkItem {
  return { id: record.id, engagementType: typeOf(record) ?? filter?.engagementType ?? null };
}

/**
 * Resolves a bulk delete's filter, page by page, before anything of it is deleted: a list that shrinks while it is read may
 * pass over some; and lets go of what was listed when it ended early. It may be called again at any time, and goes on where it was.
 */
export async function listJob(jobId: string, ports: PagePorts): Promise<WorkEnd> {
  const { store } = ports;
  for (;;) {
    const job = await store.read(jobId);
    if (job?.phase === 'CANCELLED' || job?.phase === 'FAILED') await store.letGo(jobId);
    if (job?.phase !== 'LISTING') return { kind: 'done' };
    if (job.isPaused) return { kind: 'later', afterMs: pausedLookMs };
    if (ports.isStopping()) return { kind: 'later', afterMs: 0 };
    if (job.isListed) {
      await store.endListing(job);
      return { kind: 'done' };
    }
    const caller = await openCaller(job, ports);
    if (!caller) return { kind: 'later', afterMs: pausedLookMs };
    const page = await readListPage(job, caller, ports);
    if (page.kind !== 'Page') return endWithout(job, page, caller, ports);
    // Whoever has to erase all of something is told when some of it was never seen. It may only be fields that are left out.
    const partialCount = page.isPartial ? await store.notePartialList(job, maxPartial) : 0;
    if (partialCount > 0) {
      await store.note(job.id, 'Upstream gives only a part of the list. It is asked again automatically.');
      return { kind: 'later', afterMs: lookPauseMs(partialCount - 1, ports) };
    }
    if (job.total + page.records.length > maxListed) {
      const why = `The filter means more than ${maxListed} engagements. Nothing was deleted. Narrow it, and start a bulk delete for each part.`;
      return fail(job, why, ports);
    }
    const added = await store.addListed(
      job,
      page.records.map((record) => itemOf(record, job.input)),
      page.nextCursor,
    );
    if (added === -2) return fail(job, tooMuchListed, ports);
    if (added < 0)
      return fail(
        job,
        "Upstream's list leads back to a page that was read before. Nothing was deleted. Name the engagements by `ids`.",
        ports,
      );
  }
}
