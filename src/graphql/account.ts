import { builder } from './builder.ts';
import { Account, Owner } from './references.ts';
import { ofRelated, readField, toOne } from './related.ts';
import { Address, PhoneNumber, Tag, WebAddress } from './value-objects.ts';

builder.objectType(Account, {
  description:
    'The company an engagement is with; not the integrated account. All but the id is read from `accounts`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the account, unique among the accounts of the integrated account.",
    }),
    owner: t.field({
      type: Owner,
      description: 'The user the account belongs to.',
      ...ofRelated(toOne('owner', 'users')),
    }),
    name: t.string({ description: 'The name of the company.', ...readField('name') }),
    description: t.string({ description: 'What is noted about the company.', ...readField('description') }),
    industry: t.string({ description: "The industry, in the provider's word.", ...readField('industry') }),
    website: t.string({ description: 'The web site.', ...readField('website') }),
    numberOfEmployees: t.int({ description: 'How many people work there.', ...readField('number_of_employees') }),
    addresses: t.field({ type: [Address], description: 'Postal addresses.', ...readField('addresses') }),
    phoneNumbers: t.field({ type: [PhoneNumber], description: 'Phone numbers.', ...readField('phone_numbers') }),
    urls: t.field({ type: [WebAddress], description: 'Web addresses.', ...readField('urls') }),
    tags: t.field({ type: [Tag], description: 'Tags on the account.', ...readField('tags') }),
    customFields: t.field({
      type: 'JSONObject',
      description: "The account's own fields, by name.",
      ...readField('custom_fields'),
    }),
    lastActivityAt: t.field({
      type: 'DateTime',
      description: 'When something last happened with the account.',
      ...readField('last_activity_at'),
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
