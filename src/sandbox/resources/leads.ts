import { companyOf } from './companies.ts';
import { accountOf, ofSameCustomer, ownerOf } from './customer.ts';
import { createAddress, createLifetime, createPhoneNumber } from './details.ts';
import { emailOf, personAt } from './people.ts';
import { createResource } from './resource.ts';

/** `/unified/crm/leads`. Which filters the list has is [inferred]. */
export const leads = createResource({
  kind: 'leads',
  filters: {
    status: 'whole',
    lead_source: 'whole',
    owner: 'reference',
    account: 'reference',
    contact: 'reference',
    created_at: 'date',
    updated_at: 'date',
  },
  gaps: ['lead_type', 'title', 'contact', 'phone_numbers', 'addresses', 'lead_source', 'custom_fields', 'last_name'],
  create({ account, id, place, random }) {
    const { firstName, lastName } = personAt(account, 'leads', place);
    const company = companyOf(account, place);
    const { created_at, updated_at } = createLifetime(random);
    return {
      id,
      owner: ownerOf(account, place),
      contact: ofSameCustomer(account, place, 'contacts')[0] ?? null,
      account: accountOf(account, place),
      lead_source: random.pick(['website', 'referral', 'event']),
      lead_type: random.pick(['inbound', 'outbound']),
      status: random.pick(['new', 'contacted', 'qualified']),
      title: random.pick(['Founder', 'Buyer', 'Plant Manager']),
      first_name: firstName,
      last_name: lastName,
      addresses: [createAddress(random, company)],
      email_addresses: [{ email: emailOf({ firstName, lastName }, company.domain), type: 'work' }],
      phone_numbers: [createPhoneNumber(random, 'mobile')],
      custom_fields: { score: random.integer(1, 100) },
      created_at,
      updated_at,
    };
  },
});
