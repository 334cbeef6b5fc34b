import { deleteQuestion } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Work } from '../work.ts';
import { casesOfAllTargets } from './all-targets.ts';

const equal = `One GraphQL POST deletes one engagement by one DELETE upstream, with the caller's token. 32 connections.`;

const differs = `Only the facade looks up the account's integration (once), checks rules, limits documents, keeps accounts apart,
budgets and breaks circuits, knows whether a request was sent, types its errors, checks each field's form, gives each request
an id and each delete a line in its log. The peers' schema has only what is asked here: scalars are passed through, and an
error would be an exception. tailcall and Hive Gateway serve upstream's own names without a union. The raw proxy knows no
GraphQL at all.`;

/** A delete whose answer has every field. */
export const deleteAll: Work = {
  name: 'delete-all',
  title: 'A delete, all fields',
  equal: `${equal} Every field of the record comes back: 1,767 bytes of JSON, read and written again.`,
  differs,
  cases: casesOfAllTargets((dialect) => deleteQuestion(dialect, { fields: 'all', id: ids.whole })),
  base: 'raw POST proxy',
};

/** A delete of which three fields are wanted, and upstream sends everything all the same. */
export const deleteThree: Work = {
  name: 'delete-three',
  title: 'A delete, three fields, of which upstream sends all',
  equal: `${equal} Upstream sends the whole record whatever is excluded; id, subject and status are shown of it.`,
  differs: `The facade's and the raw proxy's requests name the 20 fields to leave out. ${differs}`,
  cases: casesOfAllTargets((dialect) => deleteQuestion(dialect, { fields: 'three', id: ids.whole })),
  base: 'raw POST proxy',
};

/** A delete of which three fields are wanted, and upstream leaves out what is excluded. */
export const deleteThreeLean: Work = {
  name: 'delete-three-lean',
  title: 'A delete, three fields, of which upstream sends what is not excluded',
  equal: `${equal} id, subject and status are shown.`,
  differs: `Upstream does as its documentation says and leaves out what a request excludes. The facade excludes what nobody
selected, and the raw proxy has the list written out; the peers know no such thing, and get the whole record. ${differs}`,
  cases: casesOfAllTargets((dialect) => deleteQuestion(dialect, { fields: 'three', id: ids.lean })),
  base: 'raw POST proxy',
};
