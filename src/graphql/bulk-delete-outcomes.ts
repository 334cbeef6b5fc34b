import type { BulkFailure, BulkItem, BulkJob } from '../bulk/job.ts';
import { builder } from './builder.ts';
import { DeleteEngagementResult } from './delete-engagement-result.ts';
import { EngagementType, enumOf } from './enums.ts';

/** What became of one engagement, as callers see it. */
type ItemOutcome =
  | 'WAITING'
  | 'UNDER_WAY'
  | 'DELETED'
  | 'ACCEPTED'
  | 'ALREADY_ABSENT'
  | 'NOT_FOUND'
  | 'FAILED'
  | 'UNKNOWN';

const BulkDeleteOutcome = enumOf<ItemOutcome>('BulkDeleteOutcome', 'What became of one engagement of a bulk delete.', {
  WAITING:
    'It is not deleted, and no delete of it is under way: none was sent, or upstream refused it for now, as a limit does.',
  UNDER_WAY: 'Its delete is being sent, or what became of it is being found out.',
  DELETED: 'Upstream confirmed that it is deleted.',
  ACCEPTED: 'The provider took the delete and will carry it out later.',
  ALREADY_ABSENT:
    'It was gone, or marked as deleted, when it was read again; an attempt of this bulk delete probably did it.',
  NOT_FOUND: 'Upstream knew no such engagement.',
  FAILED: 'It was not deleted: `failures` says why.',
  UNKNOWN:
    'Its delete was sent, and no later request has shown its result. `failures` has it, with its `idempotencyKey`.',
});

const outcomeNames: Readonly<Record<string, ItemOutcome>> = {
  begun: 'UNDER_WAY',
  DELETED: 'DELETED',
  ACCEPTED: 'ACCEPTED',
  ALREADY_ABSENT: 'ALREADY_ABSENT',
  NotFoundError: 'NOT_FOUND',
  OutcomeUnknownError: 'UNKNOWN',
};
/** What an item's state in its page is to callers. */
export const outcomeOf = (state: string | undefined): ItemOutcome =>
  state === undefined ? 'WAITING' : (outcomeNames[state] ?? 'FAILED');

/** The same once the bulk delete has ended: nobody finds out what became of one that is still begun. */
export const finalOutcomeOf = (state: string | undefined): ItemOutcome =>
  state === 'begun' ? 'UNKNOWN' : outcomeOf(state);

function countOf({ outcomes }: BulkJob, name: ItemOutcome): number {
  return Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (outcomeOf(outcome) === name ? count : 0), 0);
}

const counted = (name: ItemOutcome, description: string) => ({
  nullable: false as const,
  description,
  resolve: (job: BulkJob) => countOf(job, name),
});

export const BulkDeleteOutcomes = builder.objectRef<BulkJob>('BulkDeleteOutcomes').implement({
  description: 'How many engagements of a bulk delete came to what.',
  fields: (t) => ({
    deleted: t.int(counted('DELETED', 'Upstream confirmed that they are deleted.')),
    accepted: t.int(counted('ACCEPTED', 'The provider will delete them later.')),
    alreadyAbsent: t.int(counted('ALREADY_ABSENT', 'They were gone when they were looked at again.')),
    notFound: t.int(counted('NOT_FOUND', 'Upstream knew no such engagements.')),
    failed: t.int(counted('FAILED', 'They were not deleted.')),
    unknown: t.int(counted('UNKNOWN', 'Their deletes were sent, and no later request has shown the result.')),
    remaining: t.int({
      nullable: false,
      description:
        'They have no final outcome: `engagements` says which of them are `UNDER_WAY`. Of a `CANCELLED` one, none of them was deleted.',
      resolve: ({ total, done, input }) => (input.dryRun ? 0 : total - done),
    }),
  }),
});

/** An engagement of a bulk delete, as it is now. */
export interface Listed extends BulkItem {
  readonly outcome: ItemOutcome;
}

/** A part of a list, and where the next one begins. */
interface Part<Item> {
  readonly items: readonly Item[];
  readonly next: number | null;
}

/** The type of a part of a list, and of where the next one begins. */
function partOf<Item>(
  name: string,
  item: ReturnType<typeof builder.objectRef<Item>>,
  { description, order }: { readonly description: string; readonly order: string },
) {
  return builder.objectRef<Part<Item>>(name).implement({
    description,
    fields: (t) => ({
      items: t.field({ type: [item], nullable: false, description: order, resolve: ({ items }) => [...items] }),
      endCursor: t.string({
        description: 'Give it as `after` to get the next part; null at the end.',
        resolve: ({ next }) => next?.toString(),
      }),
    }),
  });
}

const BulkDeleteItem = builder.objectRef<Listed>('BulkDeleteItem');
BulkDeleteItem.implement({
  description: 'One engagement of a bulk delete.',
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: "Upstream's id of the engagement." }),
    engagementType: t.expose('engagementType', {
      type: EngagementType,
      nullable: true,
      description: 'What kind it is, where that is known.',
    }),
    outcome: t.expose('outcome', { type: BulkDeleteOutcome, nullable: false, description: 'What became of it.' }),
  }),
});

/** A part of the engagements of a bulk delete. */
export const BulkDeleteItems = partOf('BulkDeleteItems', BulkDeleteItem, {
  description: 'A part of the engagements of a bulk delete.',
  order: 'In the order in which they were named, or listed.',
});

const BulkDeleteFailure = builder.objectRef<BulkFailure>('BulkDeleteFailure');
BulkDeleteFailure.implement({
  description: 'An engagement that was not, or not surely, deleted.',
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: "Upstream's id of the engagement." }),
    engagementType: t.expose('engagementType', {
      type: EngagementType,
      nullable: true,
      description: 'What kind it is, where that is known.',
    }),
    result: t.expose('result', {
      type: DeleteEngagementResult,
      nullable: false,
      description: 'Why, as `deleteEngagement` would have said it.',
    }),
  }),
});

/** A part of the failures of a bulk delete. */
export const BulkDeleteFailures = partOf('BulkDeleteFailures', BulkDeleteFailure, {
  description: 'A part of the failures of a bulk delete.',
  order: 'In the order in which they came.',
});
