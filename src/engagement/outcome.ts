import type { Attempt, FailureReason, UpstreamFailure } from '../upstream/attempt.ts';
import { type RefusalContext, readRefusal } from './refusal-outcome.ts';
import type { DeleteEngagementResult } from './result.ts';
import { readSuccess, type SuccessContext } from './success-outcome.ts';
import { unknownOutcome } from './unknown-outcome.ts';

/** What a sent delete's end is read with. */
export type OutcomeContext = SuccessContext & RefusalContext;

const whyNotSent: Readonly<Record<FailureReason, string>> = {
  timeout: 'there was no time left, or no connection in time',
  refused: 'it refused the connection',
  dns: 'its name could not be resolved',
  tls: 'no trusted connection could be made',
  reset: 'the connection broke before the request left',
  protocol: 'the request could not be put on the wire',
};

const whyUnknown: Readonly<Record<FailureReason, string>> = {
  timeout: 'Upstream did not answer in time',
  refused: 'The connection was lost before upstream answered',
  dns: 'The connection was lost before upstream answered',
  tls: 'The secure connection failed before upstream answered',
  reset: 'The connection broke before upstream answered',
  protocol: 'Upstream answered something that is not HTTP',
};

function readFailure({ mayHaveBeenSent, reason }: UpstreamFailure, context: OutcomeContext): DeleteEngagementResult {
  if (mayHaveBeenSent) return unknownOutcome(context, { why: whyUnknown[reason] });
  const message = `Upstream was not reached: ${whyNotSent[reason]}. Nothing was deleted; try again.`;
  return { kind: 'UpstreamUnavailableError', message };
}

/**
 * Maps the end of a sent delete to the result's member.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export function readOutcome(attempt: Attempt, context: OutcomeContext): DeleteEngagementResult {
  if (attempt.kind === 'failure') return readFailure(attempt, context);
  const isSuccess = attempt.statusCode >= 200 && attempt.statusCode < 300;
  return isSuccess ? readSuccess(attempt, context) : readRefusal(attempt, context);
}
