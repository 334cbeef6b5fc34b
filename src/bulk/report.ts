import { createHash } from 'node:crypto';
import { findIntegration } from '../engagement/integrations.ts';
import { type BulkFailure, type BulkJob, countOutcomes, finalOutcome, type ItemOutcome, outcomeOf } from './job.ts';
import type { JobStore } from './job-store.ts';

const pagesPerRead = 8;
const failuresPerRead = 200;

/** The name of a downloaded report. */
export const reportFileName = (id: string): string => `bulk-delete-${id}.json`;

/** A part of a bulk delete is no longer stored, or has changed meanwhile: a report of the rest would look complete. */
export class IncompleteReport extends Error {
  override readonly name = 'IncompleteReport';
}

/** @throws {IncompleteReport} unless the lists have all that the head counts. Skipped engagements may have expired. */
function checkWhole(job: BulkJob, engagements: ReadonlyMap<string, number>, failureCount: number): void {
  const hasExpired = job.unreachedUntil !== undefined && job.unreachedUntil.getTime() <= Date.now();
  const isWhole = Object.entries(countOutcomes(job)).every(
    ([outcome, count]) => engagements.get(outcome) === count || (outcome === 'SKIPPED' && hasExpired),
  );
  // Those that a failed bulk delete left begun are unknown, and have no failure.
  const failed = Object.entries(job.outcomes).filter(([state]) => /^(FAILED|UNKNOWN)$/.test(finalOutcome(state)));
  const failedCount = failed.reduce((sum, [, count]) => sum + count, 0);
  if (!isWhole || failureCount !== failedCount) throw new IncompleteReport();
}

/** Writes JSON as `jq -c` does, which escapes U+007F too, and has no half of a surrogate pair. */
function canonical(value: object): string {
  const text = JSON.stringify(value, (_key, one) => (typeof one === 'string' ? one.toWellFormed() : one));
  return text.replaceAll('\x7f', '\\u007f');
}

/** What a reader has to know before they rely on the report. */
function remarksOn(job: BulkJob, counts: Readonly<Partial<Record<ItemOutcome, number>>>): readonly string[] {
  const { id, input, isPartial, integration, unreachedUntil, settledCount, settledAt } = job;
  const support = findIntegration(integration);
  const remarks: (string | false | 0 | undefined)[] = [
    input.dryRun && 'This was a dry run. Nothing was deleted.',
    job.phase === 'CANCELLED' && 'The bulk delete was cancelled before its end.',
    job.phase === 'FAILED' && 'The bulk delete failed. `statusReason` has the reason.',
    isPartial &&
      'Truto returned only a part of the list. Engagements that match the filter may remain. Start another bulk delete with the same filter.',
    input.filter !== undefined && 'Engagements that were added after they were listed are not in this report.',
    counts.NOT_FOUND && 'NOT_FOUND: Truto found no such engagement. It was gone before, or its id or type is wrong.',
    counts.ACCEPTED &&
      'ACCEPTED: the provider accepted the delete and executes it later. Check in the CRM that it did.',
    settledCount > 0 &&
      `${settledCount} of the DELETED were ACCEPTED or had no known outcome, until Truto's events reported them as deleted, by this bulk delete or by others. The last such change was at ${settledAt?.toISOString()}. A report from before has another hash.`,
    counts.FAILED && 'FAILED: not deleted. The list of failures has the reasons.',
    counts.UNKNOWN && 'UNKNOWN: it is not known whether they are deleted. Check them in the CRM, or delete them again.',
    counts.SKIPPED && 'SKIPPED: not deleted, because the bulk delete ended before.',
    counts.SKIPPED &&
      unreachedUntil &&
      `The ids of skipped engagements are stored until ${unreachedUntil.toISOString()}. A report that is read later lacks most of them.`,
    input.snapshot &&
      !input.dryRun &&
      `Copies of the deleted records are in the undo store, in the folder ${id}/. They are personal data too: remove them when you no longer need them.`,
    support.kind === 'supported' &&
      support.integration.softDeletes &&
      `${support.integration.name} keeps deleted engagements readable for some time.`,
  ];
  return remarks.filter((remark) => typeof remark === 'string');
}

/** The report without its lists. The same bulk delete has the same head, until an event of Truto's settles one of its engagements. */
function headOf(job: BulkJob) {
  const { id, input, total, isPartial, statusReason, callerId, createdAt, endedAt, integration } = job;
  const { integratedAccountId, filter, dryRun, snapshot } = input;
  const outcomes = countOutcomes(job);
  const { DELETED = 0, ALREADY_ABSENT = 0, NOT_FOUND = 0 } = outcomes;
  return {
    format: 'bulk-delete-report/1',
    bulkDeleteId: id,
    state: job.phase,
    /** True when each engagement of the request is deleted, or was not found. */
    isComplete: job.phase === 'COMPLETED' && !dryRun && !isPartial && DELETED + ALREADY_ABSENT + NOT_FOUND === total,
    integratedAccountId,
    integration: integration || null,
    requested: filter
      ? { filter: { ...filter, ...(filter.engagementType && { engagementType: filter.engagementType.toUpperCase() }) } }
      : { idCount: total },
    dryRun,
    snapshot,
    createdBy: callerId,
    createdAt,
    endedAt,
    ...(job.settledCount > 0 && { settledByEvents: { count: job.settledCount, lastAt: job.settledAt } }),
    statusReason,
    isPartial,
    total,
    outcomes,
    remarks: remarksOn(job, outcomes),
    /** Computes `sha256` again. It prints each canonical line of the report: first its head, then each item. */
    verification: `jq -c 'del(.engagements, .failures, .sha256), .engagements[], .failures[]' ${reportFileName(id)} | sha256sum`,
  };
}

type Line = { readonly outcome: ItemOutcome };

const typeOf = ({ engagementType }: Pick<BulkFailure, 'engagementType'>) => engagementType?.toUpperCase() ?? null;

async function* readEngagementLines(job: BulkJob, store: JobStore): AsyncGenerator<readonly Line[]> {
  for (let first = 0; first < job.pageCount; first += pagesPerRead) {
    const pages = Array.from({ length: Math.min(pagesPerRead, job.pageCount - first) }, (_, index) => first + index);
    const read = await Promise.all(pages.map((page) => store.readItems(job, page)));
    yield read.flat().map((item) => ({ id: item.id, engagementType: typeOf(item), outcome: item.outcome }));
  }
}

async function* readFailureLines(job: BulkJob, store: JobStore): AsyncGenerator<readonly Line[]> {
  for (let from = 0; ; from += failuresPerRead) {
    const failures = await store.readFailures(job.id, from, failuresPerRead);
    yield failures.map(({ result, ...item }) => ({
      ...{ id: item.id, engagementType: typeOf(item), outcome: outcomeOf(result.kind, job) },
      ...{ error: result.kind, message: result.message },
      ...(result.kind === 'OutcomeUnknownError' && { upstreamIdempotencyKey: result.upstreamIdempotencyKey }),
    }));
    if (failures.length < failuresPerRead) return;
  }
}

/**
 * Writes the report of a bulk delete that has ended, as JSON, a part at a time: a million engagements need no memory. `onEnd` gets the SHA-256
 * of its canonical lines, which the report ends with. @throws {BulkUnavailable | IncompleteReport}
 */
export async function* writeReport(job: BulkJob, store: JobStore, onEnd: (sha256: string) => void) {
  const hash = createHash('sha256');
  const head = canonical(headOf(job));
  hash.update(`${head}\n`);
  yield head.slice(0, -1);
  const counts = new Map<string, number>();
  let failureCount = 0;
  const both = { engagements: readEngagementLines(job, store), failures: readFailureLines(job, store) };
  for (const name of ['engagements', 'failures'] as const) {
    yield `,\n"${name}":[`;
    let isFirst = true;
    for await (const items of both[name]) {
      const lines = items.map(canonical);
      for (const line of lines) hash.update(`${line}\n`);
      if (name === 'failures') failureCount += items.length;
      else for (const { outcome } of items) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      if (lines.length > 0) yield `${isFirst ? '' : ','}\n${lines.join(',\n')}`;
      isFirst &&= lines.length === 0;
    }
    yield ']';
  }
  checkWhole(job, counts, failureCount);
  const sha256 = hash.digest('hex');
  onEnd(sha256);
  yield `,\n"sha256":"${sha256}"}\n`;
}
