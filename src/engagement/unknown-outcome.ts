import { type DeleteEngagementInput, isRepeatable } from './input.ts';
import type { Integration } from './integrations.ts';
import type { FoundRecord } from './read-record.ts';
import type { OutcomeUnknownError } from './result.ts';

/** What the answer to an unknown outcome is made of. */
export interface UnknownOutcomeContext {
  readonly input: DeleteEngagementInput;
  readonly idempotencyKey: string;
  /** What was read before the delete, when that was asked for. */
  readonly snapshot: FoundRecord<'engagements'> | null;
  /** The account's, when it is known. */
  readonly integration?: Integration | null;
}

/**
 * For a request that left and whose effect nobody can tell.
 * @param seen what upstream did say, if it said anything.
 */
export function unknownOutcome(
  { input, idempotencyKey, snapshot, integration }: UnknownOutcomeContext,
  seen: { readonly statusCode?: number | undefined; readonly rawResponse?: unknown; readonly why: string },
): OutcomeUnknownError {
  const retrySafe = isRepeatable(input);
  const next = retrySafe
    ? 'Delete it again, with the same arguments: if it is gone already, you get a NotFoundError (ALREADY_ABSENT, if it had an Idempotency-Key of yours and you send that again) and nothing else happens.'
    : 'Read the engagement before you repeat the delete: it had a remoteQuery, whose effect may not be repeatable.';
  const caution = integration?.keepsDeletedReadable
    ? ` That it can be read proves nothing: deleted engagements of ${integration.name} stay readable, with a mark in their remoteData.`
    : '';
  return {
    kind: 'OutcomeUnknownError',
    message: `${seen.why}, so the engagement may or may not be deleted. ${next}${caution}`,
    retrySafe,
    idempotencyKey,
    lastStatusCode: seen.statusCode ?? null,
    rawResponse: seen.rawResponse,
    engagement: snapshot?.record ?? null,
  };
}
