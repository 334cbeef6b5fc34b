import { graphql } from 'relay-runtime';

// What relay-compiler reads; it makes `__generated__` of them, which is what runs. An app with Babel writes them where
// they are used, and leaves the rest to babel-plugin-relay. The compiler adds `nodeId` to each record by itself.

graphql`
  query documentsListQuery($account: ID!) {
    engagements(integratedAccountId: $account, first: 10) {
      nodes {
        id
        subject
        owner {
          __typename
          id
          name
        }
        contacts {
          __typename
          id
          name
        }
        account {
          __typename
          id
          name
        }
      }
    }
  }
`;

graphql`
  mutation documentsDeleteMutation($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess {
        deletedNodeId @deleteRecord
        deletedEngagementId
        outcome
      }
      ... on RateLimitedError {
        retryAfterMs
      }
      ... on OutcomeUnknownError {
        retrySafe
      }
      ... on Error {
        message
      }
    }
  }
`;
