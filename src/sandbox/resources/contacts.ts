import { companyOf } from './companies.ts';
import { accountOf, ownerOf } from './customer.ts';
import { createAddress, createLifetime, createPhoneNumber, createTags } from './details.ts';
import { emailOf, personAt } from './people.ts';
import { createResource } from './resource.ts';

/** `/unified/crm/contacts`. Which filters the list has is [inferred]. */
export const contacts = createResource({
  kind: 'contacts',
  filters: { name: 'part', account: 'reference', owner: 'reference', created_at: 'date', updated_at: 'date' },
  gaps: [
    'title',
    'email_addresses',
    'account',
    'addresses',
    'owner',
    'phone_numbers',
    'tags',
    'urls',
    'custom_fields',
    'etag',
    'last_activity_at',
    'first_name',
    'last_name',
    'updated_at',
  ],
  create({ account, id, place, random }) {
    const { firstName, lastName } = personAt(account, 'contacts', place);
    const company = companyOf(account, place);
    return {
      id,
      first_name: firstName,
      last_name: lastName,
      name: `${firstName} ${lastName}`,
      title: random.pick(['Head of Procurement', 'CTO', 'Operations Manager', 'Analyst']),
      account: { ...accountOf(account, place), name: company.name },
      owner: ownerOf(account, place),
      addresses: [createAddress(random, company)],
      email_addresses: [{ email: emailOf({ firstName, lastName }, company.domain), type: 'work' }],
      phone_numbers: [createPhoneNumber(random, 'work'), createPhoneNumber(random, 'mobile')],
      urls: [{ url: `https://${company.domain}/team/${place + 1}`, type: 'profile' }],
      tags: createTags(random),
      custom_fields: { newsletter: random.pick([true, false]), language: random.pick(['en', 'de', 'fr']) },
      etag: `"${random.text('0123456789abcdef', 16)}"`,
      ...createLifetime(random),
    };
  },
});
