import { builder } from './builder.ts';
import { Account, Contact, Lead, Note, Opportunity, Owner } from './references.ts';
import { ofRelated, readField, toMany, toOne } from './related.ts';
import { WebAddress } from './value-objects.ts';

builder.objectType(Note, {
  description: 'A note attached to an engagement. All but the id is read from `notes`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the note, unique among the notes of the integrated account.",
    }),
    title: t.string({ description: 'The headline of the note.', ...readField('title') }),
    content: t.string({ description: 'The text of the note.', ...readField('content') }),
    owner: t.field({ type: Owner, description: 'The user who wrote it.', ...ofRelated(toOne('owner', 'users')) }),
    contacts: t.field({
      type: [Contact],
      description: 'The people it is about.',
      ...ofRelated(toMany('contact', 'contacts')),
    }),
    account: t.field({
      type: Account,
      description: 'The company it is about.',
      ...ofRelated(toOne('account', 'accounts')),
    }),
    opportunities: t.field({
      type: [Opportunity],
      description: 'The deals it is about.',
      ...ofRelated(toMany('opportunity', 'opportunities')),
    }),
    leads: t.field({ type: [Lead], description: 'The leads it is about.', ...ofRelated(toMany('lead', 'leads')) }),
    visibility: t.string({
      description: "Who may see it, in the provider's word: `public` or `private`.",
      ...readField('visibility'),
    }),
    urls: t.field({ type: [WebAddress], description: 'Web addresses.', ...readField('urls') }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
