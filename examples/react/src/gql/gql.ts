/* eslint-disable */
import * as types from './graphql.ts';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  query List($account: ID!) {\n    engagements(integratedAccountId: $account, first: 20) {\n      nodes { nodeId id subject }\n    }\n  }\n": typeof types.ListDocument,
    "\n  mutation Delete($id: ID!, $account: ID!) {\n    deleteEngagement(id: $id, integratedAccountId: $account) {\n      __typename\n      ... on DeleteEngagementSuccess { deletedNodeId outcome }\n      ... on InvalidInputError { issues { message } }\n      ... on RateLimitedError { retryAfterMs }\n      ... on OutcomeUnknownError { retrySafe }\n      ... on Error { message }\n    }\n  }\n": typeof types.DeleteDocument,
};
const documents: Documents = {
    "\n  query List($account: ID!) {\n    engagements(integratedAccountId: $account, first: 20) {\n      nodes { nodeId id subject }\n    }\n  }\n": types.ListDocument,
    "\n  mutation Delete($id: ID!, $account: ID!) {\n    deleteEngagement(id: $id, integratedAccountId: $account) {\n      __typename\n      ... on DeleteEngagementSuccess { deletedNodeId outcome }\n      ... on InvalidInputError { issues { message } }\n      ... on RateLimitedError { retryAfterMs }\n      ... on OutcomeUnknownError { retrySafe }\n      ... on Error { message }\n    }\n  }\n": types.DeleteDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query List($account: ID!) {\n    engagements(integratedAccountId: $account, first: 20) {\n      nodes { nodeId id subject }\n    }\n  }\n"): (typeof documents)["\n  query List($account: ID!) {\n    engagements(integratedAccountId: $account, first: 20) {\n      nodes { nodeId id subject }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Delete($id: ID!, $account: ID!) {\n    deleteEngagement(id: $id, integratedAccountId: $account) {\n      __typename\n      ... on DeleteEngagementSuccess { deletedNodeId outcome }\n      ... on InvalidInputError { issues { message } }\n      ... on RateLimitedError { retryAfterMs }\n      ... on OutcomeUnknownError { retrySafe }\n      ... on Error { message }\n    }\n  }\n"): (typeof documents)["\n  mutation Delete($id: ID!, $account: ID!) {\n    deleteEngagement(id: $id, integratedAccountId: $account) {\n      __typename\n      ... on DeleteEngagementSuccess { deletedNodeId outcome }\n      ... on InvalidInputError { issues { message } }\n      ... on RateLimitedError { retryAfterMs }\n      ... on OutcomeUnknownError { retrySafe }\n      ... on Error { message }\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;