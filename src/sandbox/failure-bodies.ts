import { STATUS_CODES } from 'node:http';

/** Why a CRM refuses, before it is put into that CRM's own shape. */
export interface ProviderFailure {
  readonly statusCode: number;
  readonly message: string;
  /** Only with a 429. */
  readonly retryAfterSeconds?: number;
  /** The permissions that the connection lacks; only with a 403. */
  readonly missingScopes?: readonly string[];
}

type Describe = (failure: ProviderFailure) => unknown;

/** The values are gRPC's, [inferred]. */
const keapErrors: ReadonlyMap<number, readonly [code: number, status: string]> = new Map([
  [400, [3, 'INVALID_ARGUMENT']],
  [401, [16, 'UNAUTHENTICATED']],
  [403, [7, 'PERMISSION_DENIED']],
  [404, [5, 'NOT_FOUND']],
  [409, [10, 'ABORTED']],
  [429, [8, 'RESOURCE_EXHAUSTED']],
  [500, [13, 'INTERNAL']],
]);

type Texts = Readonly<Record<number, string>>;

/** COMPLEXITY_BUDGET_EXHAUSTED is [vendor], the others [inferred]. */
const mondayCodes: Texts = { 404: 'ResourceNotFoundException', 429: 'COMPLEXITY_BUDGET_EXHAUSTED' };

/** That of 401 is [3rd], the others [inferred]. */
const onePageNames: Texts = { 401: 'authorization_data_not_found', 404: 'resource_not_found' };

/** 401, 403 and INVALID_DATA are [vendor], the others [inferred]. */
const zohoCodes: Texts = {
  401: 'INVALID_TOKEN',
  403: 'NO_PERMISSION',
  404: 'INVALID_DATA',
  422: 'INVALID_DATA',
  429: 'TOO_MANY_REQUESTS',
};

/** By the integration's name; `providers.ts` explains the sources. */
const bodies: Readonly<Record<string, Describe>> = {
  // 429 [vendor]; the other bodies: NOT FOUND.
  Capsule: ({ statusCode, message }) => (statusCode === 429 ? { error: 'rate limit reached' } : message),
  // The body of a 429 says when to come back [vendor]; the rest of it, and the other bodies: NOT FOUND.
  Close: ({ statusCode, message, retryAfterSeconds }) =>
    statusCode === 429 ? { message, rate_reset: retryAfterSeconds } : message,
  // 400, 401 and 422, which has a list of messages, are [vendor]; the others alike [inferred].
  Highlevel: ({ statusCode, message }) => ({
    statusCode,
    message: statusCode === 422 ? [message] : message,
    ...(statusCode !== 400 && { error: STATUS_CODES[statusCode] }),
  }),
  // [inferred] from the form of HubSpot's public errors.
  HubSpot: ({ statusCode, message }) => ({
    status: 'error',
    message,
    correlationId: '00000000-0000-4000-8000-00000000e44e',
    category: statusCode === 404 ? 'OBJECT_NOT_FOUND' : 'VALIDATION_ERROR',
  }),
  // The form is [vendor].
  Keap: ({ statusCode, message }) => {
    const [code, status] = keapErrors.get(statusCode) ?? [2, 'UNKNOWN'];
    return { code, message, status, details: [{ domain: 'keap', resource: 'engagement' }] };
  },
  // [vendor], where it often comes under HTTP 200: Truto has to turn it into a status of its own.
  'Monday CRM': ({ statusCode, message, retryAfterSeconds }) => {
    const extensions = {
      code: mondayCodes[statusCode] ?? 'INTERNAL_SERVER_ERROR',
      error_data: {},
      status_code: statusCode,
      ...(retryAfterSeconds !== undefined && { retry_in_seconds: retryAfterSeconds }),
    };
    return { errors: [{ message, locations: [{ line: 1, column: 12 }], path: ['delete_timeline_item'], extensions }] };
  },
  // [3rd]
  OnePageCRM: ({ statusCode, message }) => {
    const error_name = onePageNames[statusCode] ?? 'request_failed';
    return { status: statusCode, message, error_name, error_message: message, errors: {} };
  },
  // [vendor]
  Pipedrive: ({ message }) => {
    const error_info = 'Please check developers.pipedrive.com for more information about Pipedrive API.';
    return { success: false, error: message, error_info, data: null, additional_data: null };
  },
  // The form of 404 and 500 is [3rd], the values of `code` are [inferred].
  Pipeliner: ({ statusCode, message }) => {
    const name = statusCode < 500 ? 'ERROR_PARAMETER_INVALID' : 'ERROR_INTERNAL';
    return { success: false, http_status: statusCode, code: statusCode === 404 ? 1201 : 1000, name, message };
  },
  // [vendor]; the values of `code` and `logref` are [inferred].
  'Zendesk Sell': ({ statusCode, message }) => {
    const error = { code: statusCode === 404 ? 'resource_not_found' : 'request_failed', message, details: message };
    const meta = { http_status: `${statusCode} ${STATUS_CODES[statusCode]}`, logref: 'sandbox' };
    return { errors: [{ error, meta: { type: 'error' } }], meta };
  },
  // The form is [vendor]. Zoho sends an unknown id under HTTP 400; Truto's own status for it is NOT FOUND, so 404 here.
  'Zoho CRM': (failure) => {
    const code = zohoCodes[failure.statusCode] ?? 'INTERNAL_ERROR';
    const message = failure.statusCode === 404 ? 'the id given seems to be invalid' : failure.message;
    return { data: [{ code, details: {}, message, status: 'error' }] };
  },
};

/** A CRM's own error body. Where it is NOT FOUND: the text alone, because an invented shape would teach the wrong thing. */
export function describeFailure(label: string, failure: ProviderFailure): unknown {
  return bodies[label]?.(failure) ?? failure.message;
}
