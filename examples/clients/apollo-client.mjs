// Apollo Client: what the delete says is gone is evicted from the normalized cache, and every list forgets it.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { fail, report } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

const cache = new InMemoryCache({
  // Ids are unique within an integrated account only.
  typePolicies: { Engagement: { keyFields: ['integratedAccountId', 'id'] } },
});
const client = new ApolloClient({ cache, link: new HttpLink({ uri: endpoint, headers }) });
const account = integratedAccountId;

const list = gql`
  query List($account: ID!) {
    engagements(integratedAccountId: $account, first: 5) { nodes { integratedAccountId id subject } }
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

const cachedIds = () => cache.readQuery({ query: list, variables: { account } }).engagements.nodes.map(({ id }) => id);

try {
  await client.query({ query: list, variables: { account } });
  const id = givenId ?? cachedIds()[0];
  const { data } = await client.mutate({
    mutation: remove,
    variables: { id, account },
    context: { headers: deleteHeaders },
    // A result is no record to keep. Kept, it would be read by the cache's rules, and these know what `... on Error`
    // means only when they are told every type that implements it, as possibleTypes.
    fetchPolicy: 'no-cache',
    update(cache, { data }) {
      if (data?.deleteEngagement?.__typename !== 'DeleteEngagementSuccess') return;
      const key = { integratedAccountId: account, id: data.deleteEngagement.deletedEngagementId };
      cache.evict({ id: cache.identify({ __typename: 'Engagement', ...key }) });
      cache.gc();
    },
  });
  const isGone = report('apollo-client', data.deleteEngagement);
  if (isGone)
    console.log(`apollo-client: the cached list ${cachedIds().includes(id) ? 'still has' : 'no longer has'} it`);
} catch (error) {
  fail('apollo-client', error);
}
