import type { SandboxAccount } from './accounts.ts';
import type { Answer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { checkRemoteQuery, readAnswerShape } from './parameters.ts';
import type { RelatedKind } from './record-kind.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { isSupported } from './resource-support.ts';
import type { Resource } from './resources/resource.ts';
import { buildNotFound, showOne } from './show-record.ts';
import { showRelated } from './show-related.ts';
import { findCollection } from './store.ts';
import { unsupportedMethod } from './unsupported-method.ts';

/** Answers `GET /unified/crm/{resource}/{id}`. */
export function getRelated<Kind extends RelatedKind>(request: SandboxRequest, resource: Resource<Kind>): Answer {
  const account = findQueriedAccount(request);
  if (!isSupported(resource.kind, 'get', account.provider)) {
    throw unsupportedMethod('get', resource.kind, account);
  }
  const shape = readAnswerShape(request.query);
  checkRemoteQuery(request.query);
  return injectFault(request, account, () => {
    const record = findRecord(request, account, resource);
    return record === undefined ? buildNotFound(account) : showOne(record, showRelated(record), shape);
  });
}

/** A reserved id stands for a record that always exists, so that its fault can strike after a success. */
function findRecord<Kind extends RelatedKind>(
  request: SandboxRequest,
  account: SandboxAccount,
  resource: Resource<Kind>,
): object | undefined {
  if (request.hasReservedId) {
    return { ...resource.seed(account)[0], id: request.id };
  }
  return findCollection(request.store, resource.kind, account).get(request.id);
}
