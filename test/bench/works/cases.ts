import type { Dialect, Question } from '../question.ts';
import { comparedTargets } from '../targets/targets.ts';
import { type Case, defaultConnections } from '../work.ts';

/** One case for each of these targets, which are all asked the same; for all compared targets where no names are given. */
export function casesOfTargets(
  questionOf: (dialect: Dialect) => Question,
  {
    names,
    ...sizes
  }: { readonly names?: readonly string[] } & Partial<Pick<Case, 'connections' | 'warmUpConnections'>> = {},
): readonly Case[] {
  return comparedTargets
    .filter(({ name }) => names?.includes(name) ?? true)
    .map(({ name, title }) => ({
      ...{ name: title, target: name, connections: defaultConnections, ...sizes },
      asked: { kind: 'questions', of: (dialect) => [questionOf(dialect)] },
    }));
}
