import { useMutation } from '@apollo/client/react';
import { useRef } from 'react';
import { graphql } from './gql/gql.ts';

const remove = graphql(`
  mutation Delete($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess { deletedNodeId outcome }
      ... on InvalidInputError { issues { message } }
      ... on RateLimitedError { retryAfterMs }
      ... on OutcomeUnknownError { retrySafe }
      ... on Error { message }
    }
  }
`);

/** Deletes an engagement of the account, and evicts it from the cache, so that no list shows it. */
export function useDelete(account: string) {
  // One key for each intended delete: all attempts with it are one delete.
  const key = useRef(crypto.randomUUID());
  // The result is not a record: it stays out of the cache.
  const [mutate, { loading }] = useMutation(remove, { fetchPolicy: 'no-cache' });

  async function deleteEngagement(id: string) {
    const { data } = await mutate({
      variables: { id, account },
      context: { headers: { 'idempotency-key': key.current } },
      update(cache, { data }) {
        // After any other result, the engagement may still exist.
        if (data?.deleteEngagement?.__typename !== 'DeleteEngagementSuccess') return;
        const { deletedNodeId: nodeId } = data.deleteEngagement;
        cache.evict({ id: cache.identify({ __typename: 'Engagement', nodeId }) });
        cache.gc();
      },
    });
    return data?.deleteEngagement ?? undefined;
  }

  return { deleteEngagement, isDeleting: loading };
}
