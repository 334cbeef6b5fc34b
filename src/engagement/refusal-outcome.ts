import { fieldError } from '../errors.ts';
import type { UpstreamAnswer } from '../upstream/attempt.ts';
import { parseRetryAfter } from '../upstream/retry-after.ts';
import { readBody } from './body.ts';
import { type Finding, refusal } from './finding.ts';
import type { DeleteEngagementError } from './result.ts';
import { type UnknownOutcomeContext, unknownOutcome } from './unknown-outcome.ts';
import { readUpstreamError, type UpstreamError } from './upstream-error.ts';

/** What a refusal is read with. */
export interface RefusalContext extends UnknownOutcomeContext {
  /** True when upstream's 401 speaks of the caller's own token. */
  readonly callerBroughtToken: boolean;
}

/** Where a caller gives what upstream calls by its wire name. */
const argumentPaths: Readonly<Record<string, readonly string[]>> = {
  integrated_account_id: ['integratedAccountId'],
  engagement_type: ['engagementType'],
  sort_by: ['parameters', 'sortBy'],
  content: ['parameters', 'content'],
  subject: ['parameters', 'subject'],
  direction: ['parameters', 'direction'],
  created_at: ['parameters', 'createdAt'],
  updated_at: ['parameters', 'updatedAt'],
  status: ['parameters', 'status'],
  account: ['parameters', 'account'],
  contact: ['parameters', 'contacts'],
};

function missingIssue(wireName: string): Finding {
  const path = Object.hasOwn(argumentPaths, wireName) ? argumentPaths[wireName] : undefined;
  return refusal(
    path ?? ['remoteQuery'],
    path ? 'Upstream requires it for this account.' : 'Upstream requires a parameter that is missing.',
  );
}

function invalidInput({ missingParameters }: UpstreamError): DeleteEngagementError {
  const issues = missingParameters.map(missingIssue);
  const message =
    issues.length > 0 ? 'Upstream requires more input.' : 'Upstream refused the input as invalid without saying which.';
  return { kind: 'InvalidInputError', message: `${message} Nothing was deleted.`, issues };
}

function remoteApiError(statusCode: number, { isRemote, rawResponse }: UpstreamError): DeleteEngagementError {
  const who = isRemote ? 'The provider' : 'Upstream';
  return {
    kind: 'RemoteApiError',
    message: `${who} refused with status ${statusCode}. Nothing was deleted.`,
    statusCode,
    rawResponse,
  };
}

function unauthorized({ isRemote }: UpstreamError, { callerBroughtToken }: RefusalContext): DeleteEngagementError {
  if (isRemote) {
    const message =
      "The provider no longer accepts the account's credentials: its owner must connect it again. Nothing was deleted.";
    return { kind: 'AccountNeedsReauthError', message };
  }
  if (callerBroughtToken)
    throw fieldError('UNAUTHENTICATED', 'Upstream does not accept the token in the Authorization header.');
  return {
    kind: 'UpstreamUnavailableError',
    message: "Upstream does not accept this server's token: its operator must renew it. Nothing was deleted.",
  };
}

function rateLimited(answer: UpstreamAnswer, { isRemote }: UpstreamError): DeleteEngagementError {
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], Date.now()) ?? null;
  const when = retryAfterMs === null ? 'later' : `in ${retryAfterMs} ms`;
  const message = `${isRemote ? 'The provider' : 'Truto'} takes no more requests for now; try again ${when}. Nothing was deleted.`;
  return { kind: 'RateLimitedError', message, retryAfterMs };
}

function forbidden(missingScopes: readonly string[], why: string): DeleteEngagementError {
  return { kind: 'ForbiddenError', message: `${why} Nothing was deleted.`, missingScopes };
}

function blocked(retryAfter: string | undefined): DeleteEngagementError {
  const reason =
    retryAfter === undefined ? 'blocked until Truto or its owner unblocks it' : 'paused by Truto for a while';
  return { kind: 'AccountBlockedError', message: `The integrated account is ${reason}. Nothing was deleted.`, reason };
}

/**
 * Maps an answer outside 2xx to the result's member (https://www.truto.one/docs/api-reference/overview/errors.md and
 * truto-skills, error-and-evidence-model.md). A refusal means that nothing was deleted; where the status does not say
 * as much, the outcome is unknown.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export function readRefusal(answer: UpstreamAnswer, context: RefusalContext): DeleteEngagementError {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const error = readUpstreamError(body.kind === 'json' ? body.value : undefined);
  switch (statusCode) {
    case 400:
    case 422:
      return error.isRemote ? remoteApiError(statusCode, error) : invalidInput(error);
    case 401:
      return unauthorized(error, context);
    case 403:
      return forbidden(error.missingScopes, "The account's connection is not permitted to delete this engagement.");
    case 404:
    case 410:
      return {
        kind: 'NotFoundError',
        message: 'Upstream knows no such engagement in this integrated account. Nothing was deleted by this request.',
      };
    case 405:
      if (error.isRemote) return remoteApiError(statusCode, error);
      return forbidden([], 'Truto refuses writes for this account, as it does for sandbox accounts.');
    case 429:
      return rateLimited(answer, error);
    case 503:
      if (error.isRemote) return remoteApiError(statusCode, error);
      // A proxy in between answers 503 also when it lost a request that it had passed on.
      return error.isFromTruto ? blocked(answer.headers['retry-after']) : unknownOutcome(context, { statusCode });
    case 408:
      return unknownOutcome(context, { statusCode });
    default:
      return (statusCode >= 400 && statusCode < 500) || statusCode === 501
        ? remoteApiError(statusCode, error)
        : unknownOutcome(context, { statusCode, rawResponse: error.rawResponse });
  }
}
