// Relay: @deleteRecord (in relay/documents.js) removes the engagement from the store, and so from every list.
// relay-compiler made relay/__generated__ from those documents. To run it again, in this folder:
// node ../../node_modules/relay-compiler/cli.js relay.config.json
import * as Relay from 'relay-runtime';
import { fail, report, reportNamesakes } from './outcome.mjs';
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
  // Relay accepts null for a nullable field, and does not report the error that explains it.
  if (answer.errors) throw new Error(answer.errors.map(({ message }) => message).join(' '));
  return answer;
}

const environment = new Environment({
  network: Network.create(send),
  store: new Store(new RecordSource()),
  // Relay identifies a record by this value only, and an owner, a contact and an account can have the same id. The compiler
  // has the same setting in relay.config.json: nodeInterfaceIdField.
  getDataID: ({ nodeId }) => nodeId,
});
const variables = { account: integratedAccountId };
const listed = createOperationDescriptor(list, variables);
environment.retain(listed);

/** The listed engagements in the store. A deleted record leaves a null. */
function stored() {
  const { nodes } = environment.lookup(listed.fragment).data.engagements;
  return nodes.filter(Boolean);
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
  const id = givenId ?? stored()[0]?.id;
  const isGone = report('relay', await commit(id));
  if (isGone) {
    const isListed = stored().some((engagement) => engagement.id === id);
    console.log(`relay: the list in the store ${isListed ? 'still has' : 'no longer has'} it`);
    reportNamesakes('relay', stored(), id);
  }
} catch (error) {
  fail('relay', error);
}
