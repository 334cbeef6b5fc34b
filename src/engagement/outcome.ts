import type { Attempt, FailureReason, UpstreamFailure } from '../upstream/attempt.ts';
import { deniesDelete } from './denial.ts';
import { notSent, readRefusal } from './refusal.ts';
import type { DeleteEngagementResult, RemoteApiError } from './result.ts';
import { buildSuccess, readSuccessContent, type SuccessContext } from './success-outcome.ts';
import { type UnknownOutcomeContext, unknownOutcome } from './unknown-outcome.ts';

/** What a sent delete's end is read with. */
export type OutcomeContext = SuccessContext &
  UnknownOutcomeContext & {
    /** True when upstream's 401 speaks of the caller's own token. */
    readonly callerBroughtToken: boolean;
  };

const whyUnknown: Readonly<Record<FailureReason, string>> = {
  timeout: 'Upstream did not answer in time',
  refused: 'The connection was lost before upstream answered',
  dns: 'The connection was lost before upstream answered',
  tls: 'The secure connection failed before upstream answered',
  reset: 'The connection broke before upstream answered',
  protocol: 'Upstream answered something that is not HTTP',
};

/** A refusal, told to somebody who wanted to delete. */
export function nothingDeleted<Refused extends { readonly message: string }>(refused: Refused): Refused {
  return { ...refused, message: `${refused.message} Nothing was deleted.` };
}

function readFailure({ mayHaveBeenSent, reason }: UpstreamFailure, context: OutcomeContext): DeleteEngagementResult {
  return mayHaveBeenSent ? unknownOutcome(context, { why: whyUnknown[reason] }) : nothingDeleted(notSent(reason));
}

function denied(statusCode: number, rawResponse: unknown): DeleteEngagementResult {
  const message = `The provider answered with status ${statusCode}, but its body says that it refused.`;
  return nothingDeleted<RemoteApiError>({ kind: 'RemoteApiError', message, statusCode, rawResponse });
}

/**
 * Maps the end of a sent delete to the result's member. A refusal means that nothing was deleted; where the answer does
 * not say as much, the outcome is unknown.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export function readOutcome(attempt: Attempt, context: OutcomeContext): DeleteEngagementResult {
  if (attempt.kind === 'failure') return readFailure(attempt, context);
  if (attempt.statusCode < 200 || attempt.statusCode >= 300) {
    const refusal = readRefusal(attempt, context.callerBroughtToken);
    return refusal.kind === 'UnclearAnswer' ? unknownOutcome(context, refusal) : nothingDeleted(refusal);
  }
  const content = readSuccessContent(attempt, context);
  const { providerBody } = content;
  return deniesDelete(providerBody)
    ? denied(attempt.statusCode, providerBody)
    : buildSuccess(attempt, content, context);
}
