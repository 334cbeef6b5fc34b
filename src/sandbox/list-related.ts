import type { Answer } from './answer.ts';
import { listRecords } from './list-records.ts';
import type { RelatedKind } from './record-kind.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { isSupported } from './resource-support.ts';
import type { Resource } from './resources/resource.ts';
import { showRelated } from './show-related.ts';
import { findCollection } from './store.ts';
import { unsupportedMethod } from './unsupported-method.ts';

/** Answers `GET /unified/crm/{resource}`. Sorting is documented for users, by unnamed fields; for the others it is [inferred]. */
export function listRelated<Kind extends RelatedKind>(request: SandboxRequest, resource: Resource<Kind>): Answer {
  const account = findQueriedAccount(request);
  if (!isSupported(resource.kind, 'list', account.provider)) {
    throw unsupportedMethod('list', resource.kind, account);
  }
  return listRecords(request, account, {
    kind: resource.kind,
    collection: findCollection(request.store, resource.kind, account),
    filters: resource.filters,
    show: showRelated,
  });
}
