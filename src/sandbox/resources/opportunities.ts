import { companyOf } from './companies.ts';
import { accountOf, ofSameCustomer, ownerOf } from './customer.ts';
import { createLifetime, createTags } from './details.ts';
import { createResource } from './resource.ts';

const stages = [
  { id: '1', name: 'Qualified' },
  { id: '2', name: 'Proposal' },
  { id: '3', name: 'Negotiation' },
];

/** `/unified/crm/opportunities`. Which filters the list has is [inferred]. */
export const opportunities = createResource({
  kind: 'opportunities',
  filters: {
    name: 'part',
    status: 'whole',
    owner: 'reference',
    account: 'reference',
    contact: 'reference',
    created_at: 'date',
    updated_at: 'date',
  },
  gaps: [
    'description',
    'amount',
    'owner',
    'stage',
    'custom_fields',
    'contact',
    'close_date',
    'currency',
    'tags',
    'status',
    'last_activity_at',
  ],
  create({ account, id, place, random }) {
    const purpose = random.pick(['Renewal', 'Expansion', 'Pilot']);
    return {
      id,
      name: `${companyOf(account, place).name}: ${purpose}`,
      description: `${purpose} for ${random.integer(1, 40) * 5} seats.`,
      amount: random.integer(1_000, 90_000) + random.pick([0, 0.5]),
      currency: random.pick(['EUR', 'USD', 'CHF']),
      owner: ownerOf(account, place),
      account: accountOf(account, place),
      contact: ofSameCustomer(account, place, 'contacts'),
      stage: random.pick(stages),
      status: random.pick(['open', 'won', 'lost']),
      tags: createTags(random),
      custom_fields: { probability: random.integer(1, 20) * 5 },
      close_date: `2026-${String(random.integer(2, 12)).padStart(2, '0')}-28`,
      ...createLifetime(random),
    };
  },
});
