import { type Question, refusedQuestion } from '../question.ts';
import { ids, type RefusalName } from '../upstream/answers.ts';
import { type Case, defaultConnections, type Work } from '../work.ts';

/** Of so many deletes one fails, where failing ones are mixed with others: too few to open the account's breaker. */
const oneIn = 8;

function caseOf(name: string, questions: readonly Question[]): Case {
  return { name, target: 'facade', asked: { kind: 'questions', of: () => questions }, connections: defaultConnections };
}

/** Each case has an account of its own: an open breaker must not change another case's figures. */
const accountFor = (name: string) => `account-of-${name}`;

const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: ids.lean, outcome: 'DELETED' };

const succeeding = (account: string) => refusedQuestion(ids.lean, account, [success]);

function refused(title: string, id: RefusalName, ...members: readonly object[]): Case {
  return caseOf(title, [refusedQuestion(id, accountFor(id), members)]);
}

/** One in eight fails, the others succeed. */
function mixed(title: string, id: RefusalName, member: object): Case {
  const account = accountFor(`${id}-among-others`);
  const others = Array.from({ length: oneIn - 1 }, () => succeeding(account));
  return caseOf(title, [...others, refusedQuestion(id, account, [member])]);
}

const unknown = (lastStatusCode: number | null) => ({
  __typename: 'OutcomeUnknownError',
  retrySafe: true,
  lastStatusCode,
});
const unavailable = { __typename: 'UpstreamUnavailableError' };
const rateLimited = { __typename: 'RateLimitedError' };

const rawResponse = { why: 'the provider says no' };

/**
 * Deletes that upstream refuses or fails, against one that succeeds. All are the facade's: the peers throw an exception,
 * so there is no answer to compare with.
 */
export const errors: Work = {
  name: 'errors',
  title: 'A delete that fails, in each way, against one that succeeds',
  equal: `The facade alone, one document for all cases; upstream's answers are about as long. 32 connections.`,
  differs: `A refusal is one request. After 429 with Retry-After, and while an account's breaker is open, no request is sent.
Where one delete in eight fails, it is retried after up to 200 ms while the retry budget lasts: compare p50 and CPU time there,
not the rate.`,
  base: 'deleted',
  cases: [
    caseOf('deleted', [succeeding(accountFor('success'))]),
    refused('400, a parameter is missing', 'missing-parameter', {
      __typename: 'InvalidInputError',
      issues: [{ path: ['engagementType'] }],
    }),
    refused('401, the connection must be renewed', 'needs-reauth', { __typename: 'AccountNeedsReauthError' }),
    refused('403, a scope is missing', 'missing-scope', {
      __typename: 'ForbiddenError',
      missingScopes: ['engagements:delete'],
    }),
    refused('404', 'not-found', { __typename: 'NotFoundError' }),
    refused('409 of the provider', 'remote-refusal', { __typename: 'RemoteApiError', statusCode: 409, rawResponse }),
    refused('429', 'too-many', rateLimited),
    refused('429 with Retry-After: not sent for a minute', 'too-many-for-a-minute', rateLimited),
    refused('503, the account is blocked', 'blocked', {
      __typename: 'AccountBlockedError',
      reason: 'blocked until Truto or its owner unblocks it',
    }),
    refused('502 every time: the breaker opens', 'bad-gateway', unknown(502), unavailable),
    mixed('502, one in eight', 'bad-gateway', unknown(502)),
    mixed('reset, one in eight', 'reset', unknown(null)),
  ],
};
