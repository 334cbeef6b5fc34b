import { STATUS_CODES } from 'node:http';
import type { PlainAnswer } from './answer.ts';

/** One entry of `truto_error_insight`; what `value` holds depends on the entry, some have none. */
export interface ErrorInsight {
  readonly description: string;
  readonly value?: unknown;
}

/** `truto_error_insight` by the documented names, e.g. `missing_required_query_parameters`. */
export type ErrorInsights = Readonly<Record<string, ErrorInsight>>;

/** What {@link buildRefusal} may add to the three fields that every error has. */
export interface RefusalDetails {
  readonly headers?: Readonly<Record<string, string>>;
  readonly insights?: ErrorInsights;
}

/** An error of Truto itself: `{statusCode, error, message}`, and never `truto_is_remote_error`. */
export function buildRefusal(statusCode: number, message: string, details: RefusalDetails = {}): PlainAnswer {
  return {
    kind: 'plain',
    status: statusCode,
    ...(details.headers && { headers: details.headers }),
    body: {
      statusCode,
      error: STATUS_CODES[statusCode] ?? 'Error',
      message,
      ...(details.insights && { truto_error_insight: details.insights }),
    },
  };
}

/** Thrown where a request turns out to be refused; the server sends `answer`. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly answer: PlainAnswer;

  constructor(statusCode: number, message: string, details: RefusalDetails = {}) {
    super(message);
    this.answer = buildRefusal(statusCode, message, details);
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
