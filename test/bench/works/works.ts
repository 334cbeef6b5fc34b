import type { Work } from '../work.ts';
import { deleteAll, deleteThree, deleteThreeLean } from './deletes.ts';
import { entities } from './entities.ts';
import { errors } from './errors.ts';
import { latency } from './latency.ts';
import { page } from './page.ts';
import { refusals } from './refusals.ts';
import { accounts, connections, documents } from './scale.ts';

/** Everything that is measured in rounds. */
export const works: readonly Work[] = [
  ...[deleteAll, deleteThree, deleteThreeLean, errors, refusals, page, entities, latency],
  ...[documents, accounts, connections],
];
