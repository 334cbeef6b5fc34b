/** An error answer. */
export interface FailureEffect {
  readonly kind: 'failure';
  readonly statusCode: number;
  readonly message: string;
  /** True when it comes from the provider, in the provider's shape; false when Truto itself refuses or fails. */
  readonly isRemote: boolean;
  readonly retryAfterSeconds?: number;
  /** Only with a 403. */
  readonly missingScopes?: readonly string[];
}

/** An answer that no Truto sends: it comes from something in between, or from a provider that refuses under 2xx. */
export interface StrangerEffect {
  readonly kind: 'stranger';
  readonly statusCode: number;
  readonly contentType: string;
  readonly text: string;
}

/** What a fault does to one request. */
export type FaultEffect =
  | FailureEffect
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'late' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'bad-json' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'continue' }
  | StrangerEffect
  | { readonly kind: 'huge' };

/** A fault on demand. */
export interface SandboxFault {
  /** An id reserved in every account and resource, and a value of the header `x-sandbox-fault`. */
  readonly name: string;
  /** One line for the README. */
  readonly description: string;
  /** True when the fault strikes after the work: a DELETE of a real id with the header has then deleted it. */
  readonly strikesAfter: boolean;
  readonly effect: FaultEffect;
}

function failure(
  name: string,
  description: string,
  effect: Omit<FailureEffect, 'kind' | 'statusCode'> & {
    readonly statusCode?: number;
    readonly strikesAfter?: boolean;
  },
): SandboxFault {
  const { strikesAfter = false, statusCode = Number(name.slice('fault-'.length)), ...rest } = effect;
  return { name, description, strikesAfter, effect: { kind: 'failure', statusCode, ...rest } };
}

function stranger(name: string, description: string, effect: Omit<StrangerEffect, 'kind'>): SandboxFault {
  return { name, description, strikesAfter: name.endsWith('-after'), effect: { kind: 'stranger', ...effect } };
}

const page = { contentType: 'text/html; charset=utf-8', text: '<!doctype html><title>Sign in</title>' };
const json = { contentType: 'application/json' };

function after(
  kind: Exclude<FaultEffect['kind'], 'failure' | 'stranger'>,
  description: string,
  name = `fault-${kind}`,
): SandboxFault {
  return { name, description, strikesAfter: true, effect: { kind } };
}

/** All faults, in the order the README prints them. */
export const sandboxFaults: readonly SandboxFault[] = [
  failure('fault-401', 'The provider no longer accepts the connection: the account needs to be reconnected.', {
    message: 'The access token is invalid',
    isRemote: true,
  }),
  failure('fault-403', 'The provider refuses because the connection lacks permissions; the insight names them.', {
    message: 'The connection may not delete this record',
    isRemote: true,
    missingScopes: ['crm.engagements.delete'],
  }),
  failure('fault-405', 'Truto refuses to write to an account that is marked as a sandbox account.', {
    message: 'Writing is not allowed on a sandbox integrated account',
    isRemote: false,
  }),
  failure('fault-409', 'The provider reports a conflict.', { message: 'The record is in use', isRemote: true }),
  failure('fault-422', 'The provider cannot process the request.', {
    message: 'The record cannot be processed',
    isRemote: true,
  }),
  failure('fault-429', 'The provider asks to come back later: Retry-After: 2.', {
    message: 'Too many requests',
    isRemote: true,
    retryAfterSeconds: 2,
  }),
  failure('fault-429-truto', "Truto's own limit is used up: Retry-After: 10.", {
    message: 'Rate limit exceeded',
    isRemote: false,
    statusCode: 429,
    retryAfterSeconds: 10,
  }),
  failure('fault-500', 'The provider fails. Nothing is deleted.', {
    message: 'Internal server error',
    isRemote: true,
  }),
  failure('fault-502', 'Truto gets no usable answer from the provider. Nothing is deleted.', {
    message: 'Bad gateway',
    isRemote: false,
  }),
  failure('fault-503', 'Truto has blocked the integrated account: a retry does not help.', {
    message: 'The integrated account is blocked',
    isRemote: false,
  }),
  failure('fault-504', 'Truto waited too long for the provider. Nothing is deleted.', {
    message: 'Gateway timeout',
    isRemote: false,
  }),
  failure('fault-504-after', 'As fault-504, but the record is deleted.', {
    message: 'Gateway timeout',
    isRemote: false,
    statusCode: 504,
    strikesAfter: true,
  }),
  after('late', 'The record is deleted at once, the answer comes after 30 seconds.', 'fault-slow'),
  {
    name: 'fault-reset-before',
    description: 'The connection is reset; nothing is deleted.',
    strikesAfter: false,
    effect: { kind: 'reset' },
  },
  after('reset', 'The record is deleted, then the connection is reset without an answer.', 'fault-reset-after'),
  after(
    'cut',
    'The record is deleted, then the connection is reset in the middle of the answer.',
    'fault-reset-during',
  ),
  after('accepted', 'The delete is accepted (202) for later; the sandbox does it at once.', 'fault-202'),
  after('bad-json', 'The record is deleted; the body of the 200 is broken JSON.'),
  after('empty', 'The record is deleted; the 200 has no body.'),
  after('huge', 'The record is deleted; the 200 has a body of 8 MiB.'),
  after('continue', 'The record is deleted; an interim "100 Continue" comes before the answer.'),
  stranger('fault-page', 'A login page answers with 200. Nothing is deleted.', { statusCode: 200, ...page }),
  stranger('fault-page-after', 'As fault-page, but the record is deleted.', { statusCode: 200, ...page }),
  stranger('fault-firewall', 'A firewall answers with 403 and a page. Nothing is deleted.', {
    statusCode: 403,
    ...page,
  }),
  stranger('fault-firewall-after', 'As fault-firewall, but the record is deleted.', { statusCode: 403, ...page }),
  stranger('fault-refused-200', 'The provider refuses under 200. Nothing is deleted.', {
    statusCode: 200,
    ...json,
    text: '{"success":false,"error":"The record is locked"}',
  }),
  stranger('fault-other-record', 'The answer to another request comes. Nothing is deleted.', {
    statusCode: 200,
    ...json,
    text: '{"id":"the-id-of-another-record"}',
  }),
  stranger('fault-206', 'A part of an answer comes with 206. Nothing is deleted.', {
    statusCode: 206,
    ...json,
    text: '{}',
  }),
];

const faultsByName: ReadonlyMap<string, SandboxFault> = new Map(sandboxFaults.map((fault) => [fault.name, fault]));

/** The fault of that name, if there is one. */
export function findFault(name: string): SandboxFault | undefined {
  return faultsByName.get(name);
}
