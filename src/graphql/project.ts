import { builder } from './builder.ts';
import { Account, Contact, Opportunity, Owner, Project } from './references.ts';
import { ofRelated, readField, toMany, toOne } from './related.ts';
import { Stage, Tag } from './value-objects.ts';

builder.objectType(Project, {
  description:
    'A project an engagement is about. All but the id is read from `projects`, when selected; few integrations have them.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the project, unique among the projects of the integrated account.",
    }),
    name: t.string({ description: 'What the project is called.', ...readField('name') }),
    description: t.string({ description: 'What is noted about the project.', ...readField('description') }),
    amount: t.float({ description: 'What it is worth, in `currency`.', ...readField('amount') }),
    currency: t.string({
      description: 'The currency of `amount`, as the provider writes it.',
      ...readField('currency'),
    }),
    owner: t.field({
      type: Owner,
      description: 'The user the project belongs to.',
      ...ofRelated(toOne('owner', 'users')),
    }),
    account: t.field({
      type: Account,
      description: 'The company it is for.',
      ...ofRelated(toOne('account', 'accounts')),
    }),
    contacts: t.field({
      type: [Contact],
      description: 'The people it is with.',
      ...ofRelated(toMany('contact', 'contacts')),
    }),
    opportunities: t.field({
      type: [Opportunity],
      description: 'The deals it came from.',
      ...ofRelated(toMany('opportunity', 'opportunities')),
    }),
    stage: t.field({ type: Stage, description: 'Where it stands.', ...readField('stage') }),
    status: t.string({ description: "The provider's word for its state.", ...readField('status') }),
    tags: t.field({ type: [Tag], description: 'Tags on the project.', ...readField('tags') }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
