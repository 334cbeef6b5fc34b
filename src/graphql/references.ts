import type { RecordReference } from '../engagement/input.ts';
import { builder } from './builder.ts';

/** A related record that an engagement names by its id. */
function reference(name: string, description: string) {
  return builder.objectRef<RecordReference>(name).implement({
    description,
    fields: (t) => ({
      id: t.exposeID('id', {
        nullable: false,
        description: `Upstream's id of the record, unique within the integrated account.`,
      }),
    }),
  });
}

export const Owner = reference('Owner', 'The CRM user an engagement belongs to.');
export const Note = reference('Note', 'A note attached to an engagement.');
export const Project = reference('Project', 'The project an engagement is about.');
export const Account = reference(
  'Account',
  'The company an engagement is with. Not to be confused with the integrated account.',
);
export const Contact = reference('Contact', 'A person an engagement is with.');
export const Opportunity = reference('Opportunity', 'A deal an engagement is about.');
export const Lead = reference('Lead', 'A lead an engagement is about.');
