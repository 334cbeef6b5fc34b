import type { Results } from '../results.ts';
import { straight } from '../works/latency.ts';
import { npmStart } from '../works/startup.ts';
import { addedP50Ms, caseOfTarget, findCase, paired, quartiles, rateRatio } from './figures.ts';

/** A figure that the facade is meant to reach. */
export interface Goal {
  readonly what: string;
  readonly unit: string;
  readonly bound: number;
  readonly isUpperBound: boolean;
  /** Beyond the goal, what would be better still. */
  readonly stretch?: number;
  /** Undefined when it was not measured. */
  readonly read: (results: Results) => number | undefined;
}

/** A goal and what became of it. */
export interface JudgedGoal {
  readonly goal: Goal;
  readonly figure: number | undefined;
  readonly verdict: 'met' | 'stretch met' | 'not met' | 'not measured';
}

const megabyte = 1024 * 1024;

function workOf({ works }: Results, name: string) {
  return works.find(({ work }) => work.name === name);
}

/** How many times as many deletes of all fields a second `target` does as `other`, paired. */
function deletesAgainst(other: string, target = 'facade') {
  return (results: Results): number | undefined => {
    const work = workOf(results, 'delete-all');
    const [one, two] = [work && caseOfTarget(work, target), work && caseOfTarget(work, other)];
    return one && two && paired(one, two, rateRatio).median;
  };
}

function added(results: Results): number | undefined {
  const work = workOf(results, 'latency');
  const [one, two] = [work && caseOfTarget(work, 'facade'), work && findCase(work, straight)];
  return one && two && paired(one, two, addedP50Ms).median;
}

function entitiesAgainstIdeal(results: Results): number | undefined {
  const work = workOf(results, 'entities');
  const [one, two] = [work && caseOfTarget(work, 'facade-subgraph'), work && findCase(work, straight)];
  return one && two && paired(one, two, (reading, ideal) => reading.p50Ms / ideal.p50Ms).median;
}

function rss(results: Results): number | undefined {
  const work = workOf(results, 'delete-all');
  const facade = work && caseOfTarget(work, 'facade');
  const bytes = facade && quartiles(facade, ({ rssBytes }) => rssBytes)?.median;
  return bytes && bytes / megabyte;
}

function start({ startup }: Results): number | undefined {
  return startup?.find(({ target }) => target === npmStart)?.startedInMs?.median;
}

function streamed({ stream }: Results): number | undefined {
  const isWhole = stream?.deliveredBytes === stream?.bodyBytes;
  return isWhole && stream?.grownBytes !== undefined ? stream.grownBytes / megabyte : undefined;
}

const atLeast = (what: string, bound: number, read: Goal['read'], rest: Partial<Goal> = {}): Goal => ({
  ...{ what, bound, read, unit: '', isUpperBound: false, ...rest },
});

const atMost = (what: string, bound: number, unit: string, read: Goal['read'], rest: Partial<Goal> = {}): Goal => ({
  ...{ what, bound, read, unit, isUpperBound: true, ...rest },
});

/** What the facade is meant to reach. */
export const goals: readonly Goal[] = [
  atLeast('Delete, all fields, against the raw POST proxy', 1.2, deletesAgainst('raw'), { stretch: 1.4 }),
  atLeast('… against tailcall', 1, deletesAgainst('tailcall')),
  atLeast('… against Mercurius with JIT', 1.7, deletesAgainst('mercurius')),
  atLeast('… against Apollo Server, standalone', 5, deletesAgainst('apollo-standalone')),
  atLeast('… against Hive Gateway over Mesh', 12, deletesAgainst('hive-gateway')),
  atLeast('Delete, all fields, through Yoga, against the raw POST proxy', 0.6, deletesAgainst('raw', 'facade-yoga')),
  atMost('100 entities, upstream takes 20 ms, against one round trip', 1.4, '', entitiesAgainstIdeal),
  atMost('What the facade adds to the 50th percentile, one delete at a time, upstream takes 20 ms', 0.5, 'ms', added),
  atMost('Memory (RSS) under load, at the end of a round', 130, 'MB', rss),
  atMost('`npm start` to the first right answer', 800, 'ms', start),
  atMost('Memory that a streamed body of 256 MB takes', 96, 'MB', streamed),
];

function verdictOn({ bound, stretch, isUpperBound }: Goal, figure: number | undefined): JudgedGoal['verdict'] {
  if (figure === undefined) return 'not measured';
  const reaches = (limit: number) => (isUpperBound ? figure <= limit : figure >= limit);
  if (stretch !== undefined && reaches(stretch)) return 'stretch met';
  return reaches(bound) ? 'met' : 'not met';
}

/** Holds the results against the goals. */
export function judgeGoals(results: Results): readonly JudgedGoal[] {
  return goals.map((goal) => {
    const figure = goal.read(results);
    return { goal, figure, verdict: verdictOn(goal, figure) };
  });
}
