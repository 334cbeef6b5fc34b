import { GraphQLError } from 'graphql';
import type { Caller } from './access.ts';
import type { DeleteEngagementInput } from './input.ts';
import type { DeleteEngagementResult } from './result.ts';

/** What the log keeps of one delete: who, what, where, and how it ended; never a record's content or a credential. */
export interface AuditEvent {
  readonly callerId: string;
  readonly integratedAccountId: string;
  /** The account's integration; null when it is not known, or was not asked for. */
  readonly integration: string | null;
  readonly engagementId: string;
  /** The result's member, or the code of the top-level error that took its place. */
  readonly result: string;
  /** The success's outcome, or an error's message. */
  readonly detail: string;
  /** How often the delete was attempted upstream. */
  readonly attempts: number;
  /** The `Idempotency-Key` for upstream, made of the caller's own where there is one; null when the delete never came so far. */
  readonly idempotencyKey: string | null;
  readonly durationMs: number;
}

/** What a delete notes of itself on its way, for its audit event. */
export interface DeleteTrail {
  integration: string | null;
  attempts: number;
  idempotencyKey: string | null;
}

/** The longest text of an event: a caller must not be able to fill the log. */
const maxLength = 600;

/** How a delete ended: an error that was not made for callers is not repeated here. */
function endOf(end: DeleteEngagementResult | Error): Pick<AuditEvent, 'result' | 'detail'> {
  if (end instanceof GraphQLError) return { result: String(end.extensions.code), detail: end.message };
  if (end instanceof Error) return { result: 'INTERNAL_SERVER_ERROR', detail: '' };
  if (end.kind === 'DeleteEngagementSuccess') return { result: end.kind, detail: end.outcome };
  return { result: end.kind, detail: 'message' in end ? end.message : '' };
}

/** Does one delete and records exactly one event of it, however it ends. */
export async function audited(
  { id: engagementId, integratedAccountId }: DeleteEngagementInput,
  caller: Caller,
  recordDelete: (event: AuditEvent) => void,
  work: (trail: DeleteTrail) => Promise<DeleteEngagementResult>,
): Promise<DeleteEngagementResult> {
  const startMs = performance.now();
  const trail: DeleteTrail = { integration: null, attempts: 0, idempotencyKey: null };
  function record(end: DeleteEngagementResult | Error): void {
    const durationMs = Math.round(performance.now() - startMs);
    const { result, detail } = endOf(end);
    const what = {
      callerId: caller.id.slice(0, maxLength),
      integratedAccountId: integratedAccountId.slice(0, maxLength),
      engagementId: engagementId.slice(0, maxLength),
    };
    recordDelete({ ...what, result, detail: detail.slice(0, maxLength), ...trail, durationMs });
  }
  try {
    const result = await work(trail);
    record(result);
    return result;
  } catch (error) {
    record(error as Error);
    throw error;
  }
}
