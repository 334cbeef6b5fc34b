import type { CaseResult, Reading } from '../measure.ts';
import type { Results } from '../results.ts';
import { straight } from '../works/latency.ts';
import { npmStart, startupWork } from '../works/startup.ts';
import { streamWork } from '../works/stream.ts';
import { addedP50Ms, caseOfTarget, findCase, p50Ratio, paired, quartiles, rateRatio } from './figures.ts';

/** A figure that the facade is meant to reach. */
export interface Goal {
  readonly what: string;
  /** The name of the work that it is read from. */
  readonly work: string;
  readonly unit: string;
  readonly bound: number;
  readonly isUpperBound: boolean;
  /** A better figure than the goal asks for. */
  readonly stretch?: number;
  /** Undefined when it was not measured. */
  readonly read: (results: Results) => number | undefined;
}

/** A goal and whether it is met. */
export interface JudgedGoal {
  readonly goal: Goal;
  readonly figure: number | undefined;
  readonly verdict: 'met' | 'stretch met' | 'not met' | 'not measured';
}

const megabyte = 1024 * 1024;

type Combine = (one: CaseResult, other: CaseResult) => number | undefined;

const pairedBy =
  (combine: (one: Reading, other: Reading) => number): Combine =>
  (one, other) =>
    paired(one, other, combine).median;

function rssRatio(one: CaseResult, other: CaseResult): number | undefined {
  const [rss, otherRss] = [one, other].map((each) => quartiles(each, ({ rssBytes }) => rssBytes)?.median);
  return rss !== undefined && otherRss !== undefined ? rss / otherRss : undefined;
}

/** Compares two targets in a work, or one with upstream itself. */
function compare(workName: string, target: string, other: string, combine: Combine) {
  return ({ works }: Results): number | undefined => {
    const result = works.find(({ work }) => work.name === workName);
    const one = result && caseOfTarget(result, target);
    const two = result && (other === straight ? findCase(result, straight) : caseOfTarget(result, other));
    return one && two && combine(one, two);
  };
}

const roundTrips = (target: string) => compare('list', target, straight, pairedBy(p50Ratio));

function roundTripsMoreThanUndici(results: Results): number | undefined {
  const [facade, undici] = [roundTrips('facade')(results), roundTrips('bare')(results)];
  return facade !== undefined && undici !== undefined ? facade - undici : undefined;
}

function startSeconds({ startup }: Results): number | undefined {
  const ms = startup?.find(({ target }) => target === npmStart)?.startedInMs?.median;
  return ms === undefined ? undefined : ms / 1000;
}

function streamedMegabytes({ stream }: Results): number | undefined {
  const isWhole = stream?.deliveredBytes === stream?.bodyBytes;
  return isWhole && stream?.grownBytes !== undefined ? stream.grownBytes / megabyte : undefined;
}

function atLeast(what: string, work: string, other: string, bound: number, rest: Partial<Goal> = {}): Goal {
  const read = compare(work, 'facade', other, pairedBy(rateRatio));
  return { ...{ what, work, bound, read, unit: '', isUpperBound: false }, ...rest };
}

function atMost(what: string, work: string, bound: number, unit: string, read: Goal['read']): Goal {
  return { what, work, bound, unit, read, isUpperBound: true };
}

/** The figures that the facade is meant to reach. */
const goals: readonly Goal[] = [
  atLeast('Deletes a second, all fields, against the raw POST proxy', 'delete-all', 'raw', 0.8, { stretch: 1 }),
  atLeast('… against the bare road', 'delete-all', 'bare', 0.85),
  atLeast('… against Mercurius with JIT', 'delete-all', 'mercurius', 1.2),
  atLeast('… against Apollo Server, standalone', 'delete-all', 'apollo-standalone', 4),
  atLeast('… against Hive Gateway over Mesh', 'delete-all', 'hive-gateway', 8),
  atLeast('Pages of 50 with owners a second, against Mercurius with JIT', 'page', 'mercurius', 1),
  atMost(
    'Added median latency, one delete at a time, upstream takes 20 ms',
    'latency',
    0.5,
    'ms',
    compare('latency', 'facade', straight, pairedBy(addedP50Ms)),
  ),
  atMost('A list of 100 at 20 ms: round trips more than undici alone', 'list', 0.3, '', roundTripsMoreThanUndici),
  atMost(
    'Memory (RSS) under load, against the raw POST proxy',
    'delete-all',
    1,
    '',
    compare('delete-all', 'facade', 'raw', rssRatio),
  ),
  atMost('`npm start` to the first right answer', startupWork.name, 0.8, 's', startSeconds),
  atMost(
    '100 entities at 20 ms, in round trips',
    'entities',
    1.4,
    '',
    compare('entities', 'facade-subgraph', straight, pairedBy(p50Ratio)),
  ),
  atMost('Memory that a streamed body of 256 MB takes', streamWork.name, 96, 'MB', streamedMegabytes),
];

function verdictOn({ bound, stretch, isUpperBound }: Goal, figure: number | undefined): JudgedGoal['verdict'] {
  if (figure === undefined) return 'not measured';
  const reaches = (limit: number) => (isUpperBound ? figure <= limit : figure >= limit);
  if (stretch !== undefined && reaches(stretch)) return 'stretch met';
  return reaches(bound) ? 'met' : 'not met';
}

/** Compares the results with the goals of the works that were asked for. */
export function judgeGoals(results: Results): readonly JudgedGoal[] {
  return goals
    .filter(({ work }) => results.asked.includes(work))
    .map((goal) => {
      const figure = goal.read(results);
      return { goal, figure, verdict: verdictOn(goal, figure) };
    });
}
