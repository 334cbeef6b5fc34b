import { GraphQLError } from 'graphql';
import type { Caller } from '../engagement/access.ts';
import { engagementTypes } from '../engagement/input.ts';
import { readEngagements } from '../engagement/read-engagements.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import type { Refusal } from '../engagement/refusal.ts';
import { typeOf, typeOnly } from '../engagement/resources.ts';
import { type BulkItem, type BulkJob, pageSize } from './job.ts';
import { openCaller, type PagePorts, pausedLookMs, type WorkEnd } from './page-ports.ts';

/** How long to wait when upstream is in trouble, in milliseconds, and the least that a limit makes one wait. */
const troubleMs = 5_000;
const minWaitMs = 1_000;
const maxWaitMs = 60_000;

async function readListPage(job: BulkJob, caller: Caller, { send, requestTimeoutMs, isStopping }: PagePorts) {
  const { integratedAccountId, filter = {} } = job.input;
  const page = { integratedAccountId, first: pageSize, after: job.cursor, filter };
  const times = { deadlineAt: Date.now() + requestTimeoutMs, hasCallerLeft: isStopping };
  return readEngagements(page, { caller, selected: typeOnly, ...times }, send);
}

const partial: Refusal = { kind: 'UpstreamUnavailableError', message: 'Upstream gives only a part of the list.' };

/** What keeps the list from being read: most of it is for somebody to mend, the rest passes. */
async function obstacle(job: BulkJob, refusal: Refusal, { store, isStopping }: PagePorts): Promise<WorkEnd> {
  switch (refusal.kind) {
    case 'RateLimitedError': {
      const afterMs = Math.min(Math.max(refusal.retryAfterMs ?? 0, minWaitMs), maxWaitMs);
      return { kind: 'later', afterMs };
    }
    case 'UpstreamUnavailableError':
      if (!isStopping()) await store.note(job.id, `${refusal.message} It is tried again by itself.`);
      return { kind: 'later', afterMs: troubleMs };
    case 'AccountNeedsReauthError':
    case 'AccountBlockedError':
      await store.stop(job, 'pause', `${refusal.message} Mend that, then resume.`);
      return { kind: 'later', afterMs: pausedLookMs };
    default:
      await store.stop(job, 'fail', `The list cannot be read, and nothing was deleted. ${refusal.message}`);
      return { kind: 'done' };
  }
}

/** Each of the account's engagements that the filter means, with its kind where that is one of the documented ones. */
function itemOf(record: EngagementRecord): BulkItem {
  const type = typeOf(record);
  return { id: record.id, engagementType: engagementTypes.find((known) => known === type) ?? null };
}

/**
 * Resolves a bulk delete's filter, page by page, before anything of it is deleted: a list that shrinks while it is read may
 * pass over some. It may be called again at any time, and goes on where it was.
 */
export async function listJob(jobId: string, ports: PagePorts): Promise<WorkEnd> {
  const { store } = ports;
  for (;;) {
    const job = await store.read(jobId);
    if (job?.phase !== 'LISTING') return { kind: 'done' };
    if (job.isPaused) return { kind: 'later', afterMs: pausedLookMs };
    if (ports.isStopping()) return { kind: 'later', afterMs: 0 };
    if (job.isListed) return endList(job, ports);
    const caller = await openCaller(job, ports);
    if (!caller) return { kind: 'later', afterMs: pausedLookMs };
    const page = await readListPage(job, caller, ports).catch(async (error) => {
      if (!(error instanceof GraphQLError)) throw error;
      await store.stop(job, 'fail', 'Upstream no longer takes the token that this was started with.');
      return undefined;
    });
    if (page === undefined) return { kind: 'done' };
    if (page.kind !== 'Page') return obstacle(job, page, ports);
    // Whoever has to erase all of something must not be told that it is done when some of it was never seen.
    if (page.isPartial) return obstacle(job, partial, ports);
    const added = await store.addListed(job, page.records.map(itemOf), page.nextCursor);
    if (added < 0) {
      await store.stop(job, 'fail', "Upstream's list goes in circles, and nothing was deleted.");
      return { kind: 'done' };
    }
  }
}

async function endList(job: BulkJob, { store }: PagePorts): Promise<WorkEnd> {
  await store.endListing(job);
  return { kind: 'done' };
}
