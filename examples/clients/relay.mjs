// Relay: @deleteRecord (in relay/documents.js) takes the engagement out of the store, and so out of every list.
// relay-compiler made relay/__generated__ of those documents; here, it is run from this folder:
// node ../../node_modules/relay-compiler/cli.js relay.config.json
import * as Relay from 'relay-runtime';
import { fail, report } from './outcome.mjs';
import remove from './relay/__generated__/documentsDeleteMutation.graphql.js';
import list from './relay/__generated__/documentsListQuery.graphql.js';
import { deleteHeaders, endpoint, givenId, headers, integratedAccountId } from './settings.mjs';

const { commitMutation, createOperationDescriptor, Environment, fetchQuery, Network, RecordSource, Store } = Relay;

async function send({ text: query, operationKind }, variables) {
  const ownHeaders = operationKind === 'mutation' ? deleteHeaders : headers;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...ownHeaders },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  // Relay takes null for an answer where a field may be null, and says nothing of the error that explains it.
  if (answer.errors) throw new Error(answer.errors.map(({ message }) => message).join(' '));
  return answer;
}

// Relay knows a record by its id alone, and ids are unique within an integrated account: have a store for each account.
const environment = new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
const variables = { account: integratedAccountId };
const listed = createOperationDescriptor(list, variables);
environment.retain(listed);

/** What the store says is listed; a record that was deleted has left a null. */
function storedIds() {
  const { nodes } = environment.lookup(listed.fragment).data.engagements;
  return nodes.filter(Boolean).map(({ id }) => id);
}

function commit(id) {
  return new Promise((resolve, reject) => {
    commitMutation(environment, {
      mutation: remove,
      variables: { id, ...variables },
      onCompleted: (data) => resolve(data.deleteEngagement),
      onError: reject,
    });
  });
}

try {
  await fetchQuery(environment, list, variables).toPromise();
  const id = givenId ?? storedIds()[0];
  const isGone = report('relay', await commit(id));
  if (isGone)
    console.log(`relay: the list in the store ${storedIds().includes(id) ? 'still has' : 'no longer has'} it`);
} catch (error) {
  fail('relay', error);
}
