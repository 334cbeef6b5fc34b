import { entitiesQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Work } from '../work.ts';
import { straight } from './latency.ts';

/** A gateway's request to a subgraph: many entities at once. */
export const entities: Work = {
  name: 'entities',
  title: '100 entities in one request, upstream takes 20 ms',
  equal: `One connection, one request after the other. Upstream cannot read many records in one request, so each entity is a request to it. The
ideal is one round trip.`,
  differs: `The entities are in twenty integrated accounts, since at most eight records of one account are read at once.`,
  cases: [
    { name: straight, target: undefined, asked: { kind: 'upstream', engagementId: ids.slow }, connections: 1 },
    {
      name: '100 entities',
      target: 'facade-subgraph',
      asked: { kind: 'questions', of: () => [entitiesQuestion()] },
      connections: 1,
    },
  ],
  base: straight,
  comparison: 'p50',
};
