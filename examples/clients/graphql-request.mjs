// graphql-request: fetch with documents, variables and errors that throw.
import { ClientError, GraphQLClient, gql } from 'graphql-request';
import { fail, report } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

const client = new GraphQLClient(endpoint, { headers });

const list = gql`
  query List($account: ID!) {
    engagements(integratedAccountId: $account, first: 5) { nodes { id subject } }
  }
`;

const remove = gql`
  mutation Delete($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess { deletedEngagementId outcome }
      ... on RateLimitedError { retryAfterMs }
      ... on OutcomeUnknownError { retrySafe }
      ... on Error { message }
    }
  }
`;

async function firstId() {
  const { engagements } = await client.request(list, { account: integratedAccountId });
  return engagements.nodes[0].id;
}

try {
  const variables = { id: givenId ?? (await firstId()), account: integratedAccountId };
  const { deleteEngagement } = await client.request(remove, variables, deleteHeaders);
  report('graphql-request', deleteEngagement);
} catch (error) {
  // The client's own message contains the whole request. The server's message is shorter.
  fail('graphql-request', error instanceof ClientError ? (error.response.errors?.[0] ?? error) : error);
}
