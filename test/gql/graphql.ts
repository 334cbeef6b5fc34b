/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** The progress of a bulk delete, from its start to its end. */
export type BulkDeleteState =
  /** It was cancelled. `outcomes` shows how many engagements were deleted before. */
  | 'CANCELLED'
  /** It starts no further delete. Deletes in flight are reconciled for a few minutes, then they are `UNKNOWN`. */
  | 'CANCELLING'
  /** Each engagement has its final outcome. With `dryRun`, each is listed. */
  | 'COMPLETED'
  /** The server is deleting the engagements, within the rate limits of their integrated account. */
  | 'DELETING'
  /** It cannot continue. `statusReason` has the reason. Most often, listing failed and nothing was deleted. */
  | 'FAILED'
  /** The server is listing the engagements that match the filter. Nothing is deleted yet. */
  | 'LISTING'
  /** It sends nothing until `resumeBulkDelete`. `statusReason` has the reason if the server paused it. */
  | 'PAUSED';

/** The fields of a new engagement: at least one. Providers support different fields; Truto's "Create Engagement" page shows which. Together at most 256 KiB. */
export type CreateEngagementInput = {
  /** The company (CRM account) it is with; not the integrated account. */
  account?: RecordReferenceInput | null | undefined;
  /** The people it is with. */
  contacts?: Array<RecordReferenceInput> | null | undefined;
  /** The text, such as the body of an email. */
  content?: string | null | undefined;
  /** Custom fields of the CRM, by name. */
  customFields?: Record<string, unknown> | null | undefined;
  /** Who started a call: `inbound`, `outbound` or, for some integrations, `missed`. With another type than `CALL` it is refused. */
  direction?: string | null | undefined;
  /** How long it takes or took, in the provider's own unit and format. */
  duration?: string | null | undefined;
  /** When it ends or ended, like `startTime`, and not before it. */
  endTime?: string | null | undefined;
  /** The type. Truto documents `CALL` and `MEETING`; others are sent with a warning. Copper and OnePageCRM require one of the two. */
  engagementType?: EngagementType | null | undefined;
  /** Notes for the team only. */
  internalNotes?: string | null | undefined;
  /** The leads it is about. */
  leads?: Array<RecordReferenceInput> | null | undefined;
  /** The deals it is about. */
  opportunities?: Array<RecordReferenceInput> | null | undefined;
  /** The user it belongs to. */
  owner?: RecordReferenceInput | null | undefined;
  /** The phone numbers involved. */
  phoneNumbers?: Array<PhoneNumberInput> | null | undefined;
  /** The project it is about. */
  project?: RecordReferenceInput | null | undefined;
  /** The type by the provider's own name, such as `task`, if `EngagementType` does not have it. Sent unchanged. Not together with `engagementType`. It is in the body only. */
  rawEngagementType?: string | null | undefined;
  /** Further data for the provider's own API, passed on unchanged. */
  remoteData?: Record<string, unknown> | null | undefined;
  /** When it starts or started: a date-time with an offset, such as `2026-01-31T09:00:00Z`. Another form is sent with a warning. */
  startTime?: string | null | undefined;
  /** The status, as the provider names it, such as `completed`. */
  status?: string | null | undefined;
  /** The subject line or title. */
  subject?: string | null | undefined;
};

/** How a successful create ended. */
export type CreateOutcome =
  /** Truto returned the new engagement. */
  | 'CREATED'
  /** No answer proved the create, but a search found exactly one engagement that was created since, with all values that were sent. */
  | 'FOUND';

/** A range of time. Either end may be open. */
export type DateTimeRange = {
  /** After this moment. */
  gt?: string | null | undefined;
  /** Before this moment. */
  lt?: string | null | undefined;
};

/** One engagement to delete. */
export type DeleteEngagementItem = {
  /** The type of the engagement. Affinity, Close, Keap, OnePageCRM, Pipeliner and Zoho CRM require it. */
  engagementType?: EngagementType | null | undefined;
  /** Truto's id of the engagement, as for `deleteEngagement`. */
  id: string | number;
  /** More query parameters, for the integrations that list them. */
  parameters?: DeleteEngagementParameters | null | undefined;
  /** The type by the provider's own name, such as `task`, if `EngagementType` does not have it. Sent unchanged. Not together with `engagementType`. */
  rawEngagementType?: string | null | undefined;
};

/** More query parameters of Truto's delete. `Query.integrations` shows which integration lists which. */
export type DeleteEngagementParameters = {
  /** The company (CRM account) of the engagement. Listed by Planhat. */
  account?: RecordReferenceInput | null | undefined;
  /** The contacts of the engagement. Listed by Planhat. */
  contacts?: Array<RecordReferenceInput> | null | undefined;
  /** For emails only. With another `engagementType` it is refused; without one it is sent, with a warning. Listed by Planhat. */
  content?: string | null | undefined;
  /** When the engagement was created. Listed by Planhat. */
  createdAt?: string | null | undefined;
  /** For emails only. With another `engagementType` it is refused; without one it is sent, with a warning. Truto documents it, but no integration lists it. */
  direction?: string | null | undefined;
  /** Listed by Pipeliner. */
  sortBy?: EngagementSort | null | undefined;
  /** The engagement's status. Listed by Planhat. */
  status?: string | null | undefined;
  /** For emails only. With another `engagementType` it is refused; without one it is sent, with a warning. Listed by Planhat. */
  subject?: string | null | undefined;
  /** When the engagement was last updated. Truto documents it, but no integration lists it. */
  updatedAt?: string | null | undefined;
};

/** How a successful delete ended. */
export type DeleteOutcome =
  /** The provider accepted the delete and will execute it later (HTTP 202). */
  | 'ACCEPTED'
  /** A repeated attempt found it gone. An earlier attempt of the same delete probably deleted it; or it never existed: read `warnings`. */
  | 'ALREADY_ABSENT'
  /** Truto confirmed that the engagement is deleted, by its answer or by its event `record:deleted`. */
  | 'DELETED';

/** Which engagements to list: those that match all conditions. Providers support different conditions; Truto's "List Engagements" page shows which. */
export type EngagementFilter = {
  /** Only engagements with the company (CRM account) with this id. */
  account?: string | number | null | undefined;
  /** Only engagements with the contact with this id. */
  contact?: string | number | null | undefined;
  /** Only engagements with this content. The provider decides what matches. */
  content?: string | null | undefined;
  /** Only engagements created in this range. */
  createdAt?: DateTimeRange | null | undefined;
  /** Only engagements that end in this range of at most one year. */
  endTime?: DateTimeRange | null | undefined;
  /** Only engagements of this type. Some integrations require it. */
  engagementType?: EngagementType | null | undefined;
  /** Only engagements about the lead with this id. */
  lead?: string | number | null | undefined;
  /** Only engagements about the opportunity with this id. */
  opportunity?: string | number | null | undefined;
  /** Only engagements that belong to the user with this id. */
  owner?: string | number | null | undefined;
  /** Only engagements that start in this range of at most one year. */
  startTime?: DateTimeRange | null | undefined;
  /** Only engagements with this status, as the provider names it. */
  status?: string | null | undefined;
  /** Only engagements with this subject. The provider decides what matches. */
  subject?: string | null | undefined;
  /** Only engagements last updated in this range. */
  updatedAt?: DateTimeRange | null | undefined;
};

/** The field by which Truto sorts engagements. */
export type EngagementSort =
  /** When the engagement was created. */
  | 'CREATED_AT'
  /** When the engagement was last updated. */
  | 'UPDATED_AT';

/** A call, chat, email, meeting or note. */
export type EngagementType =
  /** A phone call. */
  | 'CALL'
  /** A chat conversation. */
  | 'CHAT'
  /** An email message. */
  | 'EMAIL'
  /** A meeting or appointment. */
  | 'MEETING'
  /** A written note. */
  | 'NOTE';

/** Whether an issue stops the delete or create. */
export type IssueSeverity =
  /** The delete or create is not sent. */
  | 'REFUSAL'
  /** The delete or create is sent. If the issue is about the arguments, the success repeats it in `warnings`. */
  | 'WARNING';

/** A phone number of a new engagement. */
export type PhoneNumberInput = {
  /** The extension to dial after the number. */
  extension?: string | null | undefined;
  /** The number. It must have a digit. */
  number: string;
  /** The type, as the provider names it, such as `mobile`. */
  type?: string | null | undefined;
};

/** A reference to a record in the CRM, by id. */
export type RecordReferenceInput = {
  /** Truto's id of the record. */
  id: string | number;
};

/** Which engagements to delete in the background: by `ids`, all that match a `filter`, or those of a dry run by its `confirmationToken`. Give one of the three. */
export type StartBulkDeleteInput = {
  /** The `confirmationToken` of your dry run: deletes exactly the engagements that it listed, with its `snapshot`, once. Omit the other fields. Sent again, it returns the bulk delete that it started. Some servers start none without it. */
  confirmationToken?: string | null | undefined;
  /** Lists and counts the engagements, and deletes nothing. If the account must be connected again, this is an error; without `dryRun`, the bulk delete pauses instead. */
  dryRun?: boolean;
  /** The type of all `ids`. Affinity, Close, Keap, OnePageCRM, Pipeliner and Zoho CRM require it. Not with a `filter`: there, each record has its type, or else `filter.engagementType` applies. */
  engagementType?: EngagementType | null | undefined;
  /** Deletes every engagement that matches all conditions when it is listed. At least one condition is required. A range that is open at both ends, or an empty text, is none. */
  filter?: EngagementFilter | null | undefined;
  /** Truto's ids of the engagements, at most 5000. Duplicates count once. */
  ids?: Array<string | number> | null | undefined;
  /** Truto's id of the integrated account that the engagements are in. Required without `confirmationToken`. */
  integratedAccountId?: string | number | null | undefined;
  /** Stores each engagement, with its notes and the provider's own data, in an undo file before the delete. An engagement that cannot be stored is not deleted. */
  snapshot?: boolean;
};

export type RuleMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type RuleMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess' }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string, issues: Array<{ path: Array<string>, message: string, allowedValues: Array<string> }> }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type CreateMutationVariables = Exact<{
  integratedAccountId: string | number;
  input: CreateEngagementInput;
}>;


export type CreateMutation = { createEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'CreateEngagementPlan' }
    | { __typename: 'CreateEngagementSuccess', createdEngagementId: string, outcome: CreateOutcome, warnings: Array<string>, engagement: { id: string, subject: string | null, createdAt: string | null } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string, issues: Array<{ path: Array<string>, message: string, allowedValues: Array<string> }> }
    | { __typename: 'OutcomeUnknownError', lastStatusCode: number | null, message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type RawMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type RawMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess', deletedEngagementId: string, raw: unknown, rateLimit: { limit: number | null, windowMs: number | null, remaining: number | null, resetMs: number | null } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', statusCode: number, rawResponse: unknown, message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type StreamMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type StreamMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess', deletedEngagementId: string, stream: { contentType: string | null, contentLength: number | null, chunks: Array<string> } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type DeleteMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
  engagementType?: EngagementType | null | undefined;
}>;


export type DeleteMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess', deletedEngagementId: string, outcome: DeleteOutcome, warnings: Array<string>, engagement: { id: string, engagementType: EngagementType | null, subject: string | null, contacts: Array<{ id: string }> | null } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string, issues: Array<{ path: Array<string>, message: string, allowedValues: Array<string> }> }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', retrySafe: boolean, message: string }
    | { __typename: 'RateLimitedError', retryAfterMs: number | null, message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type ManyMutationVariables = Exact<{
  items: Array<DeleteEngagementItem> | DeleteEngagementItem;
  integratedAccountId: string | number;
}>;


export type ManyMutation = { deleteEngagements: { results: Array<
      | { __typename: 'AccountBlockedError', engagementId: string | null, message: string }
      | { __typename: 'AccountNeedsReauthError', engagementId: string | null, message: string }
      | { __typename: 'DeleteEngagementPlan' }
      | { __typename: 'DeleteEngagementSuccess', deletedEngagementId: string, outcome: DeleteOutcome, warnings: Array<string> }
      | { __typename: 'ForbiddenError', engagementId: string | null, message: string }
      | { __typename: 'IntegratedAccountNotFoundError', engagementId: string | null, message: string }
      | { __typename: 'InvalidInputError', engagementId: string | null, message: string }
      | { __typename: 'NotFoundError', engagementId: string | null, message: string }
      | { __typename: 'OutcomeUnknownError', engagementId: string | null, message: string }
      | { __typename: 'RateLimitedError', engagementId: string | null, message: string }
      | { __typename: 'RemoteApiError', engagementId: string | null, message: string }
      | { __typename: 'UnsupportedIntegrationError', engagementId: string | null, message: string }
      | { __typename: 'UpstreamUnavailableError', engagementId: string | null, message: string }
     | null> } | null };

export type SnapshotMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type SnapshotMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess', deletedEngagementId: string, outcome: DeleteOutcome, warnings: Array<string>, engagement: { id: string, engagementType: EngagementType | null, subject: string | null, content: string | null, startTime: string | null, owner: { id: string, name: string | null } | null, notes: Array<{ id: string, content: string | null }> | null } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', retrySafe: boolean, message: string, engagement: { id: string, engagementType: EngagementType | null, subject: string | null, content: string | null, startTime: string | null, owner: { id: string, name: string | null } | null, notes: Array<{ id: string, content: string | null }> | null } | null }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type RecordFragment = { id: string, engagementType: EngagementType | null, subject: string | null, content: string | null, startTime: string | null, owner: { id: string, name: string | null } | null, notes: Array<{ id: string, content: string | null }> | null };

export type DryRunMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
  engagementType?: EngagementType | null | undefined;
}>;


export type DryRunMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan', wouldBeSent: boolean, method: string, url: string, excludedFields: Array<string>, headers: Array<{ name: string, value: string }>, findings: Array<{ severity: IssueSeverity, path: Array<string>, message: string, allowedValues: Array<string> }>, integration: { name: string } | null }
    | { __typename: 'DeleteEngagementSuccess', engagement: { id: string, subject: string | null, owner: { id: string } | null } | null }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type FaultMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type FaultMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess' }
    | { __typename: 'ForbiddenError', missingScopes: Array<string>, message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', message: string }
    | { __typename: 'RateLimitedError', retryAfterMs: number | null, message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export type ProgressSubscriptionVariables = Exact<{
  id: string | number;
}>;


export type ProgressSubscription = { bulkDeleteProgress: { state: BulkDeleteState, total: number, ratePerSecond: number | null, outcomes: { deleted: number, accepted: number, notFound: number, failed: number, unknown: number, remaining: number } } | null };

export type IntegrationsQueryVariables = Exact<{ [key: string]: never; }>;


export type IntegrationsQuery = { integrations: Array<{ name: string, requiresEngagementType: boolean, engagementTypes: Array<EngagementType>, parameters: Array<string> }> };

export type ListQueryVariables = Exact<{
  integratedAccountId: string | number;
  after?: string | null | undefined;
}>;


export type ListQuery = { engagements: { nodes: Array<{ id: string, subject: string | null, status: string | null, createdAt: string | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null };

export type PeopleQueryVariables = Exact<{
  integratedAccountId: string | number;
  filter?: EngagementFilter | null | undefined;
}>;


export type PeopleQuery = { engagements: { nodes: Array<{ id: string, subject: string | null, owner: { id: string, name: string | null, email: string | null } | null, contacts: Array<{ id: string, name: string | null, emailAddresses: Array<{ email: string | null }> | null }> | null }> } | null };

export type BulkMutationVariables = Exact<{
  input: StartBulkDeleteInput;
}>;


export type BulkMutation = { startBulkDelete: { id: string, state: BulkDeleteState, total: number } | null };

export type UnknownMutationVariables = Exact<{
  id: string | number;
  integratedAccountId: string | number;
}>;


export type UnknownMutation = { deleteEngagement:
    | { __typename: 'AccountBlockedError', message: string }
    | { __typename: 'AccountNeedsReauthError', message: string }
    | { __typename: 'DeleteEngagementPlan' }
    | { __typename: 'DeleteEngagementSuccess' }
    | { __typename: 'ForbiddenError', message: string }
    | { __typename: 'IntegratedAccountNotFoundError', message: string }
    | { __typename: 'InvalidInputError', message: string }
    | { __typename: 'NotFoundError', message: string }
    | { __typename: 'OutcomeUnknownError', retrySafe: boolean, lastStatusCode: number | null, message: string }
    | { __typename: 'RateLimitedError', message: string }
    | { __typename: 'RemoteApiError', message: string }
    | { __typename: 'UnsupportedIntegrationError', message: string }
    | { __typename: 'UpstreamUnavailableError', message: string }
   | null };

export const RecordFragmentDoc = {"kind":"Document","definitions":[{"kind":"FragmentDefinition","name":{"kind":"Name","value":"Record"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Engagement"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"engagementType"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"content"}},{"kind":"Field","name":{"kind":"Name","value":"startTime"}},{"kind":"Field","name":{"kind":"Name","value":"owner"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"notes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"content"}}]}}]}}]} as unknown as DocumentNode<RecordFragment, unknown>;
export const RuleDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Rule"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"InvalidInputError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"issues"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"path"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"allowedValues"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<RuleMutation, RuleMutationVariables>;
export const CreateDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Create"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"CreateEngagementInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"CreateEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createdEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"engagement"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"warnings"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"InvalidInputError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"issues"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"path"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"allowedValues"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"OutcomeUnknownError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"lastStatusCode"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<CreateMutation, CreateMutationVariables>;
export const RawDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Raw"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"format"},"value":{"kind":"EnumValue","value":"RAW"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deletedEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"raw"}},{"kind":"Field","name":{"kind":"Name","value":"rateLimit"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"limit"}},{"kind":"Field","name":{"kind":"Name","value":"windowMs"}},{"kind":"Field","name":{"kind":"Name","value":"remaining"}},{"kind":"Field","name":{"kind":"Name","value":"resetMs"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"RemoteApiError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"rawResponse"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<RawMutation, RawMutationVariables>;
export const StreamDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Stream"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"format"},"value":{"kind":"EnumValue","value":"STREAM"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deletedEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"stream"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"contentLength"}},{"kind":"Field","name":{"kind":"Name","value":"chunks"},"directives":[{"kind":"Directive","name":{"kind":"Name","value":"stream"}}]}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<StreamMutation, StreamMutationVariables>;
export const DeleteDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Delete"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"engagementType"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"EngagementType"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"engagementType"},"value":{"kind":"Variable","name":{"kind":"Name","value":"engagementType"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deletedEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"engagement"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"engagementType"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"contacts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"warnings"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"InvalidInputError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"issues"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"path"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"allowedValues"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"RateLimitedError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retryAfterMs"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"OutcomeUnknownError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retrySafe"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<DeleteMutation, DeleteMutationVariables>;
export const ManyDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Many"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"items"}},"type":{"kind":"NonNullType","type":{"kind":"ListType","type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementItem"}}}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagements"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"items"},"value":{"kind":"Variable","name":{"kind":"Name","value":"items"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"results"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deletedEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"warnings"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"engagementId"}},{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]}}]} as unknown as DocumentNode<ManyMutation, ManyMutationVariables>;
export const SnapshotDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Snapshot"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"snapshot"},"value":{"kind":"BooleanValue","value":true}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deletedEngagementId"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"engagement"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"Record"}}]}},{"kind":"Field","name":{"kind":"Name","value":"warnings"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"OutcomeUnknownError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retrySafe"}},{"kind":"Field","name":{"kind":"Name","value":"engagement"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"Record"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"Record"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Engagement"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"engagementType"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"content"}},{"kind":"Field","name":{"kind":"Name","value":"startTime"}},{"kind":"Field","name":{"kind":"Name","value":"owner"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"notes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"content"}}]}}]}}]} as unknown as DocumentNode<SnapshotMutation, SnapshotMutationVariables>;
export const DryRunDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"DryRun"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"engagementType"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"EngagementType"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"engagementType"},"value":{"kind":"Variable","name":{"kind":"Name","value":"engagementType"}}},{"kind":"Argument","name":{"kind":"Name","value":"dryRun"},"value":{"kind":"BooleanValue","value":true}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementPlan"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"wouldBeSent"}},{"kind":"Field","name":{"kind":"Name","value":"method"}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}},{"kind":"Field","name":{"kind":"Name","value":"excludedFields"}},{"kind":"Field","name":{"kind":"Name","value":"findings"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"severity"}},{"kind":"Field","name":{"kind":"Name","value":"path"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"allowedValues"}}]}},{"kind":"Field","name":{"kind":"Name","value":"integration"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeleteEngagementSuccess"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"engagement"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"owner"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<DryRunMutation, DryRunMutationVariables>;
export const FaultDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Fault"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"ForbiddenError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"missingScopes"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"RateLimitedError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retryAfterMs"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<FaultMutation, FaultMutationVariables>;
export const ProgressDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"subscription","name":{"kind":"Name","value":"Progress"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"bulkDeleteProgress"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"total"}},{"kind":"Field","name":{"kind":"Name","value":"ratePerSecond"}},{"kind":"Field","name":{"kind":"Name","value":"outcomes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleted"}},{"kind":"Field","name":{"kind":"Name","value":"accepted"}},{"kind":"Field","name":{"kind":"Name","value":"notFound"}},{"kind":"Field","name":{"kind":"Name","value":"failed"}},{"kind":"Field","name":{"kind":"Name","value":"unknown"}},{"kind":"Field","name":{"kind":"Name","value":"remaining"}}]}}]}}]}}]} as unknown as DocumentNode<ProgressSubscription, ProgressSubscriptionVariables>;
export const IntegrationsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Integrations"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"integrations"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"requiresEngagementType"}},{"kind":"Field","name":{"kind":"Name","value":"engagementTypes"}},{"kind":"Field","name":{"kind":"Name","value":"parameters"}}]}}]}}]} as unknown as DocumentNode<IntegrationsQuery, IntegrationsQueryVariables>;
export const ListDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"List"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"engagements"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"5"}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}},{"kind":"Argument","name":{"kind":"Name","value":"engagementType"},"value":{"kind":"EnumValue","value":"CALL"}},{"kind":"Argument","name":{"kind":"Name","value":"sortBy"},"value":{"kind":"EnumValue","value":"CREATED_AT"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]} as unknown as DocumentNode<ListQuery, ListQueryVariables>;
export const PeopleDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"People"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"EngagementFilter"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"engagements"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"10"}},{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"subject"}},{"kind":"Field","name":{"kind":"Name","value":"owner"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"email"}}]}},{"kind":"Field","name":{"kind":"Name","value":"contacts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"emailAddresses"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"email"}}]}}]}}]}}]}}]}}]} as unknown as DocumentNode<PeopleQuery, PeopleQueryVariables>;
export const BulkDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Bulk"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"StartBulkDeleteInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"startBulkDelete"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"total"}}]}}]}}]} as unknown as DocumentNode<BulkMutation, BulkMutationVariables>;
export const UnknownDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Unknown"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteEngagement"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"integratedAccountId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"integratedAccountId"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"OutcomeUnknownError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retrySafe"}},{"kind":"Field","name":{"kind":"Name","value":"lastStatusCode"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Error"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]}}]} as unknown as DocumentNode<UnknownMutation, UnknownMutationVariables>;