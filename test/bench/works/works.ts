import type { Work } from '../work.ts';
import { deleteAll, deleteThree } from './deletes.ts';
import { entities } from './entities.ts';
import { errors } from './errors.ts';
import { latency } from './latency.ts';
import { list } from './list.ts';
import { page } from './page.ts';
import { refusals } from './refusals.ts';
import { accounts, connections, documents } from './scale.ts';

/** What the facade is compared with its peers in. */
export const comparedWorks: readonly Work[] = [deleteAll, deleteThree, page, latency, list];

/** What the facade is measured in by itself: failures, limits, entities and scale. */
export const aloneWorks: readonly Work[] = [errors, refusals, entities, documents, accounts, connections];

/** Everything that is measured in rounds. */
export const works: readonly Work[] = [...comparedWorks, ...aloneWorks];
