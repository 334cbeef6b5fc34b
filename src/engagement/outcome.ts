import type { Attempt, FailureReason, UpstreamAnswer, UpstreamFailure } from '../upstream/attempt.ts';
import { readBody } from './body.ts';
import { providerBodyOf, readEvidence } from './evidence.ts';
import { notSent, type Refusal, readRefusal } from './refusal.ts';
import type { DeleteEngagementResult } from './result.ts';
import { alreadyAbsent, buildSuccess, type SuccessContext } from './success-outcome.ts';
import { type UnknownOutcomeContext, unknownOutcome } from './unknown-outcome.ts';

/** What a sent delete's end is read with. */
export type OutcomeContext = SuccessContext &
  UnknownOutcomeContext & {
    /** True when upstream's 401 speaks of the caller's own token. */
    readonly callerBroughtToken: boolean;
    /** True when an attempt before this one may have been carried out: a refusal then proves nothing. */
    readonly mayHaveActedBefore: boolean;
    /** Finds out what a "not found" is about: see `settleNotFound`. */
    readonly settleNotFound: (said: Refusal) => Promise<Refusal>;
  };

/** Why a request that left has no answer; most often the connection broke. */
const whyUnknown: Readonly<Partial<Record<FailureReason, string>>> = {
  timeout: 'Upstream did not answer in time',
  protocol: 'Upstream answered something that is not HTTP',
};

/** A refusal, told to somebody who wanted to delete. */
export function nothingDeleted<Refused extends { readonly message: string }>(refused: Refused): Refused {
  return { ...refused, message: `${refused.message} Nothing was deleted.` };
}

/** A refusal of this attempt, unless an earlier one may have deleted the engagement. */
function refused(
  refusal: Refusal,
  context: OutcomeContext,
  seen: { readonly statusCode?: number | undefined; readonly rawResponse?: unknown } = {},
): DeleteEngagementResult {
  if (!context.mayHaveActedBefore) return nothingDeleted(refusal);
  return unknownOutcome(context, {
    ...seen,
    why: `One attempt had no clear answer, and the next was refused (${refusal.message})`,
  });
}

function readFailure(failure: UpstreamFailure, context: OutcomeContext): DeleteEngagementResult {
  const { mayHaveBeenSent, reason } = failure;
  if (!mayHaveBeenSent) return refused(notSent(failure), context);
  return unknownOutcome(context, { why: whyUnknown[reason] ?? 'The connection broke before upstream answered' });
}

function readSuccess(answer: UpstreamAnswer, context: OutcomeContext): DeleteEngagementResult {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const evidence = readEvidence(answer, body, context);
  if (evidence.kind === 'success') return buildSuccess(answer, body, context, evidence.warnings);
  if (answer.body.kind === 'streaming') answer.body.stream.destroy();
  const isForeign = evidence.kind === 'unknown' && evidence.isForeign;
  // Whatever else comes on that connection may be somebody else's too.
  if (isForeign) answer.disconnect();
  const rawResponse = isForeign ? undefined : providerBodyOf(body, context.input);
  const seen = { statusCode, rawResponse };
  if (evidence.kind === 'refused') {
    const message = `The provider answered with status ${statusCode}, but its body says that it refused.`;
    return refused({ kind: 'RemoteApiError', message, ...seen }, context, seen);
  }
  const why = `Upstream answered with status ${statusCode}, but ${evidence.why}`;
  return unknownOutcome(context, { ...seen, why });
}

/**
 * Maps the end of a sent delete to the result's member. A refusal means that nothing was deleted; where the answer does
 * not say as much, the outcome is unknown. After an attempt that may have been carried out, "no such record" means that
 * it is gone, and any other refusal means nothing.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export async function readOutcome(attempt: Attempt, context: OutcomeContext): Promise<DeleteEngagementResult> {
  if (attempt.kind === 'failure') return readFailure(attempt, context);
  if (attempt.statusCode >= 200 && attempt.statusCode < 300) return readSuccess(attempt, context);
  const { mayHaveActedBefore, callerBroughtToken } = context;
  // An error in the result's place could not say that the engagement may be gone.
  const said = readRefusal(attempt, callerBroughtToken && !mayHaveActedBefore);
  if (said.kind === 'UnclearAnswer') return unknownOutcome(context, said);
  const refusal = await context.settleNotFound(said);
  if (refusal.kind === 'NotFoundError' && mayHaveActedBefore) {
    const { statusCode } = attempt;
    const why = 'One attempt had no clear answer, the next found no such record, and the account could not be checked';
    if (refusal.isUnchecked) return unknownOutcome(context, { statusCode, why });
    const doubts = refusal.accountFound ? [] : [refusal.message];
    return alreadyAbsent(attempt, { ...context, warnings: [...context.warnings, ...doubts] });
  }
  return refused(refusal, context, { statusCode: attempt.statusCode });
}
