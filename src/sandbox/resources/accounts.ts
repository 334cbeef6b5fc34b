import { companyOf } from './companies.ts';
import { ownerOf } from './customer.ts';
import { createAddress, createLifetime, createPhoneNumber, createTags } from './details.ts';
import { createResource } from './resource.ts';

/** `/unified/crm/accounts`. Which filters the list has is [inferred]. */
export const accounts = createResource({
  kind: 'accounts',
  filters: { owner: 'reference', name: 'part', industry: 'whole', created_at: 'date', updated_at: 'date' },
  gaps: [
    'owner',
    'description',
    'industry',
    'website',
    'number_of_employees',
    'addresses',
    'phone_numbers',
    'urls',
    'tags',
    'custom_fields',
    'last_activity_at',
    'updated_at',
  ],
  create({ account, id, place, random }) {
    const company = companyOf(account, place);
    return {
      id,
      owner: ownerOf(account, place),
      name: company.name,
      description: `${company.name} of ${company.city}.`,
      industry: company.industry,
      website: `https://${company.domain}`,
      number_of_employees: random.integer(5, 4000),
      addresses: [createAddress(random, company)],
      phone_numbers: [createPhoneNumber(random, 'work')],
      urls: [{ url: `https://${company.domain}/about`, type: 'about' }],
      tags: createTags(random),
      custom_fields: { tier: random.pick(['gold', 'silver']), renewal_month: random.integer(1, 12) },
      ...createLifetime(random),
    };
  },
});
