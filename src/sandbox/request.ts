import type { IncomingHttpHeaders } from 'node:http';
import type { LRUCache } from 'lru-cache';
import qs from 'qs';
import { isJsonObject } from '../engagement/body.ts';
import { engagementSorts, engagementTypes, responseFormats } from '../engagement/input.ts';
import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import {
  type Answer,
  type AnswerShape,
  buildRemoteFailure,
  invalidParameter,
  isMapped,
  missing,
  Refusal,
  retryAfter,
  success,
} from './answer.ts';
import type { FaultEffect, SandboxFault } from './faults.ts';
import type { EngagementRecord } from './providers.ts';

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Only of a POST. Cut off beyond 1 MiB. */
  readonly body?: string;
}

/** The behaviour of one sandbox. */
export interface SandboxSettings {
  /** The only bearer token that it accepts. @default sandboxToken */
  readonly token: string;
  /** How long `fault-slow` waits. @default 30000 */
  readonly slowMs: number;
  /** The size of `fault-huge`'s content. @default 8388608 (8 MiB) */
  readonly hugeBytes: number;
  /** Causes faults that no request names, to test a client under a steady rate of them. @default none */
  readonly pickFault: (request: ReceivedRequest) => SandboxFault | undefined;
  /** Query parameters that every request for engagements must have, as if a customer had added them. @default none */
  readonly requiredParameters?: readonly string[] | undefined;
  /** Further fields of each engagement, as if a customer had added them to the unified model. @default none */
  readonly additionalFields?: Readonly<Record<string, unknown>> | undefined;
}

/** A record and its number in the provider's own order, from 0. Never reused, so a cursor stays valid when its record is deleted. */
export type Numbered<Item> = { readonly number: number; readonly record: Item };

/** The engagements of one account: those that exist now, by id, in order, and those that were deleted. */
export interface Engagements {
  readonly present: Map<string, Numbered<EngagementRecord>>;
  readonly deletedIds: Set<string>;
}

/** The state of one running sandbox. */
export interface SandboxState extends SandboxSettings {
  /** By account id. Related records are the same in every sandbox, and never change. */
  readonly engagements: ReadonlyMap<string, Engagements>;
  /** The requests of each account in its provider's current window. */
  readonly rateMeter: Map<string, { readonly windowStartSeconds: number; requests: number }>;
  /** Counts one request, with or without an account. Throws a 429 when it exceeds Truto's own limits. */
  readonly countForTruto: (accountId: string | undefined) => void;
  /** Sends an event, after `delayMs`. */
  readonly sendEvent: (event: string, payload: object, delayMs?: number) => void;
  /** The ids of accounts whose connection the provider has refused, until it accepts one again. */
  readonly needReauth: Set<string>;
  /** The last creates with an `Idempotency-Key`, by account and key. */
  readonly keyedCreates: LRUCache<string, { readonly id: string; readonly answer: Answer }>;
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
export type AccountRequest = SandboxRequest & { readonly account: SandboxAccount; readonly shape: AnswerShape };

/** The account with that id, or a 404. Its status is documented (truto-skills, error-and-evidence-model.md), its text [inferred]. */
export function findAccount(id: string): SandboxAccount {
  const account = sandboxAccounts.find((candidate) => candidate.id === id);
  if (account === undefined) throw new Refusal(404, 'Integrated account not found');
  return account;
}

/** The engagements of the request's account: each account has some. */
export function engagementsOf({ state, account }: AccountRequest): Engagements {
  return state.engagements.get(account.id) as Engagements;
}

/** A parsed query string: strings, arrays and objects without a prototype. */
export type Query = Readonly<Record<string, unknown>>;

/** Numbers the items of `a[][b]=c`, the form of Truto's Python SDK. A repeated name begins the next item; qs would merge them all. */
function numberItems(text: string): string {
  const last = new Map<string, { index: number; readonly names: Set<string> }>();
  return text.replace(/[^&]+/g, (parameter) => {
    const end = parameter.indexOf('=') < 0 ? parameter.length : parameter.indexOf('=');
    const key = parameter.slice(0, end).replace(/%5B/gi, '[').replace(/%5D/gi, ']');
    const [whole, list = '', name = ''] = /^([^[\]]+)\[\](\[[^\]]+\])/.exec(key) ?? [];
    if (whole === undefined) return parameter;
    const item = last.get(list) ?? { index: 0, names: new Set() };
    last.set(list, item);
    // `a[][b][]=x` continues the list in the item.
    if (item.names.has(name) && !key.endsWith('[]')) {
      item.index += 1;
      item.names.clear();
    }
    item.names.add(name);
    return `${list}[${item.index}]${key.slice(list.length + 2)}${parameter.slice(end)}`;
  });
}

/**
 * Parses a query as Truto documents it: `a=x`, `a[]=x`, `a[0]=x`, `a[b]=c`, `a[0][b]=c`, `a[][b]=c`. Refuses with
 * 400 beyond a limit. qs would drop parameters, turn arrays into objects or leave brackets in a key, and hide the client's mistake.
 */
export function parseQuery(text: string): Query {
  const limits = { depth: 20, strictDepth: true, parameterLimit: 5000, arrayLimit: 1000, throwOnLimitExceeded: true };
  try {
    return qs.parse(numberItems(text), { plainObjects: true, ...limits });
  } catch (error) {
    throw new Refusal(400, `The query string cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

/** A string parameter. An empty one counts as absent, since Truto's TypeScript SDK sends null as an empty string. */
export function readString(query: Query, name: string): string | undefined {
  const value = query[name] ?? '';
  if (typeof value !== 'string') throw invalidParameter(name, 'must be a string');
  return value || undefined;
}

/** A string parameter that is one of `choices`. */
export function readChoice<T extends string>(query: Query, name: string, choices: readonly T[]): T | undefined {
  const value = readString(query, name);
  const choice = choices.find((candidate) => candidate === value);
  if (value === undefined || choice !== undefined) return choice;
  throw invalidParameter(name, `must be one of: ${choices.join(', ')}`);
}

const dateForm = /^\d{4}-\d{2}-\d{2}(?<time>T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(?<offset>Z|[+-]\d{2}:?\d{2})?)?$/;

/** The milliseconds since 1970 of an ISO 8601 date; without an offset it is in UTC [inferred]. Refuses any other form. */
export function parseDate(value: unknown, name: string): number {
  const parts = typeof value === 'string' ? dateForm.exec(value) : null;
  const isLocal = parts?.groups?.time !== undefined && parts.groups.offset === undefined;
  const milliseconds = parts === null ? Number.NaN : Date.parse(isLocal ? `${parts[0]}Z` : parts[0]);
  if (Number.isNaN(milliseconds)) throw invalidParameter(name, 'must be an ISO 8601 date and time');
  return milliseconds;
}

/** Reads the parameters that determine the form of the response. A list is in brackets (`a[]=x`) or separated by commas. */
export function readAnswerShape(query: Query): AnswerShape {
  const excluded = [query.truto_exclude_fields ?? ''].flat().flatMap((item: unknown) => {
    if (typeof item !== 'string') throw invalidParameter('truto_exclude_fields', 'must be an array of strings');
    return item.split(',');
  });
  return {
    format: readChoice(query, 'truto_response_format', responseFormats) ?? 'unified',
    ignoresRemoteData: readChoice(query, 'truto_ignore_remote_data', ['true', 'false']) === 'true',
    excludedFields: new Set(excluded.filter((item) => item !== '')),
  };
}

/** The values of `engagement_type` in reads: their pages list `task` besides the types of the delete page. */
export const readableTypes = [...engagementTypes, 'task'] as const;

/**
 * Reads `engagement_type`. Where the documentation says so, a delete requires a type from the integration's own list. Elsewhere any
 * documented type is accepted and has no effect. The get page says that eight integrations require it, but does not name them. That
 * the six which require it on delete are among them is [inferred].
 */
export function readType({ query, account: { rule } }: AccountRequest, method: 'get' | 'delete'): string | undefined {
  const isRequired = rule?.requiresEngagementType === true;
  const deletable = isRequired ? rule.engagementTypes : engagementTypes;
  const type = readChoice<string>(query, 'engagement_type', method === 'get' ? readableTypes : deletable);
  if (type === undefined && isRequired) throw missing('query_parameter', ['engagement_type']);
  return type;
}

/** Checks the form of a delete's other parameters. Valid ones have no effect: what Planhat does with them is NOT FOUND. */
export function checkDeleteParameters({ query, account: { rule } }: AccountRequest, type: string | undefined): void {
  readSort(query);
  for (const name of ['status', 'content', 'subject', 'direction']) readString(query, name);
  for (const name of ['created_at', 'updated_at']) {
    if (readString(query, name) !== undefined) parseDate(query[name], name);
  }
  for (const name of ['content', 'subject'] as const) {
    // "Only when the type is email" is documented. That Truto refuses otherwise, and only where the parameter counts, is [inferred].
    const counts = rule?.parameters.includes(name) && readString(query, name) !== undefined;
    if (counts && type !== undefined && type !== 'email') {
      throw invalidParameter(name, 'may only be set when engagement_type is email');
    }
  }
  checkReference(query.account, 'account');
  const contacts = query.contact ?? '';
  if (contacts !== '' && !Array.isArray(contacts)) throw invalidParameter('contact', 'must be an array of objects');
  for (const contact of contacts) checkReference(contact, 'contact');
}

function checkReference(value: unknown = '', name: string): void {
  const isReference = isJsonObject(value) && (value.id === undefined || typeof value.id === 'string');
  if (value !== '' && !isReference) throw invalidParameter(name, 'must be an object with a string id');
}

/** The order of a list. */
export type ListOrder = { readonly field: string; readonly isDescending: boolean };

/** Reads `sort_by`: a field (the delete page), or an object of field and direction (the list pages). */
export function readSort(query: Query): ListOrder | undefined {
  const given = isJsonObject(query.sort_by) ? Object.entries(query.sort_by) : [[query.sort_by, 'asc'] as const];
  const [[name, direction] = ['', ''], ...others] = given;
  if (others.length > 0) throw invalidParameter('sort_by', 'must name one field');
  const field = readChoice({ sort_by: name }, 'sort_by', engagementSorts);
  const isDescending = readChoice({ sort_by: direction }, 'sort_by', ['asc', 'desc']) === 'desc';
  return field && { field, isDescending };
}

/** Sends Truto's event when the provider refuses the account's connection, and when it accepts it again. */
function noteConnection({ state, account, fault }: SandboxRequest): void {
  if (!account) return;
  const { id, integration } = account;
  const isRefused = fault?.effect.kind === 'failure' && fault.effect.isRemote && fault.effect.statusCode === 401;
  if (isRefused === state.needReauth.has(id) || (fault && !isRefused)) return;
  if (isRefused) state.needReauth.add(id);
  else state.needReauth.delete(id);
  const [event, status] = isRefused ? ['authentication_error', 'needs_reauth'] : ['reactivated', 'active'];
  state.sendEvent(`integrated_account:${event}`, { id, status, integration: { name: integration.name } });
}

/** Does `work`, with the fault before or after it. On a route without an account, an error of the provider becomes one of Truto. */
export function injectFault(request: SandboxRequest, work: () => Answer): Answer {
  const { fault } = request;
  noteConnection(request);
  if (fault === undefined) return passProvider(request, work());
  return strike(request, fault.effect, fault.strikesAfter ? passProvider(request, work()) : undefined);
}

/**
 * Counts a request that reaches the provider, and adds the headers that Truto derives from the provider's: the limit (`110;w=10`, the
 * window in seconds), the remaining requests, and the seconds left. The sandbox never refuses by this limit; `isUsedUp` is for a 429
 * on demand.
 */
function passProvider({ state, account }: SandboxRequest, answer: Answer, isUsedUp = false): Answer {
  if (account?.provider.rateLimit === undefined) return answer;
  const { limit, windowSeconds } = account.provider.rateLimit;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const windowStartSeconds = nowSeconds - (nowSeconds % windowSeconds);
  const current = state.rateMeter.get(account.id);
  const counted = current?.windowStartSeconds === windowStartSeconds ? current : { windowStartSeconds, requests: 0 };
  counted.requests += 1;
  state.rateMeter.set(account.id, counted);
  const rateLimit = {
    'ratelimit-limit': `${limit};w=${windowSeconds}`,
    'ratelimit-remaining': String(isUsedUp ? 0 : Math.max(0, limit - counted.requests)),
    'ratelimit-reset': String(windowStartSeconds + windowSeconds - nowSeconds),
  };
  return { ...answer, headers: { ...rateLimit, ...answer.headers } };
}

function strike(request: SandboxRequest, effect: FaultEffect, answer = success(undefined)): Answer {
  const { id, query, state, account } = request;
  switch (effect.kind) {
    case 'failure':
      return effect.isRemote && account !== undefined
        ? passProvider(request, buildRemoteFailure(account, effect), effect.statusCode === 429)
        : new Refusal(effect.statusCode, effect.message, retryAfter(effect.retryAfterSeconds)).answer;
    case 'foreign':
      return effect.answer;
    case 'reset':
    case 'cut':
    case 'continue':
      return { ...answer, damage: effect.kind };
    case 'late':
      return { ...answer, delayMs: state.slowMs };
    case 'accepted':
      // Capsule documents 202 without a body, with a Location that Truto does not forward. The body from Truto is [inferred].
      return { status: 202, ...(isMapped(readAnswerShape(query)) && { body: { id } }) };
    case 'empty':
      return success(undefined);
    case 'huge': {
      const isChunked = readAnswerShape(query).format === 'stream';
      return { ...success({ id, content: 'x'.repeat(state.hugeBytes) }), isChunked };
    }
  }
}
