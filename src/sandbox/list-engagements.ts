import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { matchesFilters } from './list-filters.ts';
import { pageOf, readPaging } from './paging.ts';
import { type AnswerShape, checkRemoteQuery, checkSort, readAnswerShape, readableTypes } from './parameters.ts';
import { findProvider } from './providers/table.ts';
import { readChoice } from './query.ts';
import type { EngagementRecord } from './record.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { isMapped, passThrough, shapeFields } from './show-record.ts';
import type { Placed } from './store.ts';

/**
 * `GET /unified/crm/engagements`. `engagement_type` is optional for every account: the list page counts ten integrations
 * that require it without naming them.
 */
export function listEngagements(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  readChoice(request.query, 'engagement_type', readableTypes);
  checkRemoteQuery(request.query);
  const shape = readAnswerShape(request.query);
  return injectFault(request, account, () => listAtProvider(request, account, shape));
}

function listAtProvider(request: SandboxRequest, account: SandboxAccount, shape: AnswerShape): PlainAnswer {
  const provider = findProvider(account.integration.label);
  const matching = (request.store.engagements.get(account)?.list() ?? []).filter(({ record }) =>
    matchesFilters(record, request.query),
  );
  const page = pageOf(sort(matching, request), readPaging(request.query));
  if (!isMapped(shape)) {
    // The providers' own lists differ more than is documented; a bare array of their records is [inferred].
    return passThrough({ status: 200, body: page.records.map((record) => provider.showEngagement(record)) }, shape);
  }
  return {
    kind: 'plain',
    status: 200,
    body: {
      result: page.records.map((record) => shapeFields(record, provider.showEngagement(record), shape)),
      next_cursor: page.nextCursor,
      prev_cursor: page.prevCursor,
      // Of this page: whether upstream counts the page or the whole is NOT FOUND.
      result_count: page.records.length,
    },
  };
}

/** Sorted records get new places, since a cursor counts places. */
function sort(
  items: readonly Placed<EngagementRecord>[],
  request: SandboxRequest,
): readonly Placed<EngagementRecord>[] {
  const order = checkSort(request.query);
  if (order === undefined) {
    return items;
  }
  const key = ({ record }: Placed<EngagementRecord>): string =>
    (order.field === 'updated_at' ? record.updated_at : record.created_at) ?? '';
  const sign = order.isDescending ? -1 : 1;
  return items
    .toSorted((left, right) => sign * (key(left) < key(right) ? -1 : Number(key(left) > key(right))))
    .map(({ record }, place) => ({ place, record }));
}
