import type { Dialect, Question } from '../question.ts';
import { comparedTargets } from '../targets/targets.ts';
import { type Case, usualConnections } from '../work.ts';

/** One case for each target, which all are asked the same. */
export function casesOfAllTargets(
  questionOf: (dialect: Dialect) => Question,
  connections = usualConnections,
): readonly Case[] {
  return comparedTargets.map(({ name, title }) => ({
    name: title,
    target: name,
    asked: { kind: 'questions', of: (dialect) => [questionOf(dialect)] },
    connections,
  }));
}
