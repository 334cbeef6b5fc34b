import { builder } from './builder.ts';
import { Account, Contact, Opportunity, Owner } from './references.ts';
import { ofRelated, readField, toMany, toOne } from './related.ts';
import { Stage, Tag } from './value-objects.ts';

builder.objectType(Opportunity, {
  description: 'A deal an engagement is about. All but the id is read from `opportunities`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the opportunity, unique among the opportunities of the integrated account.",
    }),
    name: t.string({ description: 'What the deal is called.', ...readField('name') }),
    description: t.string({ description: 'What is noted about the deal.', ...readField('description') }),
    amount: t.float({ description: 'What it is worth, in `currency`.', ...readField('amount') }),
    currency: t.string({
      description: 'The currency of `amount`, as the provider writes it.',
      ...readField('currency'),
    }),
    owner: t.field({
      type: Owner,
      description: 'The user the deal belongs to.',
      ...ofRelated(toOne('owner', 'users')),
    }),
    account: t.field({
      type: Account,
      description: 'The company it is with.',
      ...ofRelated(toOne('account', 'accounts')),
    }),
    contacts: t.field({
      type: [Contact],
      description: 'The people it is with.',
      ...ofRelated(toMany('contact', 'contacts')),
    }),
    stage: t.field({ type: Stage, description: 'Where in the pipeline it stands.', ...readField('stage') }),
    status: t.string({ description: "The provider's word for its state, such as `open`.", ...readField('status') }),
    tags: t.field({ type: [Tag], description: 'Tags on the deal.', ...readField('tags') }),
    customFields: t.field({
      type: 'JSONObject',
      description: "The account's own fields, by name.",
      ...readField('custom_fields'),
    }),
    closeDate: t.string({
      description: 'When it closes or closed, as the provider writes it.',
      ...readField('close_date'),
    }),
    lastActivityAt: t.field({
      type: 'DateTime',
      description: 'When something last happened with the deal.',
      ...readField('last_activity_at'),
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
