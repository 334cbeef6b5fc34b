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

/** Deletes an engagement of the account. What is deleted leaves the cache, and so every list that shows it. */
export function useDelete(account: string) {
  // A key names what somebody wants to be done. The same key makes one delete of all attempts.
  const key = useRef(crypto.randomUUID());
  // A result is no record, so it is not kept.
  const [mutate, { loading }] = useMutation(remove, { fetchPolicy: 'no-cache' });

  async function deleteEngagement(id: string) {
    const { data } = await mutate({
      variables: { id, account },
      context: { headers: { 'idempotency-key': key.current } },
      update(cache, { data }) {
        // After any other result, the engagement is or may be still there.
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
