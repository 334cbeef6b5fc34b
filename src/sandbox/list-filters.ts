import { isQueryObject, parseDate, type Query } from './query.ts';
import type { EngagementRecord } from './record.ts';
import { Refusal } from './refusal.ts';

const textFilters = ['engagement_type', 'subject', 'content', 'status'] as const;
const dateFilters = ['created_at', 'updated_at', 'start_time', 'end_time'] as const;
const referenceFilters = ['owner', 'account', 'contact', 'opportunity', 'lead'] as const;

/**
 * True when the record passes every list filter in the query. Texts compare whole (`status=x`), dates whole or by
 * operator (`created_at[gt]=…`), references by id (`owner[id]=7`, and `contact[0][id]=7` where any of them will do).
 * Which filters a real integration supports is only known as counts; here every account has them all.
 */
export function matchesFilters(record: EngagementRecord, query: Query): boolean {
  return (
    textFilters.every((name) => !isSet(query[name]) || record[name] === query[name]) &&
    dateFilters.every((name) => !isSet(query[name]) || matchesDate(record[name], query[name], name)) &&
    referenceFilters.every((name) => !isSet(query[name]) || matchesReference(record[name], query[name]))
  );
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '';
}

function matchesDate(date: string | null | undefined, filter: unknown, name: string): boolean {
  const conditions = isQueryObject(filter) ? Object.entries(filter) : [['eq', filter] as const];
  const results = conditions.map(([operator, value]) => {
    const boundMs = parseDate(value, name);
    const dateMs = date ? Date.parse(date) : Number.NaN;
    switch (operator) {
      case 'eq':
        return dateMs === boundMs;
      case 'gt':
        return dateMs > boundMs;
      case 'lt':
        return dateMs < boundMs;
      default:
        throw new Refusal(400, `Query parameter ${name} knows the operators eq, gt and lt`);
    }
  });
  return results.every(Boolean);
}

function matchesReference(value: EngagementRecord[(typeof referenceFilters)[number]], filter: unknown): boolean {
  const references = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  const wanted = new Set(idsIn(filter));
  return references.some(({ id }) => wanted.has(id));
}

/** The ids in `7`, `{id: 7}` or a list of either. */
function idsIn(filter: unknown): readonly string[] {
  if (Array.isArray(filter)) {
    return filter.flatMap(idsIn);
  }
  if (isQueryObject(filter)) {
    return idsIn(filter.id);
  }
  return typeof filter === 'string' ? [filter] : [];
}
