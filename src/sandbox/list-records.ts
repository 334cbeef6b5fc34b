import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import type { Collection } from './collection.ts';
import { fingerprintOf } from './cursor.ts';
import { injectFault } from './inject-fault.ts';
import { type Condition, type ListFilters, readConditions } from './list-filters.ts';
import { sortRecords } from './list-order.ts';
import { meetsConditions } from './meets-conditions.ts';
import { type Page, pageOf, readPaging } from './paging.ts';
import { type AnswerShape, checkRemoteQuery, readAnswerShape, readSort } from './parameters.ts';
import type { RecordKind } from './record-kind.ts';
import type { SandboxRequest } from './request.ts';
import { isMapped, passThrough, shapeFields } from './show-record.ts';

/** What is listed, and how. */
export interface Listing<Item extends { readonly id: string }> {
  readonly kind: RecordKind;
  readonly collection: Collection<Item>;
  readonly filters: ListFilters<Item>;
  /** Refuses what is well-formed by itself, but not together. */
  readonly checkConditions?: (conditions: readonly Condition[]) => void;
  /** The record as the provider's own API shows it. */
  readonly show: (record: Item) => unknown;
}

/** Answers a list call: the records that meet the query's filters, sorted, one page of them. */
export function listRecords<Item extends { readonly id: string }>(
  request: SandboxRequest,
  account: SandboxAccount,
  listing: Listing<Item>,
): Answer {
  const { query } = request;
  checkRemoteQuery(query);
  const shape = readAnswerShape(query);
  const conditions = readConditions(query, listing.filters);
  listing.checkConditions?.(conditions);
  const order = readSort(query);
  const fingerprint = fingerprintOf({ accountId: account.id, kind: listing.kind, conditions, order });
  const paging = readPaging(query, { order, fingerprint });
  return injectFault(request, account, () => {
    const matching = listing.collection.list().filter(({ record }) => meetsConditions(record, conditions));
    return showPage(pageOf(sortRecords(matching, order), paging), listing.show, shape);
  });
}

function showPage<Item extends object>(
  page: Page<Item>,
  show: (record: Item) => unknown,
  shape: AnswerShape,
): PlainAnswer {
  if (!isMapped(shape)) {
    // The providers' own lists differ more than is documented; a bare array of their records is [inferred].
    return passThrough({ status: 200, body: page.records.map(show) }, shape);
  }
  return {
    kind: 'plain',
    status: 200,
    body: {
      result: page.records.map((record) => shapeFields(record, show(record), shape)),
      next_cursor: page.nextCursor,
      prev_cursor: page.prevCursor,
      // Of this page: whether upstream counts the page or the whole is NOT FOUND.
      result_count: page.records.length,
    },
  };
}
