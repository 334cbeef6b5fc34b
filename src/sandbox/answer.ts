import { STATUS_CODES } from 'node:http';

/** A complete answer. Without `body`, nothing follows the headers. */
export interface PlainAnswer {
  readonly kind: 'plain';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** True for `truto_response_format=stream`: sent in pieces, without a Content-Length. */
  readonly isChunked?: boolean;
}

/** Sent as it is: what no Truto sends, but something between, or a provider that refuses under 2xx. */
export interface StrangerAnswer {
  readonly kind: 'stranger';
  readonly statusCode: number;
  readonly contentType: string;
  readonly text: string;
}

/** What the server does in reply to one request; all but `plain` are faults. */
export type Answer =
  | PlainAnswer
  | StrangerAnswer
  /** A JSON object with the id and a content of `sizeBytes`, made while it is sent. */
  | { readonly kind: 'huge'; readonly id: string; readonly sizeBytes: number; readonly isChunked: boolean }
  /** The connection is reset without an answer. */
  | { readonly kind: 'reset' }
  /** An unsolicited interim "100 Continue", then the answer. */
  | { readonly kind: 'continue'; readonly answer: PlainAnswer }
  /** The status line and a part of the body, then the connection is reset. */
  | { readonly kind: 'cut'; readonly answer: PlainAnswer }
  /** The answer, but only after `delayMs`. */
  | { readonly kind: 'late'; readonly delayMs: number; readonly answer: PlainAnswer };

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

/** The refusal for a query parameter that the request lacks: 400, with the insight that names it. */
export function missingParameter(name: string): Refusal {
  return new Refusal(400, `Missing required query parameter: ${name}`, {
    insights: {
      missing_required_query_parameters: {
        description: 'The request lacks query parameters that this method requires.',
        value: [name],
      },
    },
  });
}
