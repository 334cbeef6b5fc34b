import { deleteQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Work } from '../work.ts';
import { casesOfTargets } from './cases.ts';

/** The case of going straight to upstream. */
export const straight = 'straight to upstream';

/** The latency that a server adds to an upstream that takes 20 ms. */
export const latency: Work = {
  name: 'latency',
  title: 'One delete at a time, upstream takes 20 ms',
  equal: `One connection, one delete after the other, all fields. The median latency is compared with that of the same DELETE
request sent straight to upstream in the same round. 128 connections warm the servers up.`,
  differs: 'As for a delete of all fields. The servers are idle 19 ms of 20.',
  cases: [
    { name: straight, target: undefined, asked: { kind: 'upstream', engagementId: ids.slow }, connections: 1 },
    ...casesOfTargets((dialect) => deleteQuestion(dialect, { fields: 'all', id: ids.slow }), {
      names: ['raw', 'bare', 'facade', 'mercurius'],
      connections: 1,
      warmUpConnections: 128,
    }),
  ],
  base: straight,
  comparison: 'added p50',
};
