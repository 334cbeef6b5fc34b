import { graphql } from 'relay-runtime';

// What relay-compiler reads; it makes `__generated__` of them, which is what runs. An app with Babel writes them where
// they are used, and leaves the rest to babel-plugin-relay.

graphql`
  query documentsListQuery($account: ID!) {
    engagements(integratedAccountId: $account, first: 5) {
      nodes {
        id
        subject
      }
    }
  }
`;

graphql`
  mutation documentsDeleteMutation($id: ID!, $account: ID!) {
    deleteEngagement(id: $id, integratedAccountId: $account) {
      __typename
      ... on DeleteEngagementSuccess {
        deletedEngagementId @deleteRecord
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
