// Apollo Client: what the delete says is gone is evicted from the normalized cache, and every list forgets it.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { fail, report, reportNamesakes } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

// Ids are unique within a type of an integrated account only, and in some CRMs only within a kind of engagement.
const keyed = { keyFields: ['nodeId'] };
const cache = new InMemoryCache({
  typePolicies: { Engagement: keyed, Owner: keyed, Contact: keyed, Account: keyed },
});
const client = new ApolloClient({ cache, link: new HttpLink({ uri: endpoint, headers }) });
const account = integratedAccountId;

const list = gql`
  query List($account: ID!) {
    engagements(integratedAccountId: $account, first: 10) {
      nodes {
        nodeId id subject
        owner { nodeId id name }
        contacts { nodeId id name }
        account { nodeId id name }
      }
    }
  }
`;

const remove = gql`
  mutation Delete($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess { deletedNodeId deletedEngagementId outcome }
      ... on RateLimitedError { retryAfterMs }
      ... on OutcomeUnknownError { retrySafe }
      ... on Error { message }
    }
  }
`;

const cached = () => cache.readQuery({ query: list, variables: { account } }).engagements.nodes;

try {
  await client.query({ query: list, variables: { account } });
  const id = givenId ?? cached()[0]?.id;
  const { data } = await client.mutate({
    mutation: remove,
    variables: { id, account },
    context: { headers: deleteHeaders },
    // A result is no record to keep. Kept, it would be read by the cache's rules, and these know what `... on Error`
    // means only when they are told every type that implements it, as possibleTypes.
    fetchPolicy: 'no-cache',
    update(cache, { data }) {
      if (data?.deleteEngagement?.__typename !== 'DeleteEngagementSuccess') return;
      const { deletedNodeId: nodeId } = data.deleteEngagement;
      cache.evict({ id: cache.identify({ __typename: 'Engagement', nodeId }) });
      cache.gc();
    },
  });
  const isGone = report('apollo-client', data.deleteEngagement);
  if (isGone) {
    const isListed = cached().some((engagement) => engagement.id === id);
    console.log(`apollo-client: the cached list ${isListed ? 'still has' : 'no longer has'} it`);
    reportNamesakes('apollo-client', cached(), id);
  }
} catch (error) {
  fail('apollo-client', error);
}
