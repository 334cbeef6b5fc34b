import type { EngagementFilter as Filter } from '../../engagement/input.ts';
import { builder } from '../core/builder.ts';
import { EngagementType } from './values.ts';

const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A range of time. Either end may be open.',
  fields: (t) => ({
    gt: t.field({ type: 'DateTime', description: 'After this moment.' }),
    lt: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
});

/** Which engagements to list. */
export const EngagementFilter = builder.inputType('EngagementFilter', {
  description:
    'Which engagements to list: those that match all conditions. Providers support different conditions; Truto\'s "List Engagements" page shows which.',
  fields: (t) =>
    ({
      engagementType: t.field({
        type: EngagementType,
        description: 'Only engagements of this type. Some integrations require it.',
      }),
      owner: t.id({ description: 'Only engagements that belong to the user with this id.' }),
      contact: t.id({ description: 'Only engagements with the contact with this id.' }),
      account: t.id({ description: 'Only engagements with the company (CRM account) with this id.' }),
      opportunity: t.id({ description: 'Only engagements about the opportunity with this id.' }),
      lead: t.id({ description: 'Only engagements about the lead with this id.' }),
      subject: t.string({ description: 'Only engagements with this subject. The provider decides what matches.' }),
      content: t.string({ description: 'Only engagements with this content. The provider decides what matches.' }),
      status: t.string({ description: 'Only engagements with this status, as the provider names it.' }),
      createdAt: t.field({ type: DateTimeRange, description: 'Only engagements created in this range.' }),
      updatedAt: t.field({ type: DateTimeRange, description: 'Only engagements last updated in this range.' }),
      startTime: t.field({
        type: DateTimeRange,
        description: 'Only engagements that start in this range of at most one year.',
      }),
      endTime: t.field({
        type: DateTimeRange,
        description: 'Only engagements that end in this range of at most one year.',
      }),
    }) satisfies Record<keyof Filter, unknown>,
});
