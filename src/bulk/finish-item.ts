import type { AuditEvent } from '../engagement/delete/audit.ts';
import { type DeleteEngagementError, type DeleteEngagementResult, withoutRecord } from '../engagement/result.ts';
import type { BulkOutcome } from './job.ts';
import type { PagePorts } from './page-ports.ts';
import type { HeldPage, PendingItem } from './page-work.ts';

/** What is known of how an engagement came to its end: of a delete that was sent, or nothing. */
export type Trail = Pick<AuditEvent, 'integration' | 'attempts' | 'idempotencyKey' | 'durationMs'>;

const noTrail: Trail = { integration: null, attempts: 0, idempotencyKey: null, durationMs: 0 };

const notKept = 'Its content is not kept.';

/** Any end but a success. */
type Failure = Exclude<DeleteEngagementResult, { kind: 'DeleteEngagementSuccess' | 'DeleteEngagementPlan' }>;

async function finish(
  { item, index }: PendingItem,
  { job, lease }: HeldPage,
  end: Pick<AuditEvent, 'result' | 'detail'> & Trail,
  outcome: BulkOutcome,
  failure: Failure | undefined,
  { store, recordDelete }: PagePorts,
): Promise<void> {
  const kept = failure && (withoutRecord(failure, notKept) as DeleteEngagementError);
  const isNew = await store.finish(lease, index, outcome, kept && { ...item, result: kept });
  // Two processes may come to it, and one of them writes it down.
  if (!isNew) return;
  const { integratedAccountId } = job.input;
  const where = { callerId: job.callerId, integratedAccountId, engagementId: item.id, bulkDeleteId: job.id };
  recordDelete({ ...where, ...end });
}

/** Writes down that it is gone, once and for all, with its one line in the log. */
export async function finishGone(
  pending: PendingItem,
  work: HeldPage,
  outcome: 'DELETED' | 'ACCEPTED' | 'ALREADY_ABSENT',
  ports: PagePorts,
  trail: Trail = noTrail,
): Promise<void> {
  // The trail is an audit event, with an end of its own: of an attempt that found nothing, when an earlier one had deleted it.
  const end = { ...trail, result: 'DeleteEngagementSuccess', detail: outcome };
  await finish(pending, work, end, outcome, undefined, ports);
}

/** Writes down why it is not, or not surely, gone, once and for all, with its one line in the log. */
export async function finishFailed(
  pending: PendingItem,
  work: HeldPage,
  failure: Failure,
  ports: PagePorts,
  trail: Trail = noTrail,
): Promise<void> {
  const end = { ...trail, result: failure.kind, detail: failure.message };
  await finish(pending, work, end, failure.kind, failure, ports);
}
