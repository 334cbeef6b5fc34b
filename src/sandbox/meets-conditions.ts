import type { Condition } from './list-filters.ts';
import { isQueryObject } from './query.ts';

/** True when the record meets every condition. A field that is null or absent meets none. */
export function meetsConditions(record: object, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) => meets(Reflect.get(record, condition.field), condition));
}

function meets(value: unknown, condition: Condition): boolean {
  switch (condition.test) {
    case 'is':
      return value === condition.text;
    case 'has':
      return typeof value === 'string' && value.toLowerCase().includes(condition.text.toLowerCase());
    case 'refers':
      return idsIn(value).some((id) => condition.ids.includes(id));
    default:
      return typeof value === 'string' && meetsDate(Date.parse(value), condition);
  }
}

function meetsDate(ms: number, condition: Extract<Condition, { ms: number }>): boolean {
  switch (condition.test) {
    case 'eq':
      return ms === condition.ms;
    case 'gt':
      return ms > condition.ms;
    case 'lt':
      return ms < condition.ms;
    case 'from':
      return ms >= condition.ms;
    case 'to':
      return ms <= condition.ms;
  }
}

/** The ids in a reference or a list of them. */
function idsIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap(idsIn);
  }
  return isQueryObject(value) && typeof value.id === 'string' ? [value.id] : [];
}
