import { deleteQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Work } from '../work.ts';
import { casesOfTargets } from './cases.ts';

const equal = `One GraphQL POST deletes one engagement by one DELETE request with the caller's token. 32 connections.`;

const differs = `Only the facade does this work for each delete: it looks up the account's integration (once), checks the integration's rules and limits documents. It isolates accounts, has a retry budget and circuit breakers, and knows whether a request was sent. It returns typed errors and checks each field's form. It gives each request an id, logs each delete and counts it in metrics. The peers' schema has only the fields
that are selected here. It passes scalars through and throws on errors. Hive Gateway and tailcall serve Truto's own names without a union. The raw proxy and the bare road know no GraphQL.`;

/** A delete whose answer has every field. */
export const deleteAll: Work = {
  name: 'delete-all',
  title: 'A delete, all fields',
  equal: `${equal} Every field of the record is selected: 1,767 bytes of JSON, parsed and written again.`,
  differs,
  cases: casesOfTargets((dialect) => deleteQuestion(dialect, { fields: 'all', id: ids.whole })),
  base: 'raw POST proxy',
};

/** A delete of which three fields are selected, and upstream leaves out the excluded ones. */
export const deleteThree: Work = {
  name: 'delete-three',
  title: 'A delete, three fields',
  equal: `${equal} \`id\`, \`subject\` and \`status\` are selected.`,
  differs: `Upstream leaves out excluded fields, as Truto's documentation says. The facade excludes every field that is not
selected, and the raw proxy has the list written out. The peers get the whole record.`,
  cases: casesOfTargets((dialect) => deleteQuestion(dialect, { fields: 'three', id: ids.lean }), {
    names: ['raw', 'facade', 'tailcall', 'mercurius'],
  }),
  base: 'raw POST proxy',
};
