import { accountOf, ofSameCustomer, ownerOf } from './customer.ts';
import { createLifetime } from './details.ts';
import { createResource } from './resource.ts';

/** `/unified/crm/notes`. Which filters the list has is [inferred]. */
export const notes = createResource({
  kind: 'notes',
  filters: {
    title: 'part',
    content: 'part',
    owner: 'reference',
    contact: 'reference',
    account: 'reference',
    opportunity: 'reference',
    lead: 'reference',
    created_at: 'date',
    updated_at: 'date',
  },
  gaps: ['title', 'visibility', 'contact', 'urls', 'opportunity', 'lead', 'content', 'account', 'owner', 'updated_at'],
  create({ account, id, place, random }) {
    const topic = random.pick(['Budget', 'Timeline', 'Open questions', 'Stakeholders']);
    const { created_at, updated_at } = createLifetime(random);
    return {
      id,
      title: topic,
      content: `${topic}: to be settled by ${random.pick(['Monday', 'Thursday', 'Friday'])}.`,
      owner: ownerOf(account, place),
      contact: ofSameCustomer(account, place, 'contacts').slice(0, 1),
      account: accountOf(account, place),
      opportunity: ofSameCustomer(account, place, 'opportunities'),
      lead: ofSameCustomer(account, place, 'leads'),
      visibility: random.pick(['public', 'private']),
      urls: [{ url: `https://vendor.example/notes/${place + 1}`, type: 'web' }],
      created_at,
      updated_at,
    };
  },
});
