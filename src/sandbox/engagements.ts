import { engagementTypes } from '../engagement/input.ts';
import type { Answer } from './answer.ts';
import { findFault } from './faults.ts';
import { injectFault } from './inject-fault.ts';
import { listRecords } from './list.ts';
import type { ListFilters } from './list-filters.ts';
import { checkDeleteParameters, checkRemoteQuery, readAnswerShape, readType } from './parameters.ts';
import type { EngagementRecord, Engagements } from './records.ts';
import type { AccountRequest } from './request.ts';
import { seedEngagements } from './seed.ts';
import { buildNotFound, isMapped, passThrough, shapeFields, showOne } from './show-record.ts';

/** The documented filters. Which of them a real integration supports is only known as counts; here every account has them all. */
const engagementFilters: ListFilters = {
  type: ['engagement_type'],
  start: ['start_time'],
  end: ['end_time'],
  reference: ['contact', 'opportunity', 'account', 'owner', 'lead'],
  part: ['subject', 'content'],
  whole: ['status'],
};

/** `engagement_type` is optional for every account: the list page counts ten that require it, without naming them. */
export function listEngagements(request: AccountRequest): Answer {
  return listRecords(request, {
    kind: 'engagements',
    list: () => [...engagementsOf(request).present.values()],
    filters: engagementFilters,
    show: request.account.provider.showEngagement,
  });
}

/** `GET /unified/crm/engagements/{id}`. */
export function getEngagement(request: AccountRequest): Answer {
  const { id, query, account } = request;
  const shape = readAnswerShape(query);
  const type = readType(query, account, 'get');
  checkRemoteQuery(query);
  return injectFault(request, () => {
    const record = findEngagement(request, type);
    if (record !== undefined) return showOne(record, account.provider.showEngagement(record), shape);
    const stub = engagementsOf(request).deletedIds.has(id) ? account.provider.showDeleted?.(id) : undefined;
    return stub === undefined ? buildNotFound(account) : showOne({ id }, stub, shape);
  });
}

/** `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: AccountRequest): Answer {
  const { query, account } = request;
  const shape = readAnswerShape(query);
  const type = readType(query, account, 'delete');
  checkDeleteParameters(query, account, type);
  return injectFault(request, () => {
    const { answerDelete, mapDeleted } = account.provider;
    const record = findEngagement(request, type);
    const remote = record && answerDelete?.(record);
    if (record === undefined || remote === undefined) return buildNotFound(account);
    const { present, deletedIds } = engagementsOf(request);
    if (present.delete(record.id)) deletedIds.add(record.id);
    // What raw and stream make of a provider's 204 is NOT FOUND: the same 204 here.
    if (!isMapped(shape)) return passThrough(remote, shape);
    if (mapDeleted === undefined) return { kind: 'plain', status: 204 };
    // Whether remote_data is there when the provider sends no body is NOT FOUND: absent here, not invented.
    return { kind: 'plain', status: 200, body: shapeFields(mapDeleted(record), remote.body, shape) };
  });
}

/** What the provider would find. Where the type is part of the address, an engagement of another type is not there. */
function findEngagement(request: AccountRequest, type: string | undefined): EngagementRecord | undefined {
  const { id, account } = request;
  if (findFault(id) !== undefined) {
    // A reserved id stands for a record that always exists, so that its fault can strike after a success.
    const [template] = seedEngagements(account);
    const engagement_type = engagementTypes.find((known) => known === type) ?? template?.engagement_type;
    return template && engagement_type && { ...template, id, engagement_type };
  }
  const record = engagementsOf(request).present.get(id)?.record;
  const isElsewhere = account.rule?.requiresEngagementType && type !== undefined && type !== record?.engagement_type;
  return isElsewhere ? undefined : record;
}

function engagementsOf({ state, account }: AccountRequest): Engagements {
  const engagements = state.engagements.get(account);
  if (engagements === undefined) throw new RangeError(`The sandbox has no engagements for the account ${account.id}`);
  return engagements;
}
