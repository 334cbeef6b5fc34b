import type { Caller } from '../account.ts';
import type { RecordKey } from '../record.ts';
import type { CreateEnd, DeleteEnd } from '../result.ts';

/** The log entry of one delete: who, what, where and the outcome. Never a record's content or a credential. */
export interface AuditEvent {
  readonly callerId: string;
  readonly integratedAccountId: string;
  /** The account's integration; null when it is not known, or was not looked up. */
  readonly integration: string | null;
  readonly engagementId: string;
  /** The result's member, or the code of the top-level error. */
  readonly result: string;
  /** The success's outcome, or an error's message. */
  readonly detail: string;
  /** How often the delete was attempted upstream. */
  readonly attempts: number;
  /** The `Idempotency-Key` for upstream, derived from the caller's key if there is one; null when the delete ended before it was sent. */
  readonly upstreamIdempotencyKey: string | null;
  readonly durationMs: number;
}

/** The longest text of an event, in characters: a caller must not be able to fill the log. */
const maxCharacters = 600;

function bounded(text: string): string {
  return text.length > maxCharacters ? text.slice(0, maxCharacters) : text;
}

/** The result's member, or the code of the top-level error. */
export function codeOfEnd(end: DeleteEnd | CreateEnd): string {
  return end.kind === 'Unauthenticated' ? 'UNAUTHENTICATED' : end.kind;
}

function auditDetail(end: DeleteEnd | CreateEnd): string {
  if ('outcome' in end) return end.outcome;
  return 'message' in end ? end.message : '';
}

/** The event of one delete or create. @param end undefined for a fault of this server, whose error is logged elsewhere. */
export function auditEvent(
  { id, integratedAccountId }: RecordKey,
  caller: Caller,
  end: DeleteEnd | CreateEnd | undefined,
  way: Pick<AuditEvent, 'integration' | 'attempts' | 'upstreamIdempotencyKey' | 'durationMs'>,
): AuditEvent {
  return {
    callerId: bounded(caller.id),
    integratedAccountId: bounded(integratedAccountId),
    engagementId: bounded(id),
    result: end ? codeOfEnd(end) : 'INTERNAL_SERVER_ERROR',
    detail: end ? bounded(auditDetail(end)) : '',
    ...way,
  };
}
