import type * as Result from '../../engagement/result.ts';
import { type Finding, hasRefusal, type RateLimit } from '../../engagement/result.ts';
import { builder, enumOf, objectType } from '../core/builder.ts';
import { resolveChunks } from '../core/chunk-delivery.ts';
import { errorTypes } from './errors.ts';
import { Engagement } from './records.ts';
import './integration.ts';

enumOf<Finding['severity']>('IssueSeverity', 'Whether an issue keeps the delete from being sent.', {
  REFUSAL: 'The delete is not sent.',
  WARNING: 'The delete is sent all the same. When it is about the arguments, the success repeats it as a warning.',
});

objectType<Finding>('InputIssue', {
  shareable: true,
  description: 'What a rule has to say about the arguments, or a dry run about the account or the engagement.',
  shows: {
    severity: ['IssueSeverity!', 'Whether it keeps the delete from being sent.'],
    path: [
      '[String!]!',
      'Where in the arguments, from the outside in, such as `["parameters", "sortBy"]`; `["Authorization"]` for the token.',
    ],
    message: ['String!', 'What is wrong with it and what is allowed.'],
    allowedValues: ['[String!]!', 'Every value that would be taken; empty when they cannot be counted.'],
    result: [
      'String',
      'Of a dry run: what the delete would come to, as the `__typename` of its result or the code of the error in its place, such as `UNAUTHENTICATED`. Null for what is about the arguments.',
    ],
  },
});

objectType<RateLimit>('RateLimit', {
  shareable: true,
  description: "The provider's rate limit, as it came with the answer. Null fields: the provider does not say.",
  shows: {
    limit: ['Int', 'Requests allowed in one window.'],
    windowMs: ['Int', "The window's length in milliseconds."],
    remaining: ['Int', 'Requests left in this window.'],
    resetMs: ['Int', 'Milliseconds until the window ends.'],
  },
});

objectType<Result.DeleteStream>('DeleteStream', {
  description: "The provider's own body, as it arrives.",
  shows: {
    contentType: ['String', 'Its media type, when the provider gave one.'],
    // A stream may be longer than 2 GiB, where GraphQL's Int ends.
    contentLength: ['Float', 'Its length in bytes, when known before it ends.'],
  },
  fields: (t) => ({
    chunks: t.field({
      type: ['Base64'],
      nullable: false,
      description:
        'Its bytes in order, each chunk base64 by itself. With `@stream`, and an Accept header that takes `multipart/mixed` or `text/event-stream`, chunks are sent on as they arrive; otherwise the list is complete, up to MAX_UPSTREAM_BYTES.',
      resolve: ({ body }, _args, { maxUpstreamBytes, deadlineAt, chunkDeliveries }, info) =>
        resolveChunks(body, { maxBytes: maxUpstreamBytes, deadlineAt }, chunkDeliveries, info),
    }),
  }),
});

const DeleteEngagementSuccess = objectType<Result.DeleteEngagementSuccess>('DeleteEngagementSuccess', {
  description: 'The engagement is deleted, or will be.',
  shows: {
    deletedEngagementId: ['ID!', 'The id that was asked for. Caches know a record by its `deletedNodeId`.'],
    deletedNodeId: [
      'ID!',
      'The `nodeId` that the engagement had: evict it from caches. It includes the `engagementType` that you gave, where the integration requires one or is unknown.',
    ],
    outcome: ['DeleteOutcome!', 'What became of it.'],
  },
  fields: (t, show) => ({
    // The record is this result's own. A copy of it would cost as much as reading it.
    engagement: t.field({
      type: Engagement,
      description:
        'With format UNIFIED or NORMALIZED, what the answer says of the engagement: often no more than its id.',
      resolve: ({ engagement, deletedNodeId }) => engagement && Object.assign(engagement, { nodeId: deletedNodeId }),
    }),
    ...show({
      raw: [
        'JSON',
        "With format RAW, the provider's body: JSON, or a string when it is not JSON. Null, with an error or a warning, when the answer has no room for it.",
      ],
      stream: ['DeleteStream', "With format STREAM, the provider's body as it arrives."],
      integration: ['Integration', 'The integration of the account, when it is known.'],
      rateLimit: ['RateLimit', "The provider's rate limit, when it gave one."],
      warnings: [
        '[String!]!',
        'What did not stop the delete, but deserves attention: a parameter that the integration does not list, an odd value in the answer, errors beside a deleted record, fields that only a snapshot would fill.',
      ],
    }),
  }),
});

interface Header {
  readonly name: string;
  readonly value: string;
}

const RequestHeader = objectType<Header>('RequestHeader', {
  description: 'A header of the request that would be sent.',
  shows: {
    name: ['String!', 'Its name in lower case.'],
    value: ['String!', 'Its value; credentials show as `[redacted]`.'],
  },
});

/** Credentials are the only headers whose value a plan must not show. */
function shownHeaders({ request }: Result.DeleteEngagementPlan): Header[] {
  return Object.entries(request.headers).map(([name, value]) => ({
    name,
    value: name === 'authorization' ? '[redacted]' : value,
  }));
}

const DeleteEngagementPlan = objectType<Result.DeleteEngagementPlan>('DeleteEngagementPlan', {
  description:
    'What `dryRun` answers: the request that would be sent, and what would keep it from deleting. Nothing was sent but the look-up of the account and, with `snapshot: true`, the read of the engagement.',
  fields: (t, show) => ({
    wouldBeSent: t.boolean({
      nullable: false,
      description:
        'False when a finding says that the delete would be refused, here or upstream: the arguments, the token, the account, or, with `snapshot: true`, an engagement that cannot be read.',
      resolve: ({ findings }) => !hasRefusal(findings),
    }),
    method: t.string({ nullable: false, description: 'The HTTP method.', resolve: ({ request }) => request.method }),
    url: t.string({
      nullable: false,
      description: 'The address with every parameter.',
      resolve: ({ request }, _args, { upstreamUrl }) => upstreamUrl + request.path,
    }),
    headers: t.field({ type: [RequestHeader], nullable: false, description: 'The headers.', resolve: shownHeaders }),
    excludedFields: t.stringList({
      nullable: false,
      description:
        "Upstream's names of the fields it would be told to leave out, since the selection does not name them.",
      resolve: ({ request }) => [...request.excludedFields],
    }),
    ...show({
      findings: [
        '[InputIssue!]!',
        'What the rules, the look-up of the account and the snapshot have to say. With `snapshot: true` and no finding on `id`, the engagement is there.',
      ],
      integration: ['Integration', 'The integration of the account, when it is known.'],
    }),
  }),
});

export const DeleteEngagementResult = builder.unionType('DeleteEngagementResult', {
  description:
    'What became of one delete. Every error but `OutcomeUnknownError` means that this request deleted nothing.',
  types: [DeleteEngagementSuccess, DeleteEngagementPlan, ...errorTypes],
  resolveType: ({ kind }) => kind,
});
