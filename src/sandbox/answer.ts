import { STATUS_CODES } from 'node:http';
import type { responseFormats } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import type { ProviderAnswer, ProviderFailure } from './providers.ts';

/** The response to one request, complete unless a fault damages it. Without `body` and `text`, nothing follows the headers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`: from a proxy, or a provider that refuses under 2xx. Truto itself never sends one like it. */
  readonly text?: string;
  /** True for `truto_response_format=stream`: sent in pieces, without a Content-Length. */
  readonly isChunked?: boolean;
  /** `continue` sends an unsolicited interim "100 Continue" before it; `cut` resets the connection in the middle of the body, `reset` before. */
  readonly damage?: 'continue' | 'cut' | 'reset';
  readonly delayMs?: number;
}

/** A response with status 200. */
export function success(body: unknown): Answer {
  return { status: 200, body };
}

interface RefusalDetails {
  readonly headers?: Readonly<Record<string, string>>;
  /** `truto_error_insight`, by the documented names. */
  readonly insights?: Readonly<Record<string, { readonly description: string; readonly value?: unknown }>>;
}

/** The `Retry-After` header; none without a number of seconds. */
export function retryAfter(seconds: number | undefined): Pick<RefusalDetails, 'headers'> {
  return seconds === undefined ? {} : { headers: { 'retry-after': String(seconds) } };
}

/** An error of Truto itself: `{statusCode, error, message}`, never `truto_is_remote_error`. Thrown, or its `answer` sent. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly answer: Answer;

  constructor(status: number, message: string, { headers, insights }: RefusalDetails = {}) {
    super(message);
    const error = STATUS_CODES[status] ?? 'Error';
    const body = { statusCode: status, error, message, ...(insights && { truto_error_insight: insights }) };
    this.answer = { status, ...(headers && { headers }), body };
  }
}

/** The refusal of a query parameter that breaks a rule: 400. */
export function invalidParameter(name: string, rule: string): Refusal {
  return new Refusal(400, `Query parameter ${name} ${rule}`);
}

/** The refusal of a request that lacks query parameters or fields of its body: 400, with the insight that names them. */
export function missing(kind: 'query_parameter' | 'body_field', names: readonly string[]): Refusal {
  const words = kind.replace('_', ' ');
  const description = `The request lacks ${words}s that this method requires.`;
  const insights = { [`missing_required_${kind}s`]: { description, value: names } };
  return new Refusal(400, `Missing required ${words}: ${names.join(', ')}`, { insights });
}

/** The form of response that a request asks for. */
export interface AnswerShape {
  readonly format: (typeof responseFormats)[number];
  readonly ignoresRemoteData: boolean;
  /** Names of top-level fields. Unknown names are accepted. Nested paths and `id` are NOT FOUND, and have no effect here. */
  readonly excludedFields: ReadonlySet<string>;
}

/** The unified fields for the client: with `remote_data` unless ignored, without excluded fields, always with `id`. */
export function shapeFields(fields: object, remoteData: unknown, shape: AnswerShape): object {
  const { ignoresRemoteData, excludedFields } = shape;
  const all = { ...fields, ...(remoteData !== undefined && !ignoresRemoteData && { remote_data: remoteData }) };
  if (excludedFields.size === 0) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => name === 'id' || !excludedFields.has(name)));
}

/** True for the two formats with the unified mapping. How they differ is NOT FOUND, so here they do not. */
export function isMapped({ format }: AnswerShape): boolean {
  return format === 'unified' || format === 'normalized';
}

/** The provider's response: unchanged for `raw`, in pieces for `stream`, else what `map` makes of it (a 204 without a value). */
export function formatAnswer(shape: AnswerShape, remote: ProviderAnswer, map: () => object | undefined): Answer {
  if (!isMapped(shape)) return { ...remote, isChunked: shape.format === 'stream' };
  const body = map();
  return body === undefined ? { status: 204 } : success(body);
}

/** The fields of the provider's body in which Truto looks for a message; the documented list is open. Without one, it is empty. */
const messageKeys = ['message', 'msg', 'errorMessage', 'description', 'detail', 'summary', 'error_description'];

function findMessage(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body);
  const found = messageKeys.map((key): unknown => Reflect.get(body, key)).find((value) => typeof value === 'string');
  return String(found ?? '');
}

/** An error of the provider as Truto returns it: flagged as remote, with the provider's own body in `raw_response`. */
export function buildRemoteFailure(account: SandboxAccount, failure: ProviderFailure): Answer {
  const { label } = account.integration;
  const { statusCode, missingScopes, retryAfterSeconds } = failure;
  const raw_response = account.provider.describeFailure?.(failure) ?? failure.message;
  const conditional = (account.rule?.parameters ?? []).filter((name) => name === 'content' || name === 'subject');
  const body = {
    statusCode,
    error: STATUS_CODES[statusCode] ?? 'Error',
    message: findMessage(raw_response),
    truto_is_remote_error: true,
    raw_response,
    truto_error_insight: {
      remote_error: { description: `${label} answered with an error.` },
      ...(statusCode === 429 && { rate_limit_error: { description: `The rate limit of ${label} is used up.` } }),
      ...(missingScopes && {
        forbidden_error: { description: 'The connection lacks permissions.', value: { missing_scopes: missingScopes } },
      }),
      // Added to every error of an integration with such a rule. It is never the cause.
      ...(conditional.length > 0 && {
        conditionally_required_query_parameters: {
          description: 'Some query parameters depend on others.',
          value: Object.fromEntries(conditional.map((name) => [name, { engagement_type: 'email' }])),
        },
      }),
    },
  };
  return { status: statusCode, ...retryAfter(retryAfterSeconds), body };
}

/** The provider's 404: the record never existed, is deleted, or does not have the type in its address. */
export function buildNotFound(account: SandboxAccount): Answer {
  return buildRemoteFailure(account, { statusCode: 404, message: 'Not Found' });
}
