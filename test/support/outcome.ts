import { expect } from 'vitest';
import { startTestFacade } from './facade.ts';
import { type Answer, json, startUpstream } from './upstream.ts';

/** A delete with all fields about its outcome. */
export const mutation = `mutation Delete($format: ResponseFormat! = UNIFIED, $type: EngagementType, $remoteQuery: JSONObject) {
  deleteEngagement(id: "e1", integratedAccountId: "a", format: $format, engagementType: $type, remoteQuery: $remoteQuery) {
    __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome raw engagement { id subject createdAt owner { id } duration } warnings rateLimit { limit windowMs remaining resetMs } }
    ... on Error { message }
    ... on InvalidInputError { issues { path message allowedValues } }
    ... on ForbiddenError { missingScopes }
    ... on AccountBlockedError { reason }
    ... on RateLimitedError { retryAfterMs }
    ... on RemoteApiError { statusCode rawResponse }
    ... on OutcomeUnknownError { retrySafe upstreamIdempotencyKey lastStatusCode rawResponse }
  }
}`;

interface OutcomeCase {
  readonly variables?: object;
  readonly env?: Record<string, string>;
  /** The integration of the account. @default unknown */
  readonly integration?: string;
  /** The number of attempts. @default 1 */
  readonly attempts?: number;
}

/** Sends one delete with an upstream that always answers like this, and checks the number of attempts. */
export async function outcomeOf(
  answer: Answer,
  { variables = {}, env = {}, integration, attempts = 1 }: OutcomeCase = {},
) {
  await using upstream = await startUpstream(answer, integration);
  await using facade = await startTestFacade(upstream.url, env);
  const { body } = await facade.post(mutation, variables);
  expect(upstream.deletes()).toHaveLength(attempts);
  return { ...body.data.deleteEngagement, errors: body.errors };
}

/** A refusal of Truto itself. Its prose contains a text that must not leak. */
export const truto = (statusCode: number, rest: object = {}, headers: Record<string, string> = {}) =>
  json(
    statusCode,
    { statusCode, error: 'Some Error', message: 'canary: https://internal.example/?token=secret', ...rest },
    headers,
  );
/** A refusal or failure of the provider, passed on by Truto. */
export const remote = (statusCode: number, rest: object = {}, headers: Record<string, string> = {}) =>
  truto(statusCode, { truto_is_remote_error: true, raw_response: { why: 'the provider says' }, ...rest }, headers);
