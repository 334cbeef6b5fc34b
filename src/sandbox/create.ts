import type { SandboxAccount } from './accounts.ts';
import { type Answer, buildRemoteFailure, missing, type PlainAnswer, Refusal, showOne } from './answer.ts';
import { showEngagement } from './providers.ts';
import { checkRemoteQuery, isQueryObject, type Query, readAnswerShape, readChoice } from './query.ts';
import { createRandom } from './random.ts';
import type { EngagementRecord, RelatedKind } from './records.ts';
import { type AccountRequest, engagementsOf, injectFault } from './request.ts';
import { relatedIds } from './seed.ts';

const maxLevels = 100;
const maxKeyedCreates = 1000;

/** The documented values of the query parameter `engagement_type`. The body may name any type that the account has. [inferred] */
const typesInQuery = ['call', 'meeting'] as const;

/**
 * Handles `POST /unified/crm/engagements`. Truto checks the query and the required fields; the provider checks the values, since a
 * unified schema is documentation only. The status 200 is [inferred]: Truto documents 200 and 201 as success. `remote_data` of the
 * body has no effect: what a provider does with it is NOT FOUND.
 */
export function createEngagement(request: AccountRequest): Answer {
  const { account, query, state, received } = request;
  const shape = readAnswerShape(query);
  checkRemoteQuery(query);
  const stored = readStoredFields(account);
  const typeInQuery = readChoice(query, 'engagement_type', typesInQuery);
  if (typeInQuery === undefined && stored.get('engagement_type')) throw missing('query_parameter', ['engagement_type']);
  const body = parseBody(received.body);
  const type = typeInQuery ?? body.engagement_type ?? account.seededTypes[0]; // that the query wins is [inferred]
  checkBody(body, type, stored);

  // The response is repeated without a second record (truto-skills, unified-api.md). That of a refusal is not [inferred].
  const key = received.headers['idempotency-key'];
  const scope = key === undefined ? undefined : `${account.id} ${String(key)}`;
  const known = scope === undefined ? undefined : state.keyedCreates.get(scope);
  const id = known?.id ?? createUnusedId(request);
  return injectFault({ ...request, id }, (): PlainAnswer => {
    if (known) return known.answer;
    const problem = findProblem(account, type, body, stored);
    if (problem !== undefined) return buildRemoteFailure(account, { statusCode: 422, message: problem });
    const now = new Date().toISOString();
    const fields = Object.entries(body).filter(([name, value]) => stored.has(name) && value !== null);
    const record = {
      ...{ ...state.additionalFields, ...Object.fromEntries(fields) },
      ...{ id, engagement_type: type, created_at: now, updated_at: now },
    } as EngagementRecord;
    const { present, deletedIds } = engagementsOf(request);
    present.set(id, { number: present.size + deletedIds.size, record });
    const answer = showOne(record, showEngagement(account.provider, record), shape);
    if (scope !== undefined) remember(state.keyedCreates, scope, { id, answer });
    return answer;
  });
}

/** The fields that the provider stores, each with whether it is required. */
function readStoredFields({ provider }: SandboxAccount): ReadonlyMap<string, boolean> {
  const names = (provider.creates ?? '').split(/\s+/).filter((name) => name !== '');
  return new Map(names.map((name) => [name.replace('!', ''), name.endsWith('!')]));
}

function parseBody(text = ''): Query {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'The body is not valid JSON');
  }
  if (!isQueryObject(body)) throw new Refusal(400, 'The body must be a JSON object');
  if (isDeeperThan(body, maxLevels)) throw new Refusal(400, `The body has more than ${maxLevels} levels`);
  return body;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}

/** Refuses what Truto itself refuses. That it refuses a direction without a call is [inferred]: "only for calls" is documented. */
function checkBody(body: Query, type: unknown, stored: ReadonlyMap<string, boolean>): void {
  const isEmpty = (value: unknown) => (value ?? '') === '' || (Array.isArray(value) && value.length === 0);
  const lacking = [...stored].filter(
    ([name, isRequired]) => isRequired && name !== 'engagement_type' && isEmpty(body[name]),
  );
  if (lacking.length > 0)
    throw missing(
      'body_field',
      lacking.map(([name]) => name),
    );
  if (stored.has('direction') && !isEmpty(body.direction) && type !== 'call') {
    throw new Refusal(400, 'Body field direction may only be set when engagement_type is call');
  }
  if (!isEmpty(body.remote_data) && !isQueryObject(body.remote_data)) {
    throw new Refusal(400, 'Body field remote_data must be an object');
  }
}

const referenceKinds: ReadonlyMap<string, RelatedKind> = new Map([
  ['owner', 'users'],
  ['account', 'accounts'],
  ['project', 'projects'],
]);
const referenceListKinds: ReadonlyMap<string, RelatedKind> = new Map([
  ['contact', 'contacts'],
  ['opportunity', 'opportunities'],
  ['lead', 'leads'],
  ['notes', 'notes'],
]);

/** The provider's complaint about the first bad value. How providers refuse unknown types and references is NOT FOUND: 422 here. */
function findProblem(
  account: SandboxAccount,
  type: unknown,
  body: Query,
  stored: ReadonlyMap<string, boolean>,
): string | undefined {
  const types: readonly unknown[] = [...typesInQuery, ...account.seededTypes];
  if (!types.includes(type)) return 'engagement_type is not known';
  const isGiven = (name: string) => name !== 'engagement_type' && (body[name] ?? null) !== null;
  const bad = [...stored.keys()].find((name) => isGiven(name) && !isAccepted(account, name, body[name]));
  return bad && `${bad} has an invalid value`;
}

function isAccepted(account: SandboxAccount, name: string, value: unknown): boolean {
  const refersTo = (kind: RelatedKind, reference: unknown) =>
    isQueryObject(reference) && relatedIds(account, kind).some((id) => id === reference.id);
  const kind = referenceKinds.get(name);
  if (kind !== undefined) return refersTo(kind, value);
  const listKind = referenceListKinds.get(name);
  if (listKind !== undefined) return Array.isArray(value) && value.every((reference) => refersTo(listKind, reference));
  if (name === 'phone_numbers') return Array.isArray(value) && value.every(isQueryObject);
  return name === 'custom_fields' ? isQueryObject(value) : typeof value === 'string';
}

/** A new id in the provider's form: one that no engagement of the account has, or had before its delete. */
function createUnusedId(request: AccountRequest): string {
  const { integration, provider } = request.account;
  const { present, deletedIds } = engagementsOf(request);
  const random = createRandom(`${integration.label} ${present.size + deletedIds.size}`);
  for (let tries = 0; tries < 10_000; tries += 1) {
    const id = provider.createId(random, 'engagements');
    if (!present.has(id) && !deletedIds.has(id)) return id;
  }
  throw new RangeError('The provider has no more ids');
}

function remember<Value>(values: Map<string, Value>, name: string, value: Value): void {
  values.set(name, value);
  const [oldest = name] = values.keys();
  if (values.size > maxKeyedCreates) values.delete(oldest);
}
