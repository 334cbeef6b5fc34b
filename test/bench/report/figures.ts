import type { CaseResult, Reading, WorkResult } from '../measure.ts';
import { type Quartiles, quartilesOf } from '../statistics.ts';
import type { Comparison } from '../work.ts';

/** The case of that name; undefined when it was not measured, or gave a wrong answer. */
export function findCase({ cases }: WorkResult, name: string): CaseResult | undefined {
  return cases.find((each) => each.name === name && each.complaint === undefined && each.readings.length > 0);
}

/** The case of that target in a work in which each target has one. */
export function caseOfTarget({ cases }: WorkResult, target: string): CaseResult | undefined {
  return cases.find((each) => each.target === target && each.complaint === undefined && each.readings.length > 0);
}

/** The quartiles of one figure over all rounds; undefined when it was not read. */
export function quartiles(
  { readings }: CaseResult,
  figure: (reading: Reading) => number | undefined,
): Quartiles | undefined {
  const figures = readings.map(figure).filter((value) => value !== undefined);
  return figures.length > 0 ? quartilesOf(figures) : undefined;
}

/** The quartiles of two cases combined round by round. */
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

/** One's requests a second divided by the other's. */
export const rateRatio = (one: Reading, other: Reading) => one.requestsPerSecond / other.requestsPerSecond;

/** One's median latency less the other's. */
export const addedP50Ms = (one: Reading, other: Reading) => one.p50Ms - other.p50Ms;

/** One's median latency divided by the other's. */
export const p50Ratio = (one: Reading, other: Reading) => one.p50Ms / other.p50Ms;

/** How a case is compared with its work's base, and the title of that column. */
export const comparisons: Readonly<
  Record<Comparison, { readonly title: string; readonly combine: (one: Reading, base: Reading) => number }>
> = {
  rate: { title: 'ratio', combine: rateRatio },
  'added p50': { title: 'added p50 ms', combine: addedP50Ms },
  p50: { title: 'round trips', combine: p50Ratio },
};
