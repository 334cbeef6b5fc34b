import { builder } from './builder.ts';
import { Account, Contact, Lead, Owner } from './references.ts';
import { ofRelated, readField, toOne } from './related.ts';
import { Address, EmailAddress, PhoneNumber } from './value-objects.ts';

builder.objectType(Lead, {
  description: 'A lead an engagement is about. All but the id is read from `leads`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the lead, unique among the leads of the integrated account.",
    }),
    owner: t.field({
      type: Owner,
      description: 'The user the lead belongs to.',
      ...ofRelated(toOne('owner', 'users')),
    }),
    contact: t.field({
      type: Contact,
      description: 'The person behind the lead.',
      ...ofRelated(toOne('contact', 'contacts')),
    }),
    account: t.field({
      type: Account,
      description: 'The company behind the lead.',
      ...ofRelated(toOne('account', 'accounts')),
    }),
    leadSource: t.string({
      description: "Where the lead comes from, in the provider's word.",
      ...readField('lead_source'),
    }),
    leadType: t.string({ description: "The provider's word for the kind of lead.", ...readField('lead_type') }),
    status: t.string({ description: "The provider's word for its state.", ...readField('status') }),
    title: t.string({ description: 'The job title.', ...readField('title') }),
    firstName: t.string({ description: 'The given name.', ...readField('first_name') }),
    lastName: t.string({ description: 'The family name.', ...readField('last_name') }),
    addresses: t.field({ type: [Address], description: 'Postal addresses.', ...readField('addresses') }),
    emailAddresses: t.field({ type: [EmailAddress], description: 'Email addresses.', ...readField('email_addresses') }),
    phoneNumbers: t.field({ type: [PhoneNumber], description: 'Phone numbers.', ...readField('phone_numbers') }),
    customFields: t.field({
      type: 'JSONObject',
      description: "The account's own fields, by name.",
      ...readField('custom_fields'),
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
