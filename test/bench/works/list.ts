import { deleteManyQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Asked, Work } from '../work.ts';
import { straight } from './latency.ts';

const asked: Asked = { kind: 'questions', of: () => [deleteManyQuestion()] };

/** A hundred deletes in one request. */
export const list: Work = {
  name: 'list',
  title: 'A list of 100 deletes, upstream takes 20 ms',
  equal: `One connection, one list after the other. Each engagement of the list is one DELETE request, and all 100 are sent at
once. The ideal is one round trip.`,
  differs: `The bare road stands for undici alone: it sends 100 requests by \`Pool.dispatch\` and does not parse the answers. The
facade does for each engagement what it does for a single delete. Within Truto's rate limits only the first 50 would be sent at
once; they are off here.`,
  cases: [
    { name: straight, target: undefined, asked: { kind: 'upstream', engagementId: ids.slow }, connections: 1 },
    { name: 'bare road', target: 'bare', asked, connections: 1 },
    { name: 'this facade', target: 'facade', asked, connections: 1 },
  ],
  base: straight,
  comparison: 'p50',
};
