import type { IncomingHttpHeaders } from 'node:http';
import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import {
  type Answer,
  buildRefusal,
  buildRemoteFailure,
  invalidParameter,
  isMapped,
  missing,
  type PlainAnswer,
  Refusal,
  retryAfter,
} from './answer.ts';
import type { SendEvent } from './events.ts';
import type { FailureEffect, FaultEffect, SandboxFault } from './faults.ts';
import { type Query, readAnswerShape } from './query.ts';
import type { EngagementRecord, Engagements } from './records.ts';

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Only of a POST. Cut off beyond 1 MiB. */
  readonly body?: string;
}

/** Picks a fault for a request that does not name one; undefined for none. */
export type PickFault = (request: ReceivedRequest) => SandboxFault | undefined;

/** How late the event of a delete comes that was only accepted (202), in milliseconds. */
const acceptedEventMs = 500;

/** The behaviour of one sandbox. */
export interface SandboxSettings {
  /** The only bearer token that it accepts. @default sandboxToken */
  readonly token: string;
  /** How long `fault-slow` waits. @default 30000 */
  readonly slowMs: number;
  /** The size of `fault-huge`'s content. @default 8388608 (8 MiB) */
  readonly hugeBytes: number;
  /** Causes faults that no request names, to test a client under a steady rate of them. @default none */
  readonly pickFault: PickFault;
  /** Query parameters that every request for engagements must have, as if a customer had added them. @default none */
  readonly requiredParameters: readonly string[] | undefined;
  /** Further fields of each engagement, as if a customer had added them to the unified model. @default none */
  readonly additionalFields: Readonly<Record<string, unknown>> | undefined;
}

/** The state of one running sandbox. */
export interface SandboxState extends SandboxSettings {
  /** By account. Related records are the same in every sandbox, and never change. */
  readonly engagements: ReadonlyMap<SandboxAccount, Engagements>;
  /** The requests of each account in its provider's current window. */
  readonly rateMeter: Map<string, { readonly windowStartSeconds: number; requests: number }>;
  /** Counts one request, with or without an account. Throws a 429 when it exceeds Truto's own limits. */
  readonly countForTruto: (accountId: string | undefined) => void;
  readonly sendEvent: SendEvent;
  /** The ids of accounts whose connection the provider has refused, until it accepts one again. */
  readonly needReauth: Set<string>;
  /** The last creates with an `Idempotency-Key`, by account and key. */
  readonly keyedCreates: Map<string, { readonly id: string; readonly answer: PlainAnswer }>;
}

/** A request with a valid token and a known path. */
export interface SandboxRequest {
  readonly state: SandboxState;
  /** The `{id}` of the path, decoded; empty on a route without one. */
  readonly id: string;
  readonly query: Query;
  /** The fault that the header, the query or a reserved id names. */
  readonly fault: SandboxFault | undefined;
  readonly received: ReceivedRequest;
  /** The connection that the request uses; absent on routes that use none. */
  readonly account?: SandboxAccount;
}

/** A request about records of an account. */
export type AccountRequest = SandboxRequest & { readonly account: SandboxAccount };

/** The account that `integrated_account_id` names: 400 without one, 404 (Truto's own) for one that this token cannot see. */
export function findQueriedAccount({ integrated_account_id: id = '' }: Query): SandboxAccount {
  if (id === '') throw missing('query_parameter', ['integrated_account_id']);
  if (typeof id !== 'string') throw invalidParameter('integrated_account_id', 'must be a string');
  return findAccount(id);
}

/** The account with that id, or a 404. Its status is documented (truto-skills, error-and-evidence-model.md), its text [inferred]. */
export function findAccount(id: string): SandboxAccount {
  const account = sandboxAccounts.find((candidate) => candidate.id === id);
  if (account === undefined) throw new Refusal(404, 'Integrated account not found');
  return account;
}

/** The engagements of the request's account. */
export function engagementsOf({ state, account }: AccountRequest): Engagements {
  const engagements = state.engagements.get(account);
  if (engagements === undefined) throw new RangeError(`The sandbox has no engagements for the account ${account.id}`);
  return engagements;
}

/** Sends Truto's event `record:deleted`. Its payload is [inferred]. */
export function sendDeleted(
  { state, account, fault }: AccountRequest,
  { id, engagement_type }: EngagementRecord,
): void {
  const records = [{ id, engagement_type }];
  const payload = { integrated_account_id: account.id, resource: 'crm/engagements', records };
  state.sendEvent('record:deleted', payload, fault?.effect.kind === 'accepted' ? acceptedEventMs : 0);
}

/** Sends Truto's event when the provider refuses the account's connection, and when it accepts it again. */
function noteConnection({ state, account, fault }: SandboxRequest): void {
  if (!account) return;
  const { id, integration } = account;
  const isRefused = fault?.effect.kind === 'failure' && fault.effect.isRemote && fault.effect.statusCode === 401;
  if (isRefused === state.needReauth.has(id) || (fault && !isRefused)) return;
  if (isRefused) state.needReauth.add(id);
  else state.needReauth.delete(id);
  const event = isRefused ? 'authentication_error' : 'reactivated';
  const status = isRefused ? 'needs_reauth' : 'active';
  state.sendEvent(`integrated_account:${event}`, { id, status, integration: { name: integration.name } });
}

/** Does `work`, with the fault before or after it. On a route without an account, an error of the provider becomes one of Truto. */
export function injectFault(request: SandboxRequest, work: () => PlainAnswer): Answer {
  const { fault } = request;
  noteConnection(request);
  if (fault === undefined) return passProvider(request, work());
  if (fault.effect.kind === 'failure') {
    if (fault.strikesAfter) work();
    return buildFailure(request, fault.effect);
  }
  return strike(request, fault.effect, fault.strikesAfter ? passProvider(request, work()) : undefined);
}

/**
 * Counts one request, and returns the headers that Truto derives from the provider's: the limit (`110;w=10`, the window in seconds),
 * the remaining requests, and the seconds left. The sandbox never refuses by this limit; `isUsedUp` is for a 429 on demand.
 */
function countForProvider(
  meter: SandboxState['rateMeter'],
  account: SandboxAccount,
  isUsedUp: boolean,
): Record<string, string> {
  const { id, provider } = account;
  if (provider.rateLimit === undefined) return {};
  const { limit, windowSeconds } = provider.rateLimit;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const windowStartSeconds = nowSeconds - (nowSeconds % windowSeconds);
  const current = meter.get(id);
  const counted = current?.windowStartSeconds === windowStartSeconds ? current : { windowStartSeconds, requests: 0 };
  counted.requests += 1;
  meter.set(id, counted);
  return {
    'ratelimit-limit': `${limit};w=${windowSeconds}`,
    'ratelimit-remaining': String(isUsedUp ? 0 : Math.max(0, limit - counted.requests)),
    'ratelimit-reset': String(windowStartSeconds + windowSeconds - nowSeconds),
  };
}

/** Counts a request that reaches the provider, and adds the provider's limits to the response. */
function passProvider({ state, account }: SandboxRequest, answer: PlainAnswer, isUsedUp = false): PlainAnswer {
  const rateLimit = account && countForProvider(state.rateMeter, account, isUsedUp);
  return { ...answer, headers: { ...rateLimit, ...answer.headers } };
}

function buildFailure(request: SandboxRequest, effect: FailureEffect): PlainAnswer {
  const { statusCode, message, isRemote, retryAfterSeconds } = effect;
  return isRemote && request.account !== undefined
    ? passProvider(request, buildRemoteFailure(request.account, effect), statusCode === 429)
    : buildRefusal(statusCode, message, retryAfter(retryAfterSeconds));
}

function strike(
  { id, query, state }: SandboxRequest,
  effect: Exclude<FaultEffect, FailureEffect>,
  answer: PlainAnswer = { kind: 'plain', status: 200 },
): Answer {
  switch (effect.kind) {
    case 'foreign':
      return effect;
    case 'reset':
      return { kind: 'reset' };
    case 'cut':
    case 'continue':
      return { ...answer, damage: effect.kind };
    case 'late':
      return { ...answer, delayMs: state.slowMs };
    case 'accepted':
      // Capsule documents 202 without a body, with a Location that Truto does not forward. The body from Truto is [inferred].
      return { kind: 'plain', status: 202, ...(isMapped(readAnswerShape(query)) && { body: { id } }) };
    case 'empty':
      return { kind: 'plain', status: 200 };
    case 'huge':
      return { kind: 'huge', id, sizeBytes: state.hugeBytes, isChunked: readAnswerShape(query).format === 'stream' };
  }
}
