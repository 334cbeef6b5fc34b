import { isJsonObject } from '../engagement/body.ts';
import { sandboxAccounts } from './accounts.ts';
import { type Answer, invalidParameter, missing, Refusal, success } from './answer.ts';
import { findFault, type SandboxFault, sandboxFaults } from './faults.ts';
import { createEngagement, deleteEngagement, getEngagement, getRelated, listKind } from './methods.ts';
import { type Provider, type RecordKind, relatedKinds } from './providers.ts';
import {
  type AccountRequest,
  findAccount,
  injectFault,
  parseQuery,
  type Query,
  type ReceivedRequest,
  readAnswerShape,
  type SandboxRequest,
  type SandboxState,
} from './request.ts';

function route(method: string, path: string, handler: (request: SandboxRequest) => Answer) {
  const segments = path.split('/');
  return { method, segments, idIndex: segments.indexOf('{id}'), handler };
}

const httpMethods = { list: 'GET', get: 'GET', create: 'POST', delete: 'DELETE' };

/** All routes. `{id}` matches any one segment. A handler throws a `Refusal` for a request that Truto itself refuses. */
const routes = [
  route('GET', '/integrated-account/{id}', showIntegratedAccount),
  route('GET', '/integrated-account/{id}/capabilities', showCapabilities),
  route('GET', '/integration/{id}/capabilities', showCapabilities),
  recordRoute('engagements', 'list', listKind),
  recordRoute('engagements', 'create', createEngagement),
  recordRoute('engagements', 'get', getEngagement),
  recordRoute('engagements', 'delete', deleteEngagement),
  ...relatedKinds.flatMap((kind) => [recordRoute(kind, 'list', listKind), recordRoute(kind, 'get', getRelated)]),
];

/** A route for accounts whose integration has the method. How Truto refuses others is NOT FOUND: this 400 is [inferred]. */
function recordRoute<Kind extends RecordKind>(
  kind: Kind,
  method: keyof typeof httpMethods,
  handle: (request: AccountRequest, kind: Kind) => Answer,
) {
  const path = `/unified/crm/${kind}${method === 'list' || method === 'create' ? '' : '/{id}'}`;
  return route(httpMethods[method], path, (request) => {
    const { query, state } = request;
    const { integrated_account_id: accountId = '', remote_query: remoteQuery = '' } = query;
    if (accountId === '') throw missing('query_parameter', ['integrated_account_id']);
    if (typeof accountId !== 'string') throw invalidParameter('integrated_account_id', 'must be a string');
    const account = findAccount(accountId);
    if (!hasMethod(account.provider, kind, method)) {
      throw new Refusal(400, `Method ${method} of crm/${kind} is not supported by ${account.integration.name}`);
    }
    const required = kind === 'engagements' ? (state.requiredParameters ?? []) : [];
    const lacking = required.filter((name) => (query[name] ?? '') === '');
    if (lacking.length > 0) throw missing('query_parameter', lacking);
    // Its content is for the provider.
    if (remoteQuery !== '' && !isJsonObject(remoteQuery)) throw invalidParameter('remote_query', 'must be an object');
    return handle({ ...request, account, shape: readAnswerShape(query) }, kind);
  });
}

/** Integrations have all methods except these [inferred]. */
function hasMethod(provider: Provider, kind: RecordKind, method: string): boolean {
  if (kind === 'projects') return provider.hasProjects === true;
  if (kind === 'users') return method === 'list' || !provider.lacksUserGet;
  if (method === 'create') return provider.creates !== undefined;
  return method !== 'delete' || provider.answerDelete !== undefined;
}

/** Answers any request. Never throws: an unexpected failure is a 500 in Truto's shape. */
export function answerRequest(state: SandboxState, received: ReceivedRequest): Answer {
  const { method, url, headers } = received;
  try {
    if (headers.host === undefined) throw new Refusal(400, 'The request has no Host header');
    const [, token] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
    if (token !== state.token) throw new Refusal(401, 'Unauthorized');
    const { path, queryText } = splitUrl(url);
    const { handler, id } = findRoute(method, path);
    const query = parseQuery(queryText);
    const accountId = path.startsWith('/integrated-account/') ? id : query.integrated_account_id;
    state.countForTruto(typeof accountId === 'string' ? accountId : undefined);
    const fault = findRequestedFault(headers['x-sandbox-fault'], query) ?? findFault(id) ?? state.pickFault(received);
    return handler({ state, id, query, fault, received });
  } catch (error) {
    return (error instanceof Refusal ? error : new Refusal(500, 'Internal server error')).answer;
  }
}

/** Splits without `new URL`, which would resolve `..` and refuse some targets that need a response. */
export function splitUrl(url: string): { readonly path: string; readonly queryText: string } {
  const [path = '', ...rest] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?');
  return { path, queryText: rest.join('?') };
}

/** The handler, and the decoded `{id}`. Throws Truto's 404 for an unknown path, and 405 for a method that the path lacks. */
function findRoute(method: string, path: string) {
  const given = path.split('/').map((segment, index) => (index === 0 ? '' : decodeSegment(segment)));
  const found = routes.filter(
    ({ segments }) =>
      segments.length === given.length &&
      segments.every((segment, index) => (segment === '{id}' ? given[index] !== '' : segment === given[index])),
  );
  if (found.length === 0) throw new Refusal(404, 'Route not found');
  const route = found.find((candidate) => candidate.method === method);
  if (route) return { handler: route.handler, id: given[route.idIndex] ?? '' };
  const allow = found.map((candidate) => candidate.method).join(', ');
  throw new Refusal(405, `Method ${method} is not allowed here`, { headers: { allow } });
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'The path is not valid percent-encoding');
  }
}

/** The fault in the header, or in `remote_query[sandbox_fault]` for clients that cannot set the header, such as the facade. */
function findRequestedFault(header: string | string[] | undefined, query: Query): SandboxFault | undefined {
  const name = header ?? (isJsonObject(query.remote_query) ? query.remote_query.sandbox_fault : undefined);
  const fault = typeof name === 'string' ? findFault(name) : undefined;
  if (name === undefined || fault !== undefined) return fault;
  throw new Refusal(400, `Unknown fault; the sandbox knows: ${sandboxFaults.map((known) => known.name).join(', ')}`);
}

/**
 * The methods of the unified resources (truto-skills, discovering-capabilities.md), of an account or an integration. Other parts of the
 * answer, such as `proxy` and `auth`, are not imitated.
 */
function showCapabilities(request: SandboxRequest): Answer {
  return injectFault(request, () => {
    const ofAccount = request.received.url.startsWith('/integrated-account/');
    const account = ofAccount
      ? findAccount(request.id)
      : sandboxAccounts.find(({ integration }) => integration.name === request.id);
    if (!account) throw new Refusal(404, 'Integration not found');
    const { id, integration, provider } = account;
    const unified = (['engagements', ...relatedKinds] as const)
      .filter((kind) => (request.query.resource ?? kind) === kind)
      .map((resource) => {
        const known = resource === 'engagements' ? Object.keys(httpMethods) : ['list', 'get'];
        const methods = known.filter((method) => hasMethod(provider, resource, method));
        return { model: 'crm', resource, methods, env_overridden: false };
      })
      .filter(({ methods }) => methods.length > 0);
    const health = { id, status: 'active', authentication_method: 'oauth2', is_blocked: false };
    return success({
      integration: { ...integration, category: 'crm' },
      unified,
      ...(ofAccount && { account: health }),
    });
  });
}

/** The documented fields. `is_sandbox` is false, or Truto would refuse every write with a 405. */
function showIntegratedAccount(request: SandboxRequest): Answer {
  return injectFault(request, () => {
    const { id, integration } = findAccount(request.id);
    const serial = id.slice(-12);
    return success({
      id,
      tenant_id: 'sandbox-tenant',
      environment_id: '00000000-0000-4000-9000-000000000001',
      environment_integration_id: `00000000-0000-4000-a000-${serial}`,
      status: 'active',
      is_sandbox: false,
      authentication_method: 'oauth2',
      region: 'wnam',
      context: {},
      last_error: null,
      last_action_result: null,
      last_forbidden_error: null,
      integration: { id: `00000000-0000-4000-b000-${serial}`, name: integration.name, category: 'crm' },
      unified_model_override: {},
      created_at: '2026-01-02T08:00:00.000Z',
      updated_at: '2026-01-02T08:00:00.000Z',
    });
  });
}
