import { createLifetime } from './details.ts';
import { emailOf, personAt } from './people.ts';
import { createResource } from './resource.ts';

/** `/unified/crm/users`. The filters are the documented ones. */
export const users = createResource({
  kind: 'users',
  filters: { name: 'part', email: 'whole', created_at: 'date', updated_at: 'date' },
  gaps: ['email', 'is_active', 'urls', 'created_at', 'updated_at'],
  create({ account, id, place, random }) {
    const person = personAt(account, 'users', place);
    const { created_at, updated_at } = createLifetime(random);
    return {
      id,
      name: `${person.firstName} ${person.lastName}`,
      email: emailOf(person, 'vendor.example'),
      // The last one has left: engagements go on naming him.
      is_active: place < 3,
      urls: [{ url: `https://vendor.example/people/${place + 1}`, type: 'profile' }],
      created_at,
      updated_at,
    };
  },
});
