import { isDeeperThan, isJsonObject } from '../engagement/body.ts';
import { engagementTypes } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import {
  type Answer,
  buildNotFound,
  buildRemoteFailure,
  formatAnswer,
  missing,
  Refusal,
  shapeFields,
} from './answer.ts';
import { findFault } from './faults.ts';
import { listRecords } from './list.ts';
import {
  type EngagementRecord,
  type RawRecord,
  type RecordKind,
  type RelatedKind,
  showEngagement,
} from './providers.ts';
import { createRandom } from './random.ts';
import {
  type AccountRequest,
  checkDeleteParameters,
  engagementsOf,
  injectFault,
  type Query,
  readChoice,
  readType,
} from './request.ts';
import { relatedIds, seedEngagements, seedRelated } from './seed.ts';

const maxBodyLevels = 100;

/** How late the event of a delete comes that was only accepted (202), in milliseconds. */
const acceptedEventMs = 500;

/** Handles `GET /unified/crm/{kind}`. */
export function listKind(request: AccountRequest, kind: RecordKind): Answer {
  const { provider } = request.account;
  if (kind === 'engagements') {
    const list = () => [...engagementsOf(request).present.values()];
    return listRecords(request, kind, list, (record) => showEngagement(provider, record));
  }
  const list = () => seedRelated(request.account, kind).map((record, number) => ({ number, record }));
  return listRecords(request, kind, list, showRelated);
}

/** Handles `GET /unified/crm/engagements/{id}`. */
export function getEngagement(request: AccountRequest): Answer {
  const { id, account, shape } = request;
  const type = readType(request, 'get');
  return injectFault(request, () => {
    const record = findEngagement(request, type);
    const stub = engagementsOf(request).deletedIds.has(id) ? account.provider.showDeleted?.(id) : undefined;
    const shown = record ? showEngagement(account.provider, record) : stub;
    if (shown === undefined) return buildNotFound(account);
    return formatAnswer(shape, { status: 200, body: shown }, () => shapeFields(record ?? { id }, shown, shape));
  });
}

/** Handles `GET /unified/crm/{kind}/{id}`. */
export function getRelated(request: AccountRequest, kind: RelatedKind): Answer {
  const { account, id, shape } = request;
  return injectFault(request, () => {
    const records = seedRelated(account, kind);
    // A reserved id names a record that always exists, so that its fault can occur after a success.
    const record = findFault(id) ? { ...records[0], id } : records.find((candidate) => candidate.id === id);
    if (record === undefined) return buildNotFound(account);
    const shown = showRelated(record);
    return formatAnswer(shape, { status: 200, body: shown }, () => shapeFields(record, shown, shape));
  });
}

/** Handles `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: AccountRequest): Answer {
  const { account, shape, state, fault } = request;
  const type = readType(request, 'delete');
  checkDeleteParameters(request, type);
  return injectFault(request, () => {
    const { answerDelete, mapDeleted } = account.provider;
    const record = findEngagement(request, type);
    const remote = record && answerDelete?.(record, showEngagement(account.provider, record));
    if (record === undefined || remote === undefined) return buildNotFound(account);
    const { present, deletedIds } = engagementsOf(request);
    if (present.delete(record.id)) deletedIds.add(record.id);
    // The payload of the event is [inferred].
    const records = [{ id: record.id, engagement_type: record.engagement_type }];
    const payload = { integrated_account_id: account.id, resource: 'crm/engagements', records };
    state.sendEvent('record:deleted', payload, fault?.effect.kind === 'accepted' ? acceptedEventMs : 0);
    // NOT FOUND: how raw and stream show a provider's 204 (here as the same 204), and whether there is remote_data without a body of
    // the provider (here there is none).
    return formatAnswer(shape, remote, () => mapDeleted && shapeFields(mapDeleted(record), remote.body, shape));
  });
}

/** The id of an engagement in every account that exists again after each delete, so that examples can be run again. */
const returningId = 'comes-back';

/** The engagement that the provider would find. Where the type is part of the address, one of another type is not found. */
function findEngagement(request: AccountRequest, type: string | undefined): EngagementRecord | undefined {
  const { id, account, state } = request;
  if (id === returningId || findFault(id) !== undefined) {
    const [template] = seedEngagements(account);
    const engagement_type = engagementTypes.find((known) => known === type) ?? template?.engagement_type;
    return template && engagement_type && { ...state.additionalFields, ...template, id, engagement_type };
  }
  const record = engagementsOf(request).present.get(id)?.record;
  const isElsewhere = account.rule?.requiresEngagementType && type !== undefined && type !== record?.engagement_type;
  return isElsewhere ? undefined : record;
}

/** `raw` and `remote_data` of a read: the unified names, with references as ids. The CRMs' own names are not imitated. [inferred] */
function showRelated(record: object): RawRecord {
  const idsIn = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(idsIn);
    return isJsonObject(value) && 'id' in value ? value.id : value;
  };
  const fields = Object.entries(record).map(([name, value]) =>
    name in referenceKinds ? [`${name}_id`, idsIn(value)] : [name, value],
  );
  return Object.fromEntries(fields);
}

/** What the fields with references refer to, and whether they are lists. */
const referenceKinds: Readonly<Record<string, readonly [kind: RelatedKind, isList: boolean]>> = {
  owner: ['users', false],
  account: ['accounts', false],
  project: ['projects', false],
  contact: ['contacts', true],
  opportunity: ['opportunities', true],
  lead: ['leads', true],
  notes: ['notes', true],
};

/** The documented values of the query parameter `engagement_type`. The body may name any type that the account has. [inferred] */
const typesInQuery = ['call', 'meeting'] as const;

/**
 * Handles `POST /unified/crm/engagements`. Truto checks the query and the required fields; the provider checks the values, since a
 * unified schema is documentation only. The status 200 is [inferred]: Truto documents 200 and 201 as success. `remote_data` of the
 * body has no effect: what a provider does with it is NOT FOUND.
 */
export function createEngagement(request: AccountRequest): Answer {
  const { account, query, state, received, shape } = request;
  // The fields that the provider stores, each with whether it is required.
  const names = account.provider.creates?.split(' ') ?? [];
  const stored = new Map(names.map((name) => [name.replace('!', ''), name.endsWith('!')]));
  const typeInQuery = readChoice(query, 'engagement_type', typesInQuery);
  if (typeInQuery === undefined && stored.get('engagement_type')) throw missing('query_parameter', ['engagement_type']);
  const body = parseBody(received.body);
  const type = typeInQuery ?? body.engagement_type ?? account.seededTypes[0]; // that the query wins is [inferred]
  stored.delete('engagement_type');
  checkBody(body, type, stored);

  // The response is repeated without a second record (truto-skills, unified-api.md). That of a refusal is not [inferred].
  const key = received.headers['idempotency-key'];
  const scope = key === undefined ? undefined : `${account.id} ${String(key)}`;
  const known = scope === undefined ? undefined : state.keyedCreates.get(scope);
  const id = known?.id ?? createUnusedId(request);
  return injectFault({ ...request, id }, () => {
    if (known) return known.answer;
    const given = Object.entries(body).filter(([name, value]) => stored.has(name) && value !== null);
    const problem = findProblem(account, type, given);
    if (problem !== undefined) return buildRemoteFailure(account, { statusCode: 422, message: problem });
    const now = new Date().toISOString();
    const record = {
      ...{ ...state.additionalFields, ...Object.fromEntries(given) },
      ...{ id, engagement_type: type, created_at: now, updated_at: now },
    } as EngagementRecord;
    const { present, deletedIds } = engagementsOf(request);
    present.set(id, { number: present.size + deletedIds.size, record });
    const shown = showEngagement(account.provider, record);
    const answer = formatAnswer(shape, { status: 200, body: shown }, () => shapeFields(record, shown, shape));
    if (scope !== undefined) state.keyedCreates.set(scope, { id, answer });
    return answer;
  });
}

function parseBody(text = ''): Query {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'The body is not valid JSON');
  }
  if (!isJsonObject(body)) throw new Refusal(400, 'The body must be a JSON object');
  if (isDeeperThan(body, maxBodyLevels)) throw new Refusal(400, `The body has more than ${maxBodyLevels} levels`);
  return body;
}

/** Refuses what Truto itself refuses. That it refuses a direction without a call is [inferred]: "only for calls" is documented. */
function checkBody(body: Query, type: unknown, stored: ReadonlyMap<string, boolean>): void {
  const isEmpty = (name: string) => {
    const value = body[name] ?? '';
    return value === '' || (Array.isArray(value) && value.length === 0);
  };
  const lacking = [...stored.keys()].filter((name) => stored.get(name) && isEmpty(name));
  if (lacking.length > 0) throw missing('body_field', lacking);
  if (stored.has('direction') && !isEmpty('direction') && type !== 'call') {
    throw new Refusal(400, 'Body field direction may only be set when engagement_type is call');
  }
  if (!isEmpty('remote_data') && !isJsonObject(body.remote_data)) {
    throw new Refusal(400, 'Body field remote_data must be an object');
  }
}

/** The provider's complaint about the first bad value. How providers refuse unknown types and references is NOT FOUND: 422 here. */
function findProblem(
  account: SandboxAccount,
  type: unknown,
  given: readonly [name: string, value: unknown][],
): string | undefined {
  const types: readonly unknown[] = [...typesInQuery, ...account.seededTypes];
  if (!types.includes(type)) return 'engagement_type is not known';
  const bad = given.find(([name, value]) => !isAccepted(account, name, value));
  return bad && `${bad[0]} has an invalid value`;
}

function isAccepted(account: SandboxAccount, name: string, value: unknown): boolean {
  const [kind, isList] = referenceKinds[name] ?? [];
  if (kind !== undefined) {
    const items = isList ? value : [value];
    const isKnown = (item: unknown) => isJsonObject(item) && relatedIds(account, kind).some((id) => id === item.id);
    return Array.isArray(items) && items.every(isKnown);
  }
  if (name === 'phone_numbers') return Array.isArray(value) && value.every(isJsonObject);
  return name === 'custom_fields' ? isJsonObject(value) : typeof value === 'string';
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
