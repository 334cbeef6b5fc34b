import type { CaseResult, Reading, WorkResult } from '../measure.ts';
import { type Quartiles, quartilesOf } from '../statistics.ts';

/** The case of that name; undefined when it was not measured, or gave a wrong answer. */
export function findCase({ cases }: WorkResult, name: string): CaseResult | undefined {
  return cases.find((each) => each.name === name && each.complaint === undefined && each.readings.length > 0);
}

/** The case of that target in a work in which each target has one. */
export function caseOfTarget({ cases }: WorkResult, target: string): CaseResult | undefined {
  return cases.find((each) => each.target === target && each.complaint === undefined && each.readings.length > 0);
}

/** The quartiles of one figure over all rounds; undefined when nobody told it. */
export function quartiles(
  { readings }: CaseResult,
  figure: (reading: Reading) => number | undefined,
): Quartiles | undefined {
  const figures = readings.map(figure).filter((value) => value !== undefined);
  return figures.length > 0 ? quartilesOf(figures) : undefined;
}

/** The quartiles of what two cases make of each other, round by round. */
export function paired(
  one: CaseResult,
  other: CaseResult,
  combine: (one: Reading, other: Reading) => number,
): Quartiles {
  return quartilesOf(
    one.readings.flatMap((reading, round) => {
      const opposite = other.readings[round];
      return opposite ? [combine(reading, opposite)] : [];
    }),
  );
}

/** How many times as many requests a second. */
export const rateRatio = (one: Reading, other: Reading) => one.requestsPerSecond / other.requestsPerSecond;

/** How much later half of the answers are there. */
export const addedP50Ms = (one: Reading, other: Reading) => one.p50Ms - other.p50Ms;
