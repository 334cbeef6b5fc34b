import type { Work } from '../work.ts';
import { deleteAll, deleteThree, deleteThreeLean } from './deletes.ts';
import { errors } from './errors.ts';
import { latency } from './latency.ts';
import { page } from './page.ts';
import { refusals } from './refusals.ts';
import { accounts, connections, documents } from './scale.ts';

/** Everything that is measured in rounds. */
export const works: readonly Work[] = [
  ...[deleteAll, deleteThree, deleteThreeLean, errors, refusals, page, latency],
  ...[documents, accounts, connections],
];

/** What is to be measured once it exists. */
export const worksToCome: readonly { readonly name: string; readonly title: string; readonly why: string }[] = [
  {
    name: 'entities',
    title: '100 entities in one federation request, upstream takes 20 ms',
    why: 'the facade is no federation subgraph yet',
  },
];
