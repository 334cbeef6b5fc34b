import type { Attempt, FailureReason, UpstreamFailure } from '../upstream/attempt.ts';
import { deniesDelete } from './denial.ts';
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

function denied(statusCode: number, rawResponse: unknown): DeleteEngagementResult {
  const message = `The provider answered with status ${statusCode}, but its body says that it refused. Nothing was deleted.`;
  return { kind: 'RemoteApiError', message, statusCode, rawResponse };
}

/**
 * Maps the end of a sent delete to the result's member.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export function readOutcome(attempt: Attempt, context: OutcomeContext): DeleteEngagementResult {
  if (attempt.kind === 'failure') return readFailure(attempt, context);
  const isSuccess = attempt.statusCode >= 200 && attempt.statusCode < 300;
  if (!isSuccess) return readRefusal(attempt, context);
  const success = readSuccess(attempt, context);
  const providerBody = success.raw ?? success.engagement?.remote_data;
  return deniesDelete(providerBody) ? denied(attempt.statusCode, providerBody) : success;
}
