import type { GraphQLError } from 'graphql';
import type { Refusal } from '../engagement/result.ts';
import { type ErrorCode, fieldError } from './top-level-errors.ts';

/** A query has no union to answer with: each refusal is a top-level error with a code of its own. */
const codes: Readonly<Record<Refusal['kind'], ErrorCode>> = {
  InvalidInputError: 'INVALID_INPUT',
  NotFoundError: 'NOT_FOUND',
  IntegratedAccountNotFoundError: 'INTEGRATED_ACCOUNT_NOT_FOUND',
  ForbiddenError: 'FORBIDDEN',
  AccountNeedsReauthError: 'ACCOUNT_NEEDS_REAUTH',
  AccountBlockedError: 'ACCOUNT_BLOCKED',
  RateLimitedError: 'RATE_LIMITED',
  RemoteApiError: 'REMOTE_API_ERROR',
  UpstreamUnavailableError: 'UPSTREAM_UNAVAILABLE',
  Unauthenticated: 'UNAUTHENTICATED',
};

/** What a program needs besides the code. The provider's body is not among it: nobody selected it. */
function details(refusal: Refusal): Readonly<Record<string, unknown>> {
  switch (refusal.kind) {
    case 'InvalidInputError':
      return { issues: refusal.issues };
    case 'NotFoundError':
      return { accountFound: refusal.accountFound };
    case 'ForbiddenError':
      return { missingScopes: refusal.missingScopes };
    case 'RateLimitedError':
      return { retryAfterMs: refusal.retryAfterMs };
    case 'RemoteApiError':
      return { statusCode: refusal.statusCode };
    default:
      return {};
  }
}

/** The error of a field whose record could not be read. */
export function failedRead(refusal: Refusal): GraphQLError {
  return fieldError(codes[refusal.kind], refusal.message, details(refusal));
}
