// No client at all: fetch is enough if you need no cache.
import { fail, report } from './outcome.mjs';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

async function ask(query, variables, moreHeaders) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...moreHeaders },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
  return data;
}

async function firstId() {
  const { engagements } = await ask(
    `query List($account: ID!) { engagements(integratedAccountId: $account, first: 5) { nodes { id subject } } }`,
    { account: integratedAccountId },
    headers,
  );
  return engagements.nodes[0].id;
}

try {
  const { deleteEngagement } = await ask(
    `mutation Delete($id: ID!, $account: ID!) {
      deleteEngagement(id: $id, integratedAccountId: $account) {
        __typename
        ... on DeleteEngagementSuccess { deletedEngagementId outcome }
        ... on RateLimitedError { retryAfterMs }
        ... on OutcomeUnknownError { retrySafe }
        ... on Error { message }
      }
    }`,
    { id: givenId ?? (await firstId()), account: integratedAccountId },
    deleteHeaders,
  );
  report('fetch', deleteEngagement);
} catch (error) {
  fail('fetch', error);
}
