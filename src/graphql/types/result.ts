import { type Integration as IntegrationRow, integrations } from '../../engagement/integrations.ts';
import type * as Result from '../../engagement/result.ts';
import { errorKinds, errorRow, type Finding, hasRefusal, type RateLimit } from '../../engagement/result.ts';
import { builder, enumOf, fieldOptions, type MakeField, objectType, rootField } from '../core/builder.ts';
import { resolveChunks } from '../core/chunk-delivery.ts';
import './records.ts';

objectType<IntegrationRow>(
  'Integration: What one integration requires and supports when it deletes or creates an engagement.',
)({
  name: "String!: Its name in Truto's documentation.",
  requiresEngagementType: 'Boolean!: True when a delete requires `engagementType`.',
  engagementTypes:
    '[EngagementType!]!: The accepted values of `engagementType`. Empty when the integration does not list the argument.',
  creates: 'Boolean!: True when `createEngagement` works for it.',
  requiresEngagementTypeOnCreate: 'Boolean!: True when a create requires the `engagementType` `CALL` or `MEETING`.',
  softDeletes:
    'Boolean!: True when the provider only marks engagements as deleted, so that they can still be read. A successful read then does not prove that an engagement exists.',
  parameters:
    '[String!]!: The fields of `DeleteEngagementParameters` that it lists. Others are sent too, with a warning.',
});

rootField('query', 'integrations', {
  row: '[Integration!]!: Lists the integrations that can delete engagements, and what each requires. Sends no request to Truto, and needs no token.',
  isOpen: true,
  listSize: { assumedSize: integrations.length },
  resolve: () => integrations,
});

enumOf<Finding['severity']>('IssueSeverity: Whether an issue stops the delete or create.', {
  REFUSAL: 'The delete or create is not sent.',
  WARNING: 'The delete or create is sent. If the issue is about the arguments, the success repeats it in `warnings`.',
});

objectType<Finding>(
  'InputIssue: A problem with the arguments. In a dry run, also with the account or the engagement.',
  { shareable: true },
)({
  severity: 'IssueSeverity!: Whether it stops the delete or create.',
  path: '[String!]!: The path of the argument, such as `["parameters", "sortBy"]`. `["Authorization"]` is the token.',
  message: 'String!: What is wrong, and what is allowed.',
  allowedValues: '[String!]!: All accepted values. Empty when there is no finite list.',
  result:
    'String: In a dry run: the result that the delete or create would have, as a `__typename` or an error code such as `UNAUTHENTICATED`. Null for a problem with the arguments.',
});

objectType<RateLimit>(
  "RateLimit: The provider's rate limit, from the headers of the answer. A field is null when the provider does not send it.",
  { shareable: true },
)({
  limit: 'Int: Requests allowed in one window.',
  windowMs: "Int: The window's length in milliseconds.",
  remaining: 'Int: Requests left in this window.',
  resetMs: 'Int: Milliseconds until the window ends.',
});

objectType<Result.DeleteStream>("DeleteStream: The provider's response body, as it arrives.")((field) => ({
  contentType: 'String: Its media type. Null when the provider sent none.',
  // A stream may be longer than 2 GiB, where GraphQL's Int ends.
  contentLength: 'Float: Its length in bytes. Null when the provider did not send it.',
  chunks: field(
    '[Base64!]!: Its bytes, in order. Each chunk is base64 by itself. With `@stream`, and an `Accept` header that allows `multipart/mixed` or `text/event-stream`, each chunk is sent when it arrives. Without, the list is complete, up to `MAX_UPSTREAM_BYTES`.',
    ({ body }, _args, context, info) => resolveChunks(body, context, info),
    { extensions: { readsOnce: true } },
  ),
}));

const integration = 'Integration: The integration of the integrated account. Null when it is not known.';
const rateLimit = "RateLimit: The provider's rate limit. Null when the provider sent none.";

const DeleteEngagementSuccess = objectType<Result.DeleteEngagementSuccess>(
  'DeleteEngagementSuccess: The engagement is deleted, or will be (`ACCEPTED`).',
)({
  deletedEngagementId: 'ID!: The `id` argument. To evict the record from a cache, use `deletedNodeId`.',
  deletedNodeId:
    'ID!: The `nodeId` of the deleted engagement: evict it from caches. If the integration requires `engagementType` or is unknown, it includes the type that you gave.',
  outcome: 'DeleteOutcome!: How the delete ended.',
  engagement:
    'Engagement: With format `UNIFIED` or `NORMALIZED`, the engagement from the answer. Many CRMs return only the id; `snapshot: true` fills every selected field.',
  raw: "JSON: With format `RAW`, the provider's response body: JSON, or a string when it is not JSON. Null, with an error or a warning, when it is too large for the answer.",
  stream: "DeleteStream: With format `STREAM`, the provider's response body, as it arrives.",
  integration,
  rateLimit,
  warnings:
    '[String!]!: Problems that did not stop the delete. Examples: a parameter that the integration does not list, an invalid value in the answer, or fields that only a snapshot fills.',
});

const CreateEngagementSuccess = objectType<Result.CreateEngagementSuccess>(
  'CreateEngagementSuccess: The engagement is created.',
)({
  createdEngagementId: "ID!: Truto's id of the new engagement.",
  outcome: 'CreateOutcome!: How the create ended.',
  engagement:
    'Engagement: The new engagement, from the answer. Null for a repeated request, once the record is no longer remembered: then read it by its id.',
  integration,
  rateLimit,
  warnings:
    '[String!]!: Problems that did not stop the create. Examples: a type that Truto does not document, or selected fields that the answer lacks.',
});

objectType<{ readonly name: string; readonly value: string }>('RequestHeader: A header of the planned request.')({
  name: 'String!: The name, in lower case.',
  value: 'String!: The value. Credentials are `[redacted]`.',
});

type Plan = Result.DeleteEngagementPlan | Result.CreateEngagementPlan;

/** The fields of every plan. */
function planFields<Source extends Plan>(field: MakeField<Source>) {
  return {
    method: field('String!: The HTTP method.', ({ request }) => request.method),
    url: field(
      'String!: The URL, with all query parameters.',
      ({ request }, _args, { upstreamUrl }) => upstreamUrl + request.path,
    ),
    headers: field('[RequestHeader!]!: The request headers.', ({ request }) =>
      Object.entries(request.headers).map(([name, value]) => ({
        name,
        value: name === 'authorization' ? '[redacted]' : value,
      })),
    ),
    excludedFields: field(
      "[String!]!: The fields that the request excludes, because they are not selected. In Truto's names.",
      ({ request }) => request.excludedFields,
    ),
  };
}

const DeleteEngagementPlan = objectType<Result.DeleteEngagementPlan>(
  'DeleteEngagementPlan: The result of `dryRun`: the planned request, and every reason why it would be refused. Nothing was deleted. The server only looked up the account and, with `snapshot: true`, read the engagement.',
)((field) => ({
  wouldBeSent: field(
    'Boolean!: False when `findings` has a `REFUSAL`: about the arguments, the token, the account or, with `snapshot: true`, the engagement.',
    ({ findings }) => !hasRefusal(findings),
  ),
  ...planFields(field),
  findings:
    '[InputIssue!]!: The findings of the rules, the account look-up and the snapshot. With `snapshot: true` and no finding on `id`, the engagement exists.',
  integration,
  confirmationToken:
    'String: Confirms exactly this delete: the arguments of the dry run without the selection, for you only. Send it to `deleteEngagement`. Null when `wouldBeSent` is false.',
  confirmationExpiresAt: 'DateTime: When the `confirmationToken` expires: after 5 minutes.',
}));

const CreateEngagementPlan = objectType<Result.CreateEngagementPlan>(
  'CreateEngagementPlan: The result of `dryRun`: the planned request, and every reason why it would be refused. Nothing was created. The server only looked up the account.',
)((field) => ({
  wouldBeSent: field(
    'Boolean!: False when `findings` has a `REFUSAL`: about the arguments, the token or the account.',
    ({ findings }) => !hasRefusal(findings),
  ),
  ...planFields(field),
  body: field("JSON!: The request body. In Truto's names.", ({ request }) => JSON.parse(request.body ?? 'null')),
  findings: '[InputIssue!]!: The findings of the rules and the account look-up.',
  integration,
}));

const message = 'String!: What happened and what to do, for people. Programs use `__typename` and the other fields.';
const engagementId = 'ID: The id of the engagement that the error is about, as you gave it. Null for a create.';
const ErrorInterface = builder
  .interfaceRef<Pick<Result.DeleteEngagementError, 'message' | 'engagementId'>>('Error')
  .implement({
    description:
      'An error of a delete or create. Only with `OutcomeUnknownError` may this request have deleted or created the engagement.',
    fields: (t) => ({
      message: t.expose('message', fieldOptions(message) as never),
      engagementId: t.expose('engagementId', fieldOptions(engagementId) as never),
    }),
  });

const errorTypes = errorKinds.map((kind) => {
  const { description, fields } = errorRow(kind);
  const options = { interfaces: [ErrorInterface], shareable: true };
  // The table of errors names properties of each kind, which the compiler cannot follow.
  return objectType<Result.DeleteEngagementError>(`${kind}: ${description}`, options)(fields as never);
});

export const DeleteEngagementResult = builder.unionType('DeleteEngagementResult', {
  description:
    'The result of one delete. Every error except `OutcomeUnknownError` means that this request deleted nothing.',
  types: [DeleteEngagementSuccess, DeleteEngagementPlan, ...errorTypes],
  resolveType: ({ kind }) => kind,
});

/** The result of a create. A 404 is about a record that the engagement refers to, so there is no `NotFoundError`. */
export const CreateEngagementResult = builder.unionType('CreateEngagementResult', {
  description:
    'The result of one create. Every error except `OutcomeUnknownError` means that this request created nothing.',
  types: [
    CreateEngagementSuccess,
    CreateEngagementPlan,
    ...errorTypes.filter((_type, index) => errorKinds[index] !== 'NotFoundError'),
  ],
  resolveType: ({ kind }) => kind,
});
