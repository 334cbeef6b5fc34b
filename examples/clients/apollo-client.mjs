// Apollo Client: after a delete, the engagement is evicted from the normalized cache, and so from every list.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { fail, report, reportNamesakes } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

// An id is unique only within one type of one integrated account, and in some CRMs only within one kind of engagement.
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
    // The result is not a record, so it stays out of the cache. To cache it, set possibleTypes: the cache needs them to
    // read `... on Error`.
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
