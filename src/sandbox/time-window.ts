import type { Condition } from './list-filters.ts';
import { Refusal } from './refusal.ts';

/**
 * Refuses a window over `start_time` and `end_time` that ends before it starts or is longer than a year. Documented are
 * only these two rules, so that they hold for the window from the one to the other and for each by itself is [inferred].
 */
export function checkTimeWindow(conditions: readonly Condition[]): void {
  const startsAfter = boundOf(conditions, 'start_time', ['from', 'gt', 'eq']);
  const startsBefore = boundOf(conditions, 'start_time', ['lt']);
  const endsAfter = boundOf(conditions, 'end_time', ['gt']);
  const endsBefore = boundOf(conditions, 'end_time', ['to', 'lt', 'eq']);
  checkWindow(startsAfter, startsBefore, 'start_time');
  checkWindow(endsAfter, endsBefore, 'end_time');
  checkWindow(startsAfter, endsBefore, 'start_time to end_time');
}

function boundOf(conditions: readonly Condition[], field: string, tests: readonly string[]): number | undefined {
  const bound = conditions.find((condition) => condition.field === field && tests.includes(condition.test));
  return bound !== undefined && 'ms' in bound ? bound.ms : undefined;
}

function checkWindow(fromMs: number | undefined, toMs: number | undefined, name: string): void {
  if (fromMs === undefined || toMs === undefined) {
    return;
  }
  if (fromMs > toMs) {
    throw new Refusal(400, `The range of ${name} must start before it ends`);
  }
  const latest = new Date(fromMs);
  latest.setUTCFullYear(latest.getUTCFullYear() + 1);
  if (toMs > latest.getTime()) {
    throw new Refusal(400, `The range of ${name} must not be longer than a year`);
  }
}
