// Typed documents by gql.tada: what TypeScript knows of each result comes from the schema, with no build step.
// `npx tsc -p .` here checks this file; the schema's types are in graphql-env.d.ts (`npx gql.tada generate-output`).
import { initGraphQLTada, type ResultOf } from 'gql.tada';
import { ClientError, GraphQLClient } from 'graphql-request';
import type { introspection } from './graphql-env.d.ts';
import { fail } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

const graphql = initGraphQLTada<{ introspection: introspection; scalars: { ID: string } }>();
const client = new GraphQLClient(endpoint, { headers });

const list = graphql(`
  query List($account: ID!) {
    engagements(integratedAccountId: $account, first: 5) { nodes { id subject } }
  }
`);

const remove = graphql(`
  mutation Delete($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess { deletedEngagementId outcome }
      ... on InvalidInputError { issues { message } }
      ... on OutcomeUnknownError { retrySafe }
      ... on Error { message }
    }
  }
`);

type Result = NonNullable<ResultOf<typeof remove>['deleteEngagement']>;

/** With an unhandled member, also one that a later schema adds, this does not compile. */
function describe(result: Result): string {
  switch (result.__typename) {
    case 'DeleteEngagementSuccess':
      return `deleted ${result.deletedEngagementId}, ${result.outcome}`;
    case 'OutcomeUnknownError':
      return `perhaps deleted, ${result.retrySafe ? 'send it again' : 'read it first'}. ${result.message}`;
    case 'InvalidInputError':
      return `not deleted. ${result.issues.map(({ message }) => message).join(' ')}`;
    case 'NotFoundError':
      return `nothing to delete. ${result.message}`;
    case 'IntegratedAccountNotFoundError':
      return `not deleted, wrong account. ${result.message}`;
    case 'RateLimitedError':
    case 'UpstreamUnavailableError':
      return `not deleted, try later. ${result.message}`;
    case 'UnsupportedIntegrationError':
    case 'ForbiddenError':
    case 'AccountNeedsReauthError':
    case 'AccountBlockedError':
    case 'RemoteApiError':
      return `not deleted, ${result.__typename}. ${result.message}`;
    case 'DeleteEngagementPlan':
      return 'not sent: that is for dryRun';
    default:
      return result satisfies never;
  }
}

try {
  const variables = { account: integratedAccountId };
  const id = givenId ?? (await client.request(list, variables)).engagements?.nodes[0]?.id;
  if (id === undefined) throw new Error('There is no engagement to delete.');
  const { deleteEngagement: result } = await client.request(remove, { id, ...variables }, deleteHeaders);
  console.log(`typed: ${result ? describe(result) : 'no result'}`);
  process.exitCode = result?.__typename === 'DeleteEngagementSuccess' ? 0 : 1;
} catch (error) {
  fail('typed', error instanceof ClientError ? (error.response.errors?.[0] ?? error) : error);
}
