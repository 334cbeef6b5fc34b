import type { Answer } from './answer.ts';
import { findFault } from './faults.ts';
import { injectFault } from './inject-fault.ts';
import { listRecords } from './list.ts';
import { checkRemoteQuery, readAnswerShape } from './parameters.ts';
import type { RawRecord } from './provider.ts';
import type { RelatedKind } from './records.ts';
import type { AccountRequest } from './request.ts';
import { resources, seedRelated } from './resources.ts';
import { buildNotFound, showOne } from './show-record.ts';

/** Answers `GET /unified/crm/{kind}`. Sorting is documented for users, by unnamed fields; for the others it is [inferred]. */
export function listRelated(request: AccountRequest, kind: RelatedKind): Answer {
  return listRecords(request, {
    kind,
    list: () => seedRelated(request.account, kind).map((record, number) => ({ number, record })),
    filters: resources[kind].filters,
    show: showRelated,
  });
}

/** Answers `GET /unified/crm/{kind}/{id}`. */
export function getRelated(request: AccountRequest, kind: RelatedKind): Answer {
  const { account, id, query } = request;
  const shape = readAnswerShape(query);
  checkRemoteQuery(query);
  return injectFault(request, () => {
    const records = seedRelated(account, kind);
    // A reserved id stands for a record that always exists, so that its fault can strike after a success.
    const record = findFault(id) ? { ...records[0], id } : records.find((candidate) => candidate.id === id);
    return record === undefined ? buildNotFound(account) : showOne(record, showRelated(record), shape);
  });
}

const references: ReadonlySet<string> = new Set(['owner', 'account', 'contact', 'opportunity', 'lead']);

/** `raw` and `remote_data` of a read. The CRMs' own names are not imitated: the unified ones, references as ids. [inferred] */
function showRelated(record: object): RawRecord {
  const fields = Object.entries(record);
  return Object.fromEntries(
    fields.map(([name, value]) => (references.has(name) ? [`${name}_id`, idsOf(value)] : [name, value])),
  );
}

function idsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(idsOf);
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
}
