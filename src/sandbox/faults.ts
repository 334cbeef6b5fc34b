import type { Answer } from './answer.ts';
import type { ProviderFailure } from './providers.ts';

/** An error as the response. */
interface FailureEffect extends ProviderFailure {
  readonly kind: 'failure';
  /** True for an error of the provider, in its shape; false when Truto itself refuses or fails. */
  readonly isRemote: boolean;
}

/** A response that is not Truto's. */
type ForeignEffect = { readonly kind: 'foreign'; readonly answer: Answer };
type OtherEffect = { readonly kind: 'reset' | 'cut' | 'late' | 'accepted' | 'empty' | 'continue' | 'huge' };

/** The effect of a fault on one request. */
export type FaultEffect = FailureEffect | ForeignEffect | OtherEffect;

/** A fault on demand. */
export interface SandboxFault {
  /** An id that is reserved in every account and resource, and a value of the header `x-sandbox-fault`. */
  readonly name: string;
  readonly description: string;
  /** True when the fault occurs after the work: then a DELETE of a real id with the header has deleted the record. */
  readonly strikesAfter: boolean;
  readonly effect: FaultEffect;
}

const messages: Readonly<Record<number, string>> = {
  401: 'The access token is invalid',
  403: 'The connection may not delete this record',
  405: 'Writing is not allowed on a sandbox integrated account',
  409: 'The record is in use',
  422: 'The record cannot be processed',
  429: 'Too many requests',
  500: 'Internal server error',
  502: 'Bad gateway',
  503: 'The integrated account is blocked',
  504: 'Gateway timeout',
};

const provider = { isRemote: true };
const truto = { isRemote: false };
const noScope = { ...provider, missingScopes: ['crm.engagements.delete'] };
const providerLimit = { ...provider, retryAfterSeconds: 2 };
const trutoLimit = { ...truto, retryAfterSeconds: 10, message: 'Rate limit exceeded' };

const foreign = (status: number, text: string, contentType = 'application/json'): ForeignEffect => {
  return { kind: 'foreign', answer: { status, text, isChunked: true, headers: { 'content-type': contentType } } };
};
const page = (status: number) => foreign(status, '<!doctype html><title>Sign in</title>', 'text/html; charset=utf-8');
const brokenJson = foreign(200, '{"id": "12", "remote_data": {', 'application/json; charset=utf-8');
const locked = foreign(200, '{"success":false,"error":"The record is locked"}');
const otherRecord = foreign(200, '{"id":"the-id-of-another-record"}');

/** A kind of effect without details, or a foreign response, or an error, whose name has its status: `fault-504-after`. */
type Given = OtherEffect['kind'] | ForeignEffect | Omit<Partial<FailureEffect>, 'kind'>;

const fault = (strikesAfter: boolean) => (name: string, description: string, given: Given) => {
  const statusCode = Number(name.split('-')[1]);
  const error = { kind: 'failure', statusCode, message: messages[statusCode] ?? '', isRemote: false } as const;
  const effect = typeof given === 'string' ? { kind: given } : 'kind' in given ? given : { ...error, ...given };
  return { name, description, strikesAfter, effect };
};
const before = fault(false);
const after = fault(true);

/** All faults, in the order of the documentation. */
export const sandboxFaults: readonly SandboxFault[] = [
  before('fault-401', 'The provider no longer accepts the connection: the account needs to be reconnected.', provider),
  before('fault-403', 'The provider refuses: the connection lacks permissions, named in truto_error_insight.', noScope),
  before('fault-405', 'Truto refuses to write to an account that is marked as a sandbox account.', truto),
  before('fault-409', 'The provider reports a conflict.', provider),
  before('fault-422', 'The provider cannot process the request.', provider),
  before('fault-429', 'The provider limits requests: Retry-After: 2.', providerLimit),
  before('fault-429-truto', "Truto's own limit is used up: Retry-After: 10.", trutoLimit),
  before('fault-500', 'The provider fails. Nothing is deleted.', provider),
  before('fault-502', 'Truto gets no usable response from the provider. Nothing is deleted.', truto),
  before('fault-503', 'Truto has blocked the integrated account: a retry does not help.', truto),
  before('fault-504', 'Truto waited too long for the provider. Nothing is deleted.', truto),
  after('fault-504-after', 'As fault-504, but the record is deleted.', truto),
  after('fault-slow', 'The record is deleted at once. The response comes after 30 seconds.', 'late'),
  before('fault-reset-before', 'The connection is reset. Nothing is deleted.', 'reset'),
  after('fault-reset-after', 'The record is deleted. Then the connection is reset without a response.', 'reset'),
  after('fault-reset-during', 'The record is deleted. The connection is reset in the middle of the response.', 'cut'),
  after('fault-202', 'The delete is accepted (202) for later; the sandbox does it at once.', 'accepted'),
  after('fault-bad-json', 'The record is deleted. The body of the 200 is broken JSON.', brokenJson),
  after('fault-empty', 'The record is deleted. The 200 has no body.', 'empty'),
  after('fault-huge', 'The record is deleted. The 200 has a body of 8 MiB.', 'huge'),
  after('fault-continue', 'The record is deleted. An interim "100 Continue" comes before the response.', 'continue'),
  before('fault-page', 'The response is a login page with 200. Nothing is deleted.', page(200)),
  after('fault-page-after', 'As fault-page, but the record is deleted.', page(200)),
  before('fault-firewall', 'The response is a page of a firewall with 403. Nothing is deleted.', page(403)),
  after('fault-firewall-after', 'As fault-firewall, but the record is deleted.', page(403)),
  before('fault-refused-200', 'The provider refuses with status 200. Nothing is deleted.', locked),
  before('fault-other-record', 'The response belongs to another request. Nothing is deleted.', otherRecord),
  before('fault-206', 'The response has status 206 and a part of a body. Nothing is deleted.', foreign(206, '{}')),
];

/** The fault of that name, if there is one. */
export function findFault(name: string): SandboxFault | undefined {
  return sandboxFaults.find((known) => known.name === name);
}
