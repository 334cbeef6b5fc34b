import { type Integration as IntegrationRow, integrations } from '../../engagement/integrations.ts';
import { builder, objectType } from '../core/builder.ts';

const Integration = objectType<IntegrationRow>('Integration', {
  description: 'What one integration needs and supports when an engagement is deleted.',
  shows: {
    name: ['String!', 'Its name as Truto prints it.'],
    requiresEngagementType: ['Boolean!', 'True when a delete without `engagementType` is refused.'],
    engagementTypes: [
      '[EngagementType!]!',
      'What `engagementType` may be; empty when the integration does not list the argument.',
    ],
    keepsDeletedReadable: [
      'Boolean!',
      'True when a deleted engagement can still be read: that one can be read does not prove that it is not deleted.',
    ],
    parameters: [
      '[String!]!',
      'The fields of `DeleteEngagementParameters` it lists. Others are sent all the same, with a warning.',
    ],
  },
});

builder.queryField('integrations', (t) =>
  t.field({
    type: [Integration],
    nullable: false,
    isOpen: true,
    listSize: { assumedSize: integrations.length },
    description:
      'The integrations that can delete engagements, and what each needs. Reaches no upstream; needs no token.',
    resolve: () => [...integrations],
  }),
);
