import { STATUS_CODES } from 'node:http';

/** A complete answer, unless a fault damages it. Without `body`, nothing follows the headers. */
export interface PlainAnswer {
  readonly kind: 'plain';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** True for `truto_response_format=stream`: sent in pieces, without a Content-Length. */
  readonly isChunked?: boolean;
  /** `continue` sends an unsolicited interim "100 Continue" before it; `cut` resets the connection in the middle of the body. */
  readonly damage?: 'continue' | 'cut';
  readonly delayMs?: number;
}

/** Sent as it is: what no Truto sends, but something between, or a provider that refuses under 2xx. */
export type StrangerAnswer = Readonly<{ kind: 'stranger'; statusCode: number; contentType: string; text: string }>;

/** A JSON object with the id and a content of `sizeBytes`, made while it is sent. */
export type HugeAnswer = Readonly<{ kind: 'huge'; id: string; sizeBytes: number; isChunked: boolean }>;

/** What the server does in reply to one request; `reset` resets the connection without an answer. */
export type Answer = PlainAnswer | StrangerAnswer | HugeAnswer | { readonly kind: 'reset' };

/** What an error has besides the three fields of every error. */
export interface RefusalDetails {
  readonly headers?: Readonly<Record<string, string>>;
  /** `truto_error_insight`, by the documented names. */
  readonly insights?: Readonly<Record<string, { readonly description: string; readonly value?: unknown }>>;
}

/** An error of Truto itself: `{statusCode, error, message}`, and never `truto_is_remote_error`. */
export function buildRefusal(status: number, message: string, { headers, insights }: RefusalDetails = {}): PlainAnswer {
  const error = STATUS_CODES[status] ?? 'Error';
  const body = { statusCode: status, error, message, ...(insights && { truto_error_insight: insights }) };
  return { kind: 'plain', status, ...(headers && { headers }), body };
}

/** The header that says when to come back; none without a number of seconds. */
export function retryAfter(seconds: number | undefined): Pick<RefusalDetails, 'headers'> {
  return seconds === undefined ? {} : { headers: { 'retry-after': String(seconds) } };
}

/** Thrown where a request turns out to be refused; the server sends `answer`. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly answer: PlainAnswer;

  constructor(status: number, message: string, details: RefusalDetails = {}) {
    super(message);
    this.answer = buildRefusal(status, message, details);
  }
}

/** The refusal for a query parameter that is not as it must be: 400. */
export function invalidParameter(name: string, rule: string): Refusal {
  return new Refusal(400, `Query parameter ${name} ${rule}`);
}

/** The refusal for a query parameter that the request lacks: 400, with the insight that names it. */
export function missingParameter(name: string): Refusal {
  const description = 'The request lacks query parameters that this method requires.';
  return new Refusal(400, `Missing required query parameter: ${name}`, {
    insights: { missing_required_query_parameters: { description, value: [name] } },
  });
}
