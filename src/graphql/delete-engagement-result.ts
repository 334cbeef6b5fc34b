import type { Finding } from '../engagement/finding.ts';
import type { RateLimit as RateLimitHeaders } from '../engagement/rate-limit.ts';
import type * as Result from '../engagement/result.ts';
import { builder } from './builder.ts';
import { resolveChunks } from './chunk-delivery.ts';
import { Engagement } from './engagement.ts';
import { DeleteOutcome } from './enums.ts';
import * as errors from './errors.ts';
import { Integration } from './integration.ts';

const RateLimit = builder.objectRef<RateLimitHeaders>('RateLimit').implement({
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
      resolve: async ({ body }, _args, { maxUpstreamBytes, chunkDeliveries }, info) => [
        ...(await resolveChunks(body, maxUpstreamBytes, chunkDeliveries, info)),
      ],
    }),
  }),
});

const DeleteEngagementSuccess = builder.objectRef<Result.DeleteEngagementSuccess>('DeleteEngagementSuccess').implement({
  description: 'The engagement is deleted, or will be.',
  fields: (t) => ({
    deletedEngagementId: t.exposeID('deletedEngagementId', {
      nullable: false,
      description: 'The id that was asked for: evict it from caches.',
    }),
    outcome: t.expose('outcome', { type: DeleteOutcome, nullable: false, description: 'What became of it.' }),
    engagement: t.expose('engagement', {
      type: Engagement,
      nullable: true,
      description:
        'With format UNIFIED or NORMALIZED, what the answer says of the engagement: often no more than its id.',
    }),
    raw: t.expose('raw', {
      type: 'JSON',
      nullable: true,
      description: "With format RAW, the provider's body: JSON, or a string when it is not JSON.",
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
        'What did not keep the delete from succeeding, yet somebody should know: a parameter the integration does not list, an answer that could not be read.',
    }),
  }),
});

const RequestHeader = builder.objectRef<{ name: string; value: string }>('RequestHeader').implement({
  description: 'A header of the request that would be sent.',
  fields: (t) => ({
    name: t.exposeString('name', { nullable: false, description: 'Its name in lower case.' }),
    value: t.exposeString('value', { nullable: false, description: 'Its value; credentials show as `[redacted]`.' }),
  }),
});

const FindingSeverity = builder.enumType('FindingSeverity', {
  description: 'Whether a finding keeps the delete from being sent.',
  values: {
    REFUSAL: { value: 'REFUSAL', description: 'The delete would be refused.' },
    WARNING: {
      value: 'WARNING',
      description: 'The delete would be sent, and the success would repeat this as a warning.',
    },
  } as const,
});

const RuleFinding = builder.objectRef<Finding>('RuleFinding').implement({
  description: 'What a rule has to say about the arguments.',
  fields: (t) => ({
    severity: t.expose('severity', {
      type: FindingSeverity,
      nullable: false,
      description: 'Whether it keeps the delete from being sent.',
    }),
    path: t.exposeStringList('path', { nullable: false, description: 'Where in the arguments, from the outside in.' }),
    message: t.exposeString('message', { nullable: false, description: 'What the rule says.' }),
    allowedValues: t.exposeStringList('allowedValues', {
      nullable: false,
      description: 'Every value that would be taken; empty when they cannot be counted.',
    }),
  }),
});

/** Credentials are the only headers whose value a plan must not show. */
function shownHeaders({ request }: Result.DeleteEngagementPlan): { name: string; value: string }[] {
  return Object.entries(request.headers).map(([name, value]) => ({
    name,
    value: name === 'authorization' ? '[redacted]' : value,
  }));
}

const DeleteEngagementPlan = builder.objectRef<Result.DeleteEngagementPlan>('DeleteEngagementPlan').implement({
  description:
    'What `dryRun` answers: the request that would be sent. Nothing was sent but the look-up of the account.',
  fields: (t) => ({
    wouldBeSent: t.boolean({
      nullable: false,
      description: 'False when a finding would refuse the delete.',
      resolve: ({ findings }) => findings.every(({ severity }) => severity !== 'REFUSAL'),
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
    findings: t.expose('findings', {
      type: [RuleFinding],
      nullable: false,
      description: 'What the rules have to say.',
    }),
    integration: t.expose('integration', {
      type: Integration,
      nullable: true,
      description: 'The integration of the account, when it is known.',
    }),
  }),
});

export const DeleteEngagementResult = builder.unionType('DeleteEngagementResult', {
  description:
    'What became of one delete. Every member but `OutcomeUnknownError` says for sure whether the engagement was deleted.',
  types: [
    DeleteEngagementSuccess,
    DeleteEngagementPlan,
    errors.InvalidInputError,
    errors.UnsupportedIntegrationError,
    errors.NotFoundError,
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
