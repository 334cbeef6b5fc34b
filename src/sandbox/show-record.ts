import { STATUS_CODES } from 'node:http';
import type { SandboxAccount } from './accounts.ts';
import { type PlainAnswer, retryAfter } from './answer.ts';
import { describeFailure, type ProviderFailure } from './failure-bodies.ts';
import type { AnswerShape } from './parameters.ts';
import type { ProviderAnswer } from './provider.ts';

/** The unified fields as the client wants them: with `remote_data` unless ignored, without the excluded ones, always with `id`. */
export function shapeFields(fields: object, remoteData: unknown, shape: AnswerShape): object {
  const { ignoresRemoteData, excludedFields } = shape;
  const all = { ...fields, ...(remoteData !== undefined && !ignoresRemoteData && { remote_data: remoteData }) };
  if (excludedFields.size === 0) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => name === 'id' || !excludedFields.has(name)));
}

/** One record that was read, in the format that the client wants. */
export function showOne(fields: object, remoteData: unknown, shape: AnswerShape): PlainAnswer {
  return isMapped(shape)
    ? { kind: 'plain', status: 200, body: shapeFields(fields, remoteData, shape) }
    : passThrough({ status: 200, body: remoteData }, shape);
}

/** The provider's answer untouched: at once for `raw`, in pieces for `stream`. */
export function passThrough(remote: ProviderAnswer, { format }: AnswerShape): PlainAnswer {
  return { kind: 'plain', ...remote, isChunked: format === 'stream' };
}

/** True for the two formats that go through the unified mapping. How they differ is NOT FOUND, so here they do not. */
export function isMapped({ format }: AnswerShape): boolean {
  return format === 'unified' || format === 'normalized';
}

/** The provider's 404: the record never existed, is deleted, or is of another type than its address says. */
export function buildNotFound(account: SandboxAccount): PlainAnswer {
  return buildRemoteFailure(account, { statusCode: 404, message: 'Not Found' });
}

/** An error of the provider as Truto passes it on: flagged remote, with the provider's own body in `raw_response`. */
export function buildRemoteFailure(account: SandboxAccount, failure: ProviderFailure): PlainAnswer {
  const { statusCode } = failure;
  const error = STATUS_CODES[statusCode] ?? 'Error';
  const raw_response = describeFailure(account.integration.label, failure);
  const common = { statusCode, error, message: findMessage(raw_response), truto_is_remote_error: true, raw_response };
  const body = { ...common, truto_error_insight: buildInsights(account, failure) };
  return { kind: 'plain', status: statusCode, ...retryAfter(failure.retryAfterSeconds), body };
}

/** Where Truto looks for a message in the provider's body; the documented list is open. Without one the message is empty. */
const messageKeys = ['message', 'msg', 'errorMessage', 'description', 'detail', 'summary', 'error_description'];

function findMessage(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body);
  const found = messageKeys.map((key): unknown => Reflect.get(body, key)).find((value) => typeof value === 'string');
  return String(found ?? '');
}

function buildInsights({ integration, rule }: SandboxAccount, { statusCode, missingScopes }: ProviderFailure): object {
  const { label } = integration;
  const conditional = (rule?.parameters ?? []).filter((name) => name === 'content' || name === 'subject');
  return {
    remote_error: { description: `${label} answered with an error.` },
    ...(statusCode === 429 && { rate_limit_error: { description: `The rate limit of ${label} is used up.` } }),
    ...(missingScopes && {
      forbidden_error: { description: 'The connection lacks permissions.', value: { missing_scopes: missingScopes } },
    }),
    // Attached wherever such a rule exists, whatever the failure was: it is never the cause.
    ...(conditional.length > 0 && {
      conditionally_required_query_parameters: {
        description: 'Some query parameters depend on others.',
        value: Object.fromEntries(conditional.map((name) => [name, { engagement_type: 'email' }])),
      },
    }),
  };
}
