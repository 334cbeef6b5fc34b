import { engagementTypes } from '../engagement/input.ts';
import { type Answer, buildNotFound, isMapped, passThrough, shapeFields, showOne } from './answer.ts';
import { findFault } from './faults.ts';
import { type ListFilters, listRecords } from './list.ts';
import { type RawRecord, showEngagement } from './providers.ts';
import { checkDeleteParameters, checkRemoteQuery, readAnswerShape, readType } from './query.ts';
import type { EngagementRecord, RecordKind, RelatedKind } from './records.ts';
import { type AccountRequest, engagementsOf, injectFault, sendDeleted } from './request.ts';
import { seedEngagements, seedRelated } from './seed.ts';

/**
 * The filters of each kind, besides `created_at` and `updated_at`. Those of engagements and users are documented, the others are
 * [inferred]. The documentation only counts how many a real integration supports; here every account has all.
 */
export const filtersByKind: Readonly<Record<RecordKind, ListFilters>> = {
  engagements: {
    type: ['engagement_type'],
    start: ['start_time'],
    end: ['end_time'],
    reference: ['contact', 'opportunity', 'account', 'owner', 'lead'],
    part: ['subject', 'content'],
    whole: ['status'],
  },
  users: { part: ['name'], whole: ['email'] },
  contacts: { part: ['name'], reference: ['account', 'owner'] },
  accounts: { reference: ['owner'], part: ['name'], whole: ['industry'] },
  opportunities: { part: ['name'], whole: ['status'], reference: ['owner', 'account', 'contact'] },
  leads: { whole: ['status', 'lead_source'], reference: ['owner', 'account', 'contact'] },
  projects: { part: ['name'], whole: ['status'], reference: ['owner', 'account', 'contact', 'opportunity'] },
  notes: { part: ['title', 'content'], reference: ['owner', 'contact', 'account', 'opportunity', 'lead'] },
};

/** Handles `GET /unified/crm/{kind}`. Sorting is documented for engagements and users; for the others it is [inferred]. */
export function listKind(request: AccountRequest, kind: RecordKind): Answer {
  const filters = filtersByKind[kind];
  if (kind === 'engagements') {
    const { present } = engagementsOf(request);
    const show = (record: EngagementRecord) => showEngagement(request.account.provider, record);
    return listRecords(request, kind, filters, () => [...present.values()], show);
  }
  const numbered = () => seedRelated(request.account, kind).map((record, number) => ({ number, record }));
  return listRecords(request, kind, filters, numbered, showRelated);
}

/** Handles `GET /unified/crm/engagements/{id}`. */
export function getEngagement(request: AccountRequest): Answer {
  const { id, query, account } = request;
  const shape = readAnswerShape(query);
  const type = readType(query, account, 'get');
  checkRemoteQuery(query);
  return injectFault(request, () => {
    const record = findEngagement(request, type);
    if (record !== undefined) return showOne(record, showEngagement(account.provider, record), shape);
    const stub = engagementsOf(request).deletedIds.has(id) ? account.provider.showDeleted?.(id) : undefined;
    return stub === undefined ? buildNotFound(account) : showOne({ id }, stub, shape);
  });
}

/** Handles `GET /unified/crm/{kind}/{id}`. */
export function getRelated(request: AccountRequest, kind: RelatedKind): Answer {
  const { account, id, query } = request;
  const shape = readAnswerShape(query);
  checkRemoteQuery(query);
  return injectFault(request, () => {
    const records = seedRelated(account, kind);
    // A reserved id names a record that always exists, so that its fault can occur after a success.
    const record = findFault(id) ? { ...records[0], id } : records.find((candidate) => candidate.id === id);
    return record === undefined ? buildNotFound(account) : showOne(record, showRelated(record), shape);
  });
}

/** Handles `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: AccountRequest): Answer {
  const { query, account } = request;
  const shape = readAnswerShape(query);
  const type = readType(query, account, 'delete');
  checkDeleteParameters(query, account, type);
  return injectFault(request, () => {
    const { answerDelete, mapDeleted } = account.provider;
    const record = findEngagement(request, type);
    const remote = record && answerDelete?.(record, showEngagement(account.provider, record));
    if (record === undefined || remote === undefined) return buildNotFound(account);
    const { present, deletedIds } = engagementsOf(request);
    if (present.delete(record.id)) deletedIds.add(record.id);
    sendDeleted(request, record);
    // How raw and stream show a provider's 204 is NOT FOUND: here as the same 204.
    if (!isMapped(shape)) return passThrough(remote, shape);
    if (mapDeleted === undefined) return { kind: 'plain', status: 204 };
    // Whether there is remote_data when the provider sends no body is NOT FOUND: here there is none.
    return { kind: 'plain', status: 200, body: shapeFields(mapDeleted(record), remote.body, shape) };
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

const references: ReadonlySet<string> = new Set(['owner', 'account', 'contact', 'opportunity', 'lead']);

/** `raw` and `remote_data` of a read: the unified names, with references as ids. The CRMs' own names are not imitated. [inferred] */
function showRelated(record: object): RawRecord {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) =>
      references.has(name) ? [`${name}_id`, idsIn(value)] : [name, value],
    ),
  );
}

function idsIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(idsIn);
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
}
