// urql, with its document cache: a mutation drops what was read of the types that it changed.
import { Client, cacheExchange, fetchExchange, gql } from '@urql/core';
import { fail, report } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

const client = new Client({
  url: endpoint,
  exchanges: [cacheExchange, fetchExchange],
  // Its usual GET for short queries is for servers that have a use for it; this one takes POST only.
  preferGetMethod: false,
  fetchOptions: { headers },
});

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

async function listIds() {
  const { data, error } = await client.query(list, { account: integratedAccountId }).toPromise();
  if (error) throw error;
  return data.engagements.nodes.map(({ id }) => id);
}

try {
  const id = givenId ?? (await listIds())[0];
  const { data, error } = await client
    .mutation(
      remove,
      { id, account: integratedAccountId },
      {
        fetchOptions: { headers: deleteHeaders },
        // The result contains no Engagement, so name the type whose lists are out of date.
        additionalTypenames: ['Engagement'],
      },
    )
    .toPromise();
  if (error) throw error;
  const isGone = report('urql', data.deleteEngagement);
  if (isGone) console.log(`urql: the list ${(await listIds()).includes(id) ? 'still has' : 'no longer has'} it`);
} catch (error) {
  fail('urql', error);
}
