import type { QueryParameter } from '../../upstream/query-string.ts';
import type { Finding } from '../finding.ts';
import type { EngagementSort, EngagementType } from '../input.ts';
import { checkDate, checkId, checkText } from '../text-rules.ts';

/** After and before, both exclusive; either may be open. */
export interface DateTimeRange {
  readonly gt?: Date | null | undefined;
  readonly lt?: Date | null | undefined;
}

/** Which engagements to list. Absent and null mean the same: not filtered by. */
export interface EngagementFilter {
  readonly engagementType?: EngagementType | null | undefined;
  readonly owner?: string | null | undefined;
  readonly contact?: string | null | undefined;
  readonly account?: string | null | undefined;
  readonly opportunity?: string | null | undefined;
  readonly lead?: string | null | undefined;
  readonly subject?: string | null | undefined;
  readonly content?: string | null | undefined;
  readonly status?: string | null | undefined;
  readonly createdAt?: DateTimeRange | null | undefined;
  readonly updatedAt?: DateTimeRange | null | undefined;
  readonly startTime?: DateTimeRange | null | undefined;
  readonly endTime?: DateTimeRange | null | undefined;
}

/** In which order to list. */
export interface EngagementOrder {
  readonly field: EngagementSort;
  readonly direction: 'asc' | 'desc';
}

const references = ['owner', 'contact', 'account', 'opportunity', 'lead'] as const;
const texts = ['subject', 'content', 'status'] as const;
const ranges = ['createdAt', 'updatedAt', 'startTime', 'endTime'] as const;

/** Refuses a filter that cannot be put on the wire as it is meant. */
export function checkFilter(filter: EngagementFilter): readonly Finding[] {
  const path = (name: string) => ['filter', name];
  return [
    ...references.flatMap((name) => {
      const id = filter[name];
      return id === null || id === undefined ? [] : checkId(id, path(name));
    }),
    ...texts.flatMap((name) => checkText(filter[name] ?? '', path(name))),
    ...ranges.flatMap((name) => [
      ...checkDate(filter[name]?.gt, [...path(name), 'gt']),
      ...checkDate(filter[name]?.lt, [...path(name), 'lt']),
    ]),
  ];
}

function reference(id: string | null | undefined): { readonly id: string } | undefined {
  return id === null || id === undefined ? undefined : { id };
}

function range(dates: DateTimeRange | null | undefined): Readonly<Record<string, string | undefined>> | undefined {
  return dates ? { gt: dates.gt?.toISOString(), lt: dates.lt?.toISOString() } : undefined;
}

/**
 * The query parameters of a filter: references in the shape that records have them in, so those that are lists in a
 * record are lists here, and ranges by Truto's operators (`created_at[gt]=…`).
 */
export function filterParameters(filter: EngagementFilter): QueryParameter[] {
  const list = (id: string | null | undefined) => reference(id) && [reference(id)];
  return [
    ['engagement_type', filter.engagementType ?? undefined],
    ['owner', reference(filter.owner)],
    ['account', reference(filter.account)],
    ['contact', list(filter.contact)],
    ['opportunity', list(filter.opportunity)],
    ['lead', list(filter.lead)],
    ['subject', filter.subject ?? undefined],
    ['content', filter.content ?? undefined],
    ['status', filter.status ?? undefined],
    ['created_at', range(filter.createdAt)],
    ['updated_at', range(filter.updatedAt)],
    ['start_time', range(filter.startTime)],
    ['end_time', range(filter.endTime)],
  ];
}

/** The query parameter of an order: `sort_by[created_at]=asc`. */
export function orderParameter(order: EngagementOrder | undefined): QueryParameter {
  return ['sort_by', order && { [order.field]: order.direction }];
}
