import type * as Result from '../engagement/result.ts';
import type { RateLimit as RateLimitHeaders } from '../engagement/result.ts';
import { builder } from './builder.ts';
import { resolveChunks } from './chunk-delivery.ts';
import { DeleteEngagementPlan } from './delete-engagement-plan.ts';
import { Engagement } from './engagement.ts';
import { DeleteOutcome } from './enums.ts';
import * as errors from './errors.ts';
import { Integration } from './integration.ts';
import { internal } from './subgraph/tags.ts';

const RateLimit = builder.objectRef<RateLimitHeaders>('RateLimit').implement({
  shareable: true,
  description: "The provider's rate limit, as it came with the answer. Null fields: the provider does not say.",
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'Requests allowed in one window.' }),
    windowMs: t.exposeInt('windowMs', { description: "The window's length in milliseconds." }),
    remaining: t.exposeInt('remaining', { description: 'Requests left in this window.' }),
    resetMs: t.exposeInt('resetMs', { description: 'Milliseconds until the window ends.' }),
  }),
});

const DeleteStream = builder.objectRef<Result.DeleteStream>('DeleteStream').implement({
  description: "The provider's own body, as it arrives.",
  fields: (t) => ({
    contentType: t.exposeString('contentType', { description: 'Its media type, when the provider gave one.' }),
    // GraphQL's Int ends at 2 GiB, which a stream may exceed.
    contentLength: t.exposeFloat('contentLength', { description: 'Its length in bytes, when known before it ends.' }),
    chunks: t.field({
      type: ['Base64'],
      nullable: false,
      description:
        'Its bytes in order, each chunk base64 by itself. With `@stream`, and an Accept header that takes `multipart/mixed` or ' +
        '`text/event-stream`, chunks are sent on as they arrive; otherwise the list is complete, up to MAX_UPSTREAM_BYTES.',
      resolve: ({ body }, _args, { maxUpstreamBytes, deadlineAt, chunkDeliveries }, info) =>
        resolveChunks(body, { maxBytes: maxUpstreamBytes, deadlineAt }, chunkDeliveries, info),
    }),
  }),
});

const DeleteEngagementSuccess = builder.objectRef<Result.DeleteEngagementSuccess>('DeleteEngagementSuccess').implement({
  description: 'The engagement is deleted, or will be.',
  fields: (t) => ({
    deletedEngagementId: t.exposeID('deletedEngagementId', {
      nullable: false,
      description: 'The id that was asked for. Caches know a record by its `deletedNodeId`.',
    }),
    deletedNodeId: t.exposeID('deletedNodeId', {
      nullable: false,
      description:
        'The `nodeId` that the engagement had: evict it from caches. It includes the `engagementType` that you gave, where the ' +
        'integration requires one or is unknown.',
    }),
    outcome: t.expose('outcome', { type: DeleteOutcome, nullable: false, description: 'What became of it.' }),
    engagement: t.field({
      type: Engagement,
      description:
        'With format UNIFIED or NORMALIZED, what the answer says of the engagement: often no more than its id.',
      resolve: ({ engagement, deletedNodeId }) => engagement && { ...engagement, nodeId: deletedNodeId },
    }),
    raw: t.expose('raw', {
      type: 'JSON',
      nullable: true,
      tag: internal,
      description:
        "With format RAW, the provider's body: JSON, or a string when it is not JSON. Null, with an error or a warning, when the answer has no room for it.",
    }),
    stream: t.expose('stream', {
      type: DeleteStream,
      nullable: true,
      description: "With format STREAM, the provider's body as it arrives.",
    }),
    integration: t.expose('integration', {
      type: Integration,
      nullable: true,
      description: 'The integration of the account, when it is known.',
    }),
    rateLimit: t.expose('rateLimit', {
      type: RateLimit,
      nullable: true,
      description: "The provider's rate limit, when it gave one.",
    }),
    warnings: t.exposeStringList('warnings', {
      nullable: false,
      description:
        'What did not stop the delete, but deserves attention: a parameter that the integration does not list, an odd value in the answer, errors beside a deleted record, fields that only a snapshot would fill.',
    }),
  }),
});

export const DeleteEngagementResult = builder.unionType('DeleteEngagementResult', {
  description:
    'What became of one delete. Every error but `OutcomeUnknownError` means that this request deleted nothing.',
  types: [
    DeleteEngagementSuccess,
    DeleteEngagementPlan,
    errors.InvalidInputError,
    errors.UnsupportedIntegrationError,
    errors.NotFoundError,
    errors.IntegratedAccountNotFoundError,
    errors.ForbiddenError,
    errors.AccountNeedsReauthError,
    errors.AccountBlockedError,
    errors.RateLimitedError,
    errors.RemoteApiError,
    errors.UpstreamUnavailableError,
    errors.OutcomeUnknownError,
  ],
  resolveType: ({ kind }) => kind,
});
