import { type Integration as IntegrationRow, integrations } from '../engagement/integrations.ts';
import { builder } from './builder.ts';
import { EngagementType } from './enums.ts';

export const Integration = builder.objectRef<IntegrationRow>('Integration').implement({
  description: 'What one integration needs and supports when an engagement is deleted.',
  fields: (t) => ({
    name: t.exposeString('name', { nullable: false, description: 'Its name as Truto prints it.' }),
    requiresEngagementType: t.exposeBoolean('requiresEngagementType', {
      nullable: false,
      description: 'True when a delete without `engagementType` is refused.',
    }),
    engagementTypes: t.expose('engagementTypes', {
      type: [EngagementType],
      nullable: false,
      description: 'What `engagementType` may be; empty when the integration does not list the argument.',
    }),
    keepsDeletedReadable: t.exposeBoolean('keepsDeletedReadable', {
      nullable: false,
      description:
        'True when a deleted engagement can still be read: that one can be read does not prove that it is not deleted.',
    }),
    parameters: t.exposeStringList('parameters', {
      nullable: false,
      description: 'The fields of `DeleteEngagementParameters` it lists. Others are sent all the same, with a warning.',
    }),
  }),
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
