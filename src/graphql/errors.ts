import type * as Result from '../engagement/result.ts';
import { builder } from './builder.ts';
import { Engagement } from './engagement.ts';
import { InputIssue } from './input-issue.ts';
import { internal } from './subgraph/tags.ts';

const ErrorInterface = builder.interfaceRef<{ message: string }>('Error').implement({
  description: 'Why the engagement is not, or not surely, deleted.',
  fields: (t) => ({
    message: t.exposeString('message', {
      nullable: false,
      description: 'What happened and what to do, for a person to read.',
    }),
  }),
});

/** Another subgraph may have the same error, with the same fields. */
const error = { interfaces: [ErrorInterface], shareable: true };

export const InvalidInputError = builder.objectRef<Result.InvalidInputError>('InvalidInputError').implement({
  description:
    'The arguments break a rule of the integration, or upstream refused them. Nothing was deleted: mend the issues and send it again.',
  ...error,
  fields: (t) => ({
    issues: t.expose('issues', {
      type: [InputIssue],
      nullable: false,
      description: 'Everything that is wrong, as far as it can be told at once.',
    }),
  }),
});

export const UnsupportedIntegrationError = builder
  .objectRef<Result.UnsupportedIntegrationError>('UnsupportedIntegrationError')
  .implement({
    description: "The integrated account's integration cannot delete engagements. Nothing was sent.",
    ...error,
    fields: (t) => ({
      integrationName: t.exposeString('integrationName', {
        nullable: false,
        description: 'The integration of the account.',
      }),
      supportedIntegrations: t.exposeStringList('supportedIntegrations', {
        nullable: false,
        description: 'The integrations that can.',
      }),
    }),
  });

export const NotFoundError = builder.objectRef<Result.NotFoundError>('NotFoundError').implement({
  description:
    'Upstream knows no such engagement in this integrated account: it is gone already, never was, or has another ' +
    '`engagementType`. This request deleted nothing.',
  ...error,
  fields: (t) => ({
    accountFound: t.exposeBoolean('accountFound', {
      nullable: false,
      description:
        'True when the integrated account exists. False when that could not be checked: then the account may be what is missing.',
    }),
  }),
});

export const IntegratedAccountNotFoundError = builder
  .objectRef<Result.IntegratedAccountNotFoundError>('IntegratedAccountNotFoundError')
  .implement({
    description:
      'Truto knows no such integrated account, or the token does not see it. It says nothing of the engagement, and nothing was ' +
      "deleted: check the id, and that the token is one of the account's environment.",
    ...error,
  });

export const ForbiddenError = builder.objectRef<Result.ForbiddenError>('ForbiddenError').implement({
  description:
    'You may not use this integrated account, or its connection to the provider may not delete. Nothing was deleted.',
  ...error,
  fields: (t) => ({
    missingScopes: t.exposeStringList('missingScopes', {
      nullable: false,
      description: "Permissions the account's connection lacks at the provider, when upstream names them.",
    }),
  }),
});

export const AccountNeedsReauthError = builder
  .objectRef<Result.AccountNeedsReauthError>('AccountNeedsReauthError')
  .implement({
    description:
      "The provider no longer accepts the integrated account's credentials: its owner must connect it again. Nothing was deleted.",
    ...error,
  });

export const AccountBlockedError = builder.objectRef<Result.AccountBlockedError>('AccountBlockedError').implement({
  description: 'Truto has blocked the integrated account. Nothing was deleted, and sending it again does not help.',
  ...error,
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'What is known of the block.' }),
  }),
});

export const RateLimitedError = builder.objectRef<Result.RateLimitedError>('RateLimitedError').implement({
  description:
    'The provider or Truto takes no more requests for now, or you have 8 streamed bodies open at this server. Nothing was deleted: send it ' +
    'again later.',
  ...error,
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', {
      description: 'How long to wait, in milliseconds; null when upstream did not say.',
    }),
  }),
});

export const RemoteApiError = builder.objectRef<Result.RemoteApiError>('RemoteApiError').implement({
  description: 'The provider, or Truto, refused in a way that no other type names. Nothing was deleted.',
  ...error,
  fields: (t) => ({
    statusCode: t.exposeInt('statusCode', { nullable: false, description: 'The HTTP status of the refusal.' }),
    rawResponse: t.expose('rawResponse', {
      type: 'JSON',
      nullable: true,
      tag: internal,
      description: "The provider's own body, when it gave one.",
    }),
  }),
});

export const UpstreamUnavailableError = builder
  .objectRef<Result.UpstreamUnavailableError>('UpstreamUnavailableError')
  .implement({
    description:
      'Upstream could not be reached, did not let this server in, or gave no record to keep. Surely nothing was deleted: send it again later.',
    ...error,
  });

export const OutcomeUnknownError = builder.objectRef<Result.OutcomeUnknownError>('OutcomeUnknownError').implement({
  description:
    'The request left and no answer says what became of it: the engagement may or may not be deleted. ' +
    'When `retrySafe`, delete it again: `NotFoundError` then means that it is gone.',
  ...error,
  fields: (t) => ({
    retrySafe: t.exposeBoolean('retrySafe', {
      nullable: false,
      description: 'True when sending the same delete again cannot do any further harm.',
    }),
    idempotencyKey: t.exposeString('idempotencyKey', {
      nullable: false,
      description:
        'The `Idempotency-Key` of the last attempt that this server sent upstream: by it, Truto can find the request. To repeat the delete, send your own again, not this one.',
    }),
    engagement: t.expose('engagement', {
      type: Engagement,
      nullable: true,
      description: 'With `snapshot: true`, the engagement as it was read before: it may be all that is left.',
    }),
    // Not `statusCode`: its type here would differ from RemoteApiError's, and nobody could select both.
    lastStatusCode: t.exposeInt('lastStatusCode', { description: 'The HTTP status, when there was an answer at all.' }),
    rawResponse: t.expose('rawResponse', {
      type: 'JSON',
      nullable: true,
      tag: internal,
      description: "The provider's own body, when there was one.",
    }),
  }),
});
