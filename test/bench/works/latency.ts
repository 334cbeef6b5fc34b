import { deleteQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Work } from '../work.ts';
import { casesOfAllTargets } from './all-targets.ts';

/** The case of going straight to upstream. */
export const straight = 'straight to upstream';

/** What a server in between adds to an upstream that takes 20 ms. */
export const latency: Work = {
  name: 'latency',
  title: 'One delete at a time, upstream takes 20 ms',
  equal: `One connection, one delete after the other, all fields. What counts is the 50th percentile less the one of the
same DELETE sent straight to upstream in the same round.`,
  differs: 'As for a delete of all fields. The servers are idle nineteen twentieths of the time.',
  cases: [
    { name: straight, target: undefined, asked: { kind: 'upstream', engagementId: ids.slow }, connections: 1 },
    ...casesOfAllTargets((dialect) => deleteQuestion(dialect, { fields: 'all', id: ids.slow }), 1),
  ],
  base: straight,
};
