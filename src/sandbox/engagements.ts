import type { SandboxAccount } from './accounts.ts';
import type { Answer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { listRecords } from './list.ts';
import type { ListFilters } from './list-filters.ts';
import {
  checkDeleteParameters,
  checkRemoteQuery,
  type ReadableType,
  readAnswerShape,
  readTypeToDelete,
  readTypeToGet,
} from './parameters.ts';
import type { Collection, EngagementRecord } from './records.ts';
import { findQueriedAccount, type SandboxRequest, unsupportedMethod } from './request.ts';
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

/**
 * `GET /unified/crm/engagements`. `engagement_type` is optional for every account: the list page counts ten integrations
 * that require it without naming them.
 */
export function listEngagements(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const collection = findCollection(request, account);
  return listRecords(request, account, {
    kind: 'engagements',
    list: () => collection.list(),
    filters: engagementFilters,
    show: account.provider.showEngagement,
  });
}

/** `GET /unified/crm/engagements/{id}`. */
export function getEngagement(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const shape = readAnswerShape(request.query);
  const type = readTypeToGet(request.query, account);
  checkRemoteQuery(request.query);
  return injectFault(request, account, () => {
    const record = findEngagement(request, account, type);
    if (record !== undefined) return showOne(record, account.provider.showEngagement(record), shape);
    const isDeleted = findCollection(request, account).wasDeleted(request.id);
    const stub = isDeleted ? account.provider.showDeleted?.(request.id) : undefined;
    return stub === undefined ? buildNotFound(account) : showOne({ id: request.id }, stub, shape);
  });
}

/** `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const { answerDelete, mapDeleted } = account.provider;
  if (answerDelete === undefined) throw unsupportedMethod('delete', 'engagements', account);
  const shape = readAnswerShape(request.query);
  const type = readTypeToDelete(request.query, account);
  checkDeleteParameters(request.query, account, type);
  return injectFault(request, account, () => {
    const record = findEngagement(request, account, type);
    if (record === undefined) return buildNotFound(account);
    findCollection(request, account).delete(record.id);
    const remote = answerDelete(record);
    if (!isMapped(shape)) {
      // What raw and stream make of a provider's 204 is NOT FOUND: the same 204 here.
      return passThrough(remote, shape);
    }
    // Whether remote_data is there when the provider sends no body is NOT FOUND: absent here, not invented.
    return mapDeleted === undefined
      ? { kind: 'plain', status: 204 }
      : { kind: 'plain', status: 200, body: shapeFields(mapDeleted(record), remote.body, shape) };
  });
}

/**
 * The engagement that the provider would find. Where the type is part of the address, one of another type is not there. A
 * reserved id stands for a record that always exists, so that its fault can strike after a success.
 */
function findEngagement(
  request: SandboxRequest,
  account: SandboxAccount,
  type: ReadableType | undefined,
): EngagementRecord | undefined {
  const { id, hasReservedId } = request;
  if (hasReservedId) {
    const [template] = seedEngagements(account);
    return template && { ...template, id, ...(type !== undefined && type !== 'task' && { engagement_type: type }) };
  }
  const record = findCollection(request, account).get(id);
  const isElsewhere = account.rule?.requiresEngagementType && type !== undefined && type !== record?.engagement_type;
  return isElsewhere ? undefined : record;
}

function findCollection({ state }: SandboxRequest, { id }: SandboxAccount): Collection {
  const collection = state.engagements.get(id);
  if (collection === undefined) throw new RangeError(`The sandbox has no engagements for the account ${id}`);
  return collection;
}
