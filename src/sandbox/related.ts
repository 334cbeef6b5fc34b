import type { SandboxAccount } from './accounts.ts';
import type { Answer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { listRecords } from './list.ts';
import { checkRemoteQuery, readAnswerShape } from './parameters.ts';
import type { RawRecord } from './provider.ts';
import type { RelatedKind } from './records.ts';
import { findQueriedAccount, type SandboxRequest, unsupportedMethod } from './request.ts';
import { resources, seedRelated } from './resources.ts';
import { buildNotFound, showOne } from './show-record.ts';

/** Answers `GET /unified/crm/{kind}`. Sorting is documented for users, by unnamed fields; for the others it is [inferred]. */
export function listRelated(kind: RelatedKind): (request: SandboxRequest) => Answer {
  return (request) => {
    const account = findSupportingAccount(request, kind, 'list');
    return listRecords(request, account, {
      kind,
      list: () => seedRelated(account, kind).map((record, number) => ({ number, record })),
      filters: resources[kind].filters,
      show: showRelated,
    });
  };
}

/** Answers `GET /unified/crm/{kind}/{id}`. */
export function getRelated(kind: RelatedKind): (request: SandboxRequest) => Answer {
  return (request) => {
    const account = findSupportingAccount(request, kind, 'get');
    const shape = readAnswerShape(request.query);
    checkRemoteQuery(request.query);
    return injectFault(request, account, () => {
      const records = seedRelated(account, kind);
      // A reserved id stands for a record that always exists, so that its fault can strike after a success.
      const record = request.hasReservedId
        ? { ...records[0], id: request.id }
        : records.find(({ id }) => id === request.id);
      return record === undefined ? buildNotFound(account) : showOne(record, showRelated(record), shape);
    });
  };
}

/** The queried account, if its integration has the method: every one but these is taken to have it [inferred]. */
function findSupportingAccount(request: SandboxRequest, kind: RelatedKind, method: 'get' | 'list'): SandboxAccount {
  const account = findQueriedAccount(request);
  const { lacksUserGet, hasProjects } = account.provider;
  if ((kind === 'users' && method === 'get' && lacksUserGet) || (kind === 'projects' && !hasProjects)) {
    throw unsupportedMethod(method, kind, account);
  }
  return account;
}

const references: ReadonlySet<string> = new Set(['owner', 'account', 'contact', 'opportunity', 'lead']);

/**
 * `raw` and `remote_data` of a read. What the CRMs call these fields is not imitated: they have the unified names here, with
 * references as bare ids, so that a raw record differs from the unified one. [inferred]
 */
function showRelated(record: object): RawRecord {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) =>
      references.has(name) ? [`${name}_id`, idsOf(value)] : [name, value],
    ),
  );
}

function idsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(idsOf);
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
}
