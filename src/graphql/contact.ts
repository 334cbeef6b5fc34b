import { builder } from './builder.ts';
import { Account, Contact, Owner } from './references.ts';
import { ofRelated, readField, toOne } from './related.ts';
import { Address, EmailAddress, PhoneNumber, Tag, WebAddress } from './value-objects.ts';

builder.objectType(Contact, {
  description: 'A person an engagement is with. All but the id is read from `contacts`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the contact, unique among the contacts of the integrated account.",
    }),
    firstName: t.string({ description: 'The given name.', ...readField('first_name') }),
    lastName: t.string({ description: 'The family name.', ...readField('last_name') }),
    name: t.string({ description: 'The full name.', ...readField('name') }),
    title: t.string({ description: 'The job title.', ...readField('title') }),
    account: t.field({
      type: Account,
      description: 'The company the person works for.',
      ...ofRelated(toOne('account', 'accounts')),
    }),
    owner: t.field({
      type: Owner,
      description: 'The user the contact belongs to.',
      ...ofRelated(toOne('owner', 'users')),
    }),
    addresses: t.field({ type: [Address], description: 'Postal addresses.', ...readField('addresses') }),
    emailAddresses: t.field({ type: [EmailAddress], description: 'Email addresses.', ...readField('email_addresses') }),
    phoneNumbers: t.field({ type: [PhoneNumber], description: 'Phone numbers.', ...readField('phone_numbers') }),
    urls: t.field({ type: [WebAddress], description: 'Web addresses.', ...readField('urls') }),
    tags: t.field({ type: [Tag], description: 'Tags on the contact.', ...readField('tags') }),
    customFields: t.field({
      type: 'JSONObject',
      description: "The account's own fields, by name.",
      ...readField('custom_fields'),
    }),
    etag: t.string({ description: "The provider's version of the record.", ...readField('etag') }),
    lastActivityAt: t.field({
      type: 'DateTime',
      description: 'When something last happened with the contact.',
      ...readField('last_activity_at'),
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
