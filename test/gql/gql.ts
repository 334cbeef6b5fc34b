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
    "mutation BreakARule($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(id: $id, integratedAccountId: $integratedAccountId) {\n    __typename\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": typeof types.BreakARuleDocument,
    "mutation DeleteEngagementRaw($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: RAW\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      raw\n      rateLimit {\n        limit\n        windowMs\n        remaining\n        resetMs\n      }\n    }\n    ... on RemoteApiError {\n      statusCode\n      rawResponse\n    }\n    ... on Error {\n      message\n    }\n  }\n}": typeof types.DeleteEngagementRawDocument,
    "mutation DeleteEngagementStream($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: STREAM\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      stream {\n        contentType\n        contentLength\n        chunks @stream\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": typeof types.DeleteEngagementStreamDocument,
    "mutation DeleteEngagement($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      outcome\n      engagement {\n        id\n        engagementType\n        subject\n        contacts {\n          id\n        }\n      }\n      warnings\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n    ... on OutcomeUnknownError {\n      retrySafe\n    }\n    ... on Error {\n      message\n    }\n  }\n}": typeof types.DeleteEngagementDocument,
    "mutation DryRun($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n    dryRun: true\n  ) {\n    __typename\n    ... on DeleteEngagementPlan {\n      wouldBeSent\n      method\n      url\n      headers {\n        name\n        value\n      }\n      excludedFields\n      findings {\n        severity\n        path\n        message\n        allowedValues\n      }\n      integration {\n        name\n      }\n    }\n    ... on DeleteEngagementSuccess {\n      engagement {\n        id\n        subject\n        owner {\n          id\n        }\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": typeof types.DryRunDocument,
    "query Integrations {\n  integrations {\n    name\n    requiresEngagementType\n    engagementTypes\n    parameters\n  }\n}": typeof types.IntegrationsDocument,
};
const documents: Documents = {
    "mutation BreakARule($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(id: $id, integratedAccountId: $integratedAccountId) {\n    __typename\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": types.BreakARuleDocument,
    "mutation DeleteEngagementRaw($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: RAW\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      raw\n      rateLimit {\n        limit\n        windowMs\n        remaining\n        resetMs\n      }\n    }\n    ... on RemoteApiError {\n      statusCode\n      rawResponse\n    }\n    ... on Error {\n      message\n    }\n  }\n}": types.DeleteEngagementRawDocument,
    "mutation DeleteEngagementStream($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: STREAM\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      stream {\n        contentType\n        contentLength\n        chunks @stream\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": types.DeleteEngagementStreamDocument,
    "mutation DeleteEngagement($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      outcome\n      engagement {\n        id\n        engagementType\n        subject\n        contacts {\n          id\n        }\n      }\n      warnings\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n    ... on OutcomeUnknownError {\n      retrySafe\n    }\n    ... on Error {\n      message\n    }\n  }\n}": types.DeleteEngagementDocument,
    "mutation DryRun($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n    dryRun: true\n  ) {\n    __typename\n    ... on DeleteEngagementPlan {\n      wouldBeSent\n      method\n      url\n      headers {\n        name\n        value\n      }\n      excludedFields\n      findings {\n        severity\n        path\n        message\n        allowedValues\n      }\n      integration {\n        name\n      }\n    }\n    ... on DeleteEngagementSuccess {\n      engagement {\n        id\n        subject\n        owner {\n          id\n        }\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}": types.DryRunDocument,
    "query Integrations {\n  integrations {\n    name\n    requiresEngagementType\n    engagementTypes\n    parameters\n  }\n}": types.IntegrationsDocument,
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
export function graphql(source: "mutation BreakARule($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(id: $id, integratedAccountId: $integratedAccountId) {\n    __typename\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"): (typeof documents)["mutation BreakARule($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(id: $id, integratedAccountId: $integratedAccountId) {\n    __typename\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteEngagementRaw($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: RAW\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      raw\n      rateLimit {\n        limit\n        windowMs\n        remaining\n        resetMs\n      }\n    }\n    ... on RemoteApiError {\n      statusCode\n      rawResponse\n    }\n    ... on Error {\n      message\n    }\n  }\n}"): (typeof documents)["mutation DeleteEngagementRaw($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: RAW\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      raw\n      rateLimit {\n        limit\n        windowMs\n        remaining\n        resetMs\n      }\n    }\n    ... on RemoteApiError {\n      statusCode\n      rawResponse\n    }\n    ... on Error {\n      message\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteEngagementStream($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: STREAM\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      stream {\n        contentType\n        contentLength\n        chunks @stream\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"): (typeof documents)["mutation DeleteEngagementStream($id: ID!, $integratedAccountId: ID!) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    format: STREAM\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      stream {\n        contentType\n        contentLength\n        chunks @stream\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteEngagement($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      outcome\n      engagement {\n        id\n        engagementType\n        subject\n        contacts {\n          id\n        }\n      }\n      warnings\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n    ... on OutcomeUnknownError {\n      retrySafe\n    }\n    ... on Error {\n      message\n    }\n  }\n}"): (typeof documents)["mutation DeleteEngagement($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n  ) {\n    __typename\n    ... on DeleteEngagementSuccess {\n      deletedEngagementId\n      outcome\n      engagement {\n        id\n        engagementType\n        subject\n        contacts {\n          id\n        }\n      }\n      warnings\n    }\n    ... on InvalidInputError {\n      issues {\n        path\n        message\n        allowedValues\n      }\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n    ... on OutcomeUnknownError {\n      retrySafe\n    }\n    ... on Error {\n      message\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DryRun($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n    dryRun: true\n  ) {\n    __typename\n    ... on DeleteEngagementPlan {\n      wouldBeSent\n      method\n      url\n      headers {\n        name\n        value\n      }\n      excludedFields\n      findings {\n        severity\n        path\n        message\n        allowedValues\n      }\n      integration {\n        name\n      }\n    }\n    ... on DeleteEngagementSuccess {\n      engagement {\n        id\n        subject\n        owner {\n          id\n        }\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"): (typeof documents)["mutation DryRun($id: ID!, $integratedAccountId: ID!, $engagementType: EngagementType) {\n  deleteEngagement(\n    id: $id\n    integratedAccountId: $integratedAccountId\n    engagementType: $engagementType\n    dryRun: true\n  ) {\n    __typename\n    ... on DeleteEngagementPlan {\n      wouldBeSent\n      method\n      url\n      headers {\n        name\n        value\n      }\n      excludedFields\n      findings {\n        severity\n        path\n        message\n        allowedValues\n      }\n      integration {\n        name\n      }\n    }\n    ... on DeleteEngagementSuccess {\n      engagement {\n        id\n        subject\n        owner {\n          id\n        }\n      }\n    }\n    ... on Error {\n      message\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Integrations {\n  integrations {\n    name\n    requiresEngagementType\n    engagementTypes\n    parameters\n  }\n}"): (typeof documents)["query Integrations {\n  integrations {\n    name\n    requiresEngagementType\n    engagementTypes\n    parameters\n  }\n}"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;