import type { DeleteMutation } from './gql/graphql.ts';

type Result = NonNullable<DeleteMutation['deleteEngagement']>;

/** Describes the end of a delete. The compiler reports a missing member, also after a schema update. */
export function describe(result: Result): string {
  switch (result.__typename) {
    case 'DeleteEngagementSuccess':
      return `Deleted (${result.outcome}).`;
    case 'OutcomeUnknownError':
      return `It may be deleted. ${result.retrySafe ? 'Try again to find out.' : 'Look whether it is there.'}`;
    case 'RateLimitedError':
      return `Not deleted. Try again in ${Math.ceil((result.retryAfterMs ?? 1_000) / 1_000)} s.`;
    case 'InvalidInputError':
      return `Not deleted. ${result.issues.map(({ message }) => message).join(' ')}`;
    case 'NotFoundError':
      return `There is nothing to delete. ${result.message}`;
    case 'UpstreamUnavailableError':
    case 'UnsupportedIntegrationError':
    case 'IntegratedAccountNotFoundError':
    case 'ForbiddenError':
    case 'AccountNeedsReauthError':
    case 'AccountBlockedError':
    case 'RemoteApiError':
      return `Not deleted. ${result.message}`;
    case 'DeleteEngagementPlan':
      return 'Nothing was sent: that is for dryRun.';
    default:
      return result satisfies never;
  }
}
