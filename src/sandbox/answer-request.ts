import type { Answer } from './answer.ts';
import { findFault, type SandboxFault, sandboxFaults } from './faults.ts';
import { isQueryObject, parseQuery, type Query } from './query.ts';
import type { RateMeter } from './rate-limit.ts';
import type { ReceivedRequest } from './received-request.ts';
import { buildRefusal, Refusal } from './refusal.ts';
import type { RequestLimit } from './request-limit.ts';
import { findRoute } from './routes.ts';
import type { Store } from './store.ts';

/** What one running sandbox is made of. */
export interface SandboxState {
  readonly token: string;
  readonly slowMs: number;
  readonly hugeBytes: number;
  readonly store: Store;
  readonly rateMeter: RateMeter;
  readonly pickFault: PickFault;
  readonly requestLimit: RequestLimit;
}

/** Picks the fault that strikes a request which asks for none itself; none at all when there is nothing to return. */
export type PickFault = (request: ReceivedRequest) => SandboxFault | undefined;

/** Answers one request, whatever it is. Never throws: what nobody expected is a 500 in Truto's shape. */
export function answerRequest(state: SandboxState, request: ReceivedRequest): Answer {
  try {
    return route(state, request);
  } catch (error) {
    return error instanceof Refusal ? error.answer : buildRefusal(500, 'Internal server error');
  }
}

function route(state: SandboxState, request: ReceivedRequest): Answer {
  const { method, url, headers } = request;
  if (headers.host === undefined) {
    throw new Refusal(400, 'The request has no Host header');
  }
  checkBearer(headers.authorization, state.token);
  const { path, queryText } = splitUrl(url);
  const { handler, id } = findRoute(method, path);
  const query = parseQuery(queryText);
  const accountId = path.startsWith('/integrated-account/') ? id : query.integrated_account_id;
  state.requestLimit.count(typeof accountId === 'string' ? accountId : undefined);
  const reserved = findFault(id);
  return handler({
    id,
    query,
    store: state.store,
    rateMeter: state.rateMeter,
    fault: requestedFault(headers['x-sandbox-fault'], query) ?? reserved ?? state.pickFault(request),
    hasReservedId: reserved !== undefined,
    slowMs: state.slowMs,
    hugeBytes: state.hugeBytes,
  });
}

function checkBearer(authorization: string | undefined, token: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (given !== token) {
    throw new Refusal(401, 'Unauthorized');
  }
}

/** The path and the query of a request's target, taken apart by hand: `new URL` would normalise `..` and refuse targets that still deserve an answer. */
export function splitUrl(url: string): { readonly path: string; readonly queryText: string } {
  const target = url.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, queryText: '' }
    : { path: target.slice(0, mark), queryText: target.slice(mark + 1) };
}

/**
 * A fault asked for by header, or by `remote_query[sandbox_fault]`, which a client that cannot set headers of its own,
 * such as the facade, can still send along with a real id.
 */
function requestedFault(header: string | string[] | undefined, query: Query): SandboxFault | undefined {
  const name = header ?? (isQueryObject(query.remote_query) ? query.remote_query.sandbox_fault : undefined);
  if (name === undefined) {
    return undefined;
  }
  const fault = typeof name === 'string' ? findFault(name) : undefined;
  if (fault === undefined) {
    throw new Refusal(400, `Unknown fault; the sandbox knows: ${sandboxFaults.map((known) => known.name).join(', ')}`);
  }
  return fault;
}
