import type { EngagementFilter as Filter } from '../../engagement/input.ts';
import { builder } from '../core/builder.ts';
import { EngagementType } from './values.ts';

const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A span of time; either end may be open.',
  fields: (t) => ({
    gt: t.field({ type: 'DateTime', description: 'Later than this.' }),
    lt: t.field({ type: 'DateTime', description: 'Earlier than this.' }),
  }),
});

/** Which engagements to list. */
export const EngagementFilter = builder.inputType('EngagementFilter', {
  description:
    'Which engagements to list; all conditions must hold. Which of them a provider can apply differs: see the supported integrations on Truto\'s "List Engagements" page.',
  fields: (t) =>
    ({
      engagementType: t.field({ type: EngagementType, description: 'Only this kind. Some integrations require it.' }),
      owner: t.id({ description: 'Only those that belong to the user with this id.' }),
      contact: t.id({ description: 'Only those with the contact with this id.' }),
      account: t.id({ description: 'Only those with the account (a company) with this id.' }),
      opportunity: t.id({ description: 'Only those about the opportunity with this id.' }),
      lead: t.id({ description: 'Only those about the lead with this id.' }),
      subject: t.string({ description: 'Only those with this subject, as the provider compares it.' }),
      content: t.string({ description: 'Only those with this content, as the provider compares it.' }),
      status: t.string({ description: "Only those in this state, in the provider's word." }),
      createdAt: t.field({ type: DateTimeRange, description: 'Only those created in this span.' }),
      updatedAt: t.field({ type: DateTimeRange, description: 'Only those last updated in this span.' }),
      startTime: t.field({
        type: DateTimeRange,
        description: 'Only those that start in this span, at most a year long.',
      }),
      endTime: t.field({ type: DateTimeRange, description: 'Only those that end in this span, at most a year long.' }),
    }) satisfies Record<keyof Filter, unknown>,
});
