import { builder } from './builder.ts';
import { Owner } from './references.ts';
import { readField } from './related.ts';
import { WebAddress } from './value-objects.ts';

builder.objectType(Owner, {
  description: 'The CRM user a record belongs to. All but the id is read from `users`, when selected.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the user, unique among the users of the integrated account.",
    }),
    name: t.string({ description: 'The full name.', ...readField('name') }),
    email: t.string({ description: 'The email address.', ...readField('email') }),
    isActive: t.boolean({ description: 'False for a user who may no longer sign in.', ...readField('is_active') }),
    urls: t.field({ type: [WebAddress], description: 'Web addresses.', ...readField('urls') }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', ...readField('created_at') }),
    updatedAt: t.field({ type: 'DateTime', description: 'When it was last updated.', ...readField('updated_at') }),
  }),
});
