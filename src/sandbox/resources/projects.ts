import { companyOf } from './companies.ts';
import { contacts } from './contacts.ts';
import { accountOf, named, withSameCustomer } from './customer.ts';
import { createLifetime, createTags } from './details.ts';
import { opportunities } from './opportunities.ts';
import { createResource } from './resource.ts';
import { users } from './users.ts';

const stages = [
  { id: '10', name: 'Planned' },
  { id: '20', name: 'Running' },
  { id: '30', name: 'Done' },
];

/** `/unified/crm/projects`. Which filters the list has is [inferred]. */
export const projects = createResource({
  kind: 'projects',
  filters: {
    name: 'part',
    status: 'whole',
    owner: 'reference',
    account: 'reference',
    contact: 'reference',
    opportunity: 'reference',
    created_at: 'date',
    updated_at: 'date',
  },
  gaps: ['description', 'amount', 'stage', 'opportunity', 'tags', 'currency'],
  create({ account, id, place, random }) {
    const company = companyOf(account, place);
    const [owner] = withSameCustomer(users.seed(account), place);
    const { created_at, updated_at } = createLifetime(random);
    return {
      id,
      name: `${random.pick(['Rollout', 'Migration', 'Training'])} at ${company.name}`,
      description: 'In three steps, by the end of the quarter.',
      amount: random.integer(500, 20_000),
      currency: random.pick(['EUR', 'USD', 'CHF']),
      owner: owner ? named(owner) : null,
      account: { ...accountOf(account, place), name: company.name },
      contact: withSameCustomer(contacts.seed(account), place).map(named),
      opportunity: withSameCustomer(opportunities.seed(account), place).map(named),
      stage: random.pick(stages),
      status: random.pick(['open', 'completed']),
      tags: createTags(random),
      created_at,
      updated_at,
    };
  },
});
