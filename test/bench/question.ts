import { derivedFields, designedFields, type Field, selectionOf, shownOf, threeOf } from './fields.ts';
import { ids, listedIds } from './upstream/answers.ts';
import { engagementOf, pageOfEngagements, slowUsers, users } from './upstream/records.ts';

/** In which schema a target takes a request: the one that this project designed, or one derived from upstream's. */
export type Dialect = 'designed' | 'derived';

/** A GraphQL request and what may come back. */
export interface Question {
  /** The request's body. */
  readonly body: string;
  /** The parsed answers that are right; more than one where the answer depends on what was before. */
  readonly answers: readonly unknown[];
}

/** The integrated account of every question that does not say another. */
export const defaultAccount = '00000000-0000-4000-8000-000000000010';

function questionOf(
  operationName: string,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  data: readonly unknown[],
): Question {
  return {
    body: JSON.stringify({ operationName, query, variables }),
    answers: data.map((result) => ({ data: result })),
  };
}

function fieldsOf(dialect: Dialect, size: 'all' | 'three'): readonly Field[] {
  const all = dialect === 'designed' ? designedFields : derivedFields;
  return size === 'all' ? all : threeOf(all);
}

/** What a delete may vary in. */
export interface DeleteOptions {
  readonly fields: 'all' | 'three';
  readonly id: string;
  readonly account?: string;
  /** Ends the operation's name, so that documents differ. */
  readonly suffix?: string | number;
}

/** A delete that succeeds. */
export function deleteQuestion(
  dialect: Dialect,
  { fields: size, id, account = defaultAccount, suffix = '' }: DeleteOptions,
): Question {
  const fields = fieldsOf(dialect, size);
  const selection = selectionOf(fields);
  const engagement = shownOf(engagementOf(id), fields);
  const name = `${size === 'all' ? 'DeleteAll' : 'DeleteThree'}${suffix}`;
  const variables = { id, account };
  if (dialect === 'derived') {
    const query = `mutation ${name}($id: String!, $account: String!) {
  deleteEngagement(id: $id, integrated_account_id: $account) { ${selection} }
}`;
    return questionOf(name, query, variables, [{ deleteEngagement: engagement }]);
  }
  const query = `mutation ${name}($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) {
    __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome engagement { ${selection} } }
    ... on Error { message }
  }
}`;
  const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: id, outcome: 'DELETED', engagement };
  return questionOf(name, query, variables, [{ deleteEngagement: success }]);
}

/** A delete that is refused: what it asks for is one document for all refusals. */
export function refusedQuestion(id: string, account: string, members: readonly object[]): Question {
  const query = `mutation DeleteRefused($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) {
    __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome }
    ... on InvalidInputError { issues { path } }
    ... on ForbiddenError { missingScopes }
    ... on AccountBlockedError { reason }
    ... on RemoteApiError { statusCode rawResponse }
    ... on OutcomeUnknownError { retrySafe lastStatusCode }
  }
}`;
  const data = members.map((member) => ({ deleteEngagement: member }));
  return questionOf('DeleteRefused', query, { id, account }, data);
}

/** A hundred deletes in one list. */
export function deleteManyQuestion(): Question {
  const query = `mutation DeleteMany($items: [DeleteEngagementItem!]!, $account: ID!) {
  deleteEngagements(items: $items, integratedAccountId: $account) {
    results { __typename ... on DeleteEngagementSuccess { deletedEngagementId } }
  }
}`;
  const variables = { items: listedIds.map((id) => ({ id })), account: defaultAccount };
  const results = listedIds.map((id) => ({ __typename: 'DeleteEngagementSuccess', deletedEngagementId: id }));
  return questionOf('DeleteMany', query, variables, [{ deleteEngagements: { results } }]);
}

/** A page of 50 engagements, each with the name of the person it belongs to. */
export function pageQuestion(dialect: Dialect): Question {
  const fields = fieldsOf(dialect, 'three');
  const nameOf = new Map(users.map(({ id, name }) => [id, name]));
  const nodes = pageOfEngagements.map((engagement) => ({
    ...shownOf(engagement, fields),
    owner: { id: engagement.owner.id, name: nameOf.get(engagement.owner.id) },
  }));
  const selection = `{ ${selectionOf(fields)} owner { id name } }`;
  const variables = { account: defaultAccount };
  if (dialect === 'derived') {
    const query = `query Page($account: String!) {
  engagements(integrated_account_id: $account, limit: 50) { result ${selection} }
}`;
    return questionOf('Page', query, variables, [{ engagements: { result: nodes } }]);
  }
  const query = `query Page($account: ID!) {
  engagements(integratedAccountId: $account, first: 50) { nodes ${selection} }
}`;
  return questionOf('Page', query, variables, [{ engagements: { nodes } }]);
}

/** The names of a hundred people, as a gateway asks for them: five in each of twenty integrated accounts. */
export function entitiesQuestion(): Question {
  const query = `query Names($of: [_Any!]!) { _entities(representations: $of) { ... on Owner { name } } }`;
  const of = slowUsers.map(({ id }, index) => ({
    ...{
      __typename: 'Owner',
      id,
      integratedAccountId: `00000000-0000-4000-8000-${String(index % 20).padStart(12, '0')}`,
    },
  }));
  return questionOf('Names', query, { of }, [{ _entities: slowUsers.map(({ name }) => ({ name })) }]);
}

/** A document as it is, and its whole answer. */
export function documentQuestion(query: string, answer: object): Question {
  return { body: JSON.stringify({ query }), answers: [answer] };
}

/** The delete that every target is asked to prove that it runs. */
export function firstQuestion(dialect: Dialect): Question {
  return deleteQuestion(dialect, { fields: 'all', id: ids.whole });
}
