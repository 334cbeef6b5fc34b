import { STATUS_CODES } from 'node:http';
import type { SandboxAccount } from './accounts.ts';
import type { PlainAnswer } from './answer.ts';
import { describeFailure, type ProviderFailure } from './failure-bodies.ts';
import type { ErrorInsights } from './refusal.ts';

/** A failure at the provider, and what Truto can say about it. */
export interface RemoteFailure extends ProviderFailure {
  /** The permissions the connection lacks; only with a 403. */
  readonly missingScopes?: readonly string[];
}

/** Where Truto looks for a message in the provider's body. Documented with an open end; none found means an empty message. */
const messageKeys = ['message', 'msg', 'errorMessage', 'description', 'detail', 'summary', 'error_description'];

/** An error of the provider as Truto passes it on: flagged remote, with the provider's own body in `raw_response`. */
export function buildRemoteFailure(account: SandboxAccount, failure: RemoteFailure): PlainAnswer {
  const rawResponse = describeFailure(account.integration.label, failure);
  return {
    kind: 'plain',
    status: failure.statusCode,
    ...(failure.retryAfterSeconds !== undefined && { headers: { 'retry-after': String(failure.retryAfterSeconds) } }),
    body: {
      statusCode: failure.statusCode,
      error: STATUS_CODES[failure.statusCode] ?? 'Error',
      message: findMessage(rawResponse),
      truto_is_remote_error: true,
      raw_response: rawResponse,
      truto_error_insight: buildInsights(account, failure),
    },
  };
}

function findMessage(body: unknown): string {
  if (typeof body === 'string') {
    return body;
  }
  const entries = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  const found = messageKeys.flatMap((key) =>
    entries.filter(([name, value]) => name === key && typeof value === 'string'),
  );
  return String(found[0]?.[1] ?? '');
}

function buildInsights(account: SandboxAccount, failure: RemoteFailure): ErrorInsights {
  const conditional = (account.rule?.parameters ?? []).filter((name) => name === 'content' || name === 'subject');
  return {
    remote_error: { description: `${account.integration.label} answered with an error.` },
    ...(failure.statusCode === 429 && {
      rate_limit_error: { description: `The rate limit of ${account.integration.label} is used up.` },
    }),
    ...(failure.missingScopes && {
      forbidden_error: {
        description: 'The connection lacks permissions.',
        value: { missing_scopes: failure.missingScopes },
      },
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
