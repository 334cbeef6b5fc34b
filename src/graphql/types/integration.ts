import { type Integration as IntegrationRow, integrations } from '../../engagement/integrations.ts';
import { builder, objectType } from '../core/builder.ts';

const Integration = objectType<IntegrationRow>('Integration', {
  description: 'What one integration requires and supports when it deletes an engagement.',
  shows: {
    name: ['String!', "Its name in Truto's documentation."],
    requiresEngagementType: ['Boolean!', 'True when a delete requires `engagementType`.'],
    engagementTypes: [
      '[EngagementType!]!',
      'The accepted values of `engagementType`. Empty when the integration does not list the argument.',
    ],
    softDeletes: [
      'Boolean!',
      'True when the provider only marks engagements as deleted, so that they can still be read. A successful read then does not prove that an engagement exists.',
    ],
    parameters: [
      '[String!]!',
      'The fields of `DeleteEngagementParameters` that it lists. Others are sent too, with a warning.',
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
      'Lists the integrations that can delete engagements, and what each requires. Sends no request to Truto, and needs no token.',
    resolve: () => [...integrations],
  }),
);
