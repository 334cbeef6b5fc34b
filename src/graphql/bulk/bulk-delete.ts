import { BulkUnavailable } from '../../bulk/bulk-unavailable.ts';
import {
  type BulkFailure,
  type BulkItem,
  type BulkJob,
  type BulkState,
  hasEnded,
  pageSize,
  stateOf,
} from '../../bulk/job.ts';
import { builder, enumOf, objectType } from '../core/builder.ts';
import { requireBulkDeletes } from '../core/context.ts';
import { fieldError } from '../core/top-level-errors.ts';
import '../types/result.ts';
import '../types/values.ts';

/** @throws {GraphQLError} `BULK_DELETES_UNAVAILABLE` while Redis cannot be used. */
export function unavailable(error: unknown): never {
  if (error instanceof BulkUnavailable) {
    const { bulkDeleteId } = error;
    throw fieldError('BULK_DELETES_UNAVAILABLE', undefined, bulkDeleteId === undefined ? {} : { bulkDeleteId });
  }
  throw error;
}

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

enumOf<ItemOutcome>('BulkDeleteOutcome', 'What became of one engagement of a bulk delete.', {
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

/** What the state of an engagement in its page means to callers. Once the bulk delete has ended, nobody settles a begun one. */
function outcomeOf(state: string | undefined, isOver: boolean): ItemOutcome {
  if (state === undefined) return 'WAITING';
  return isOver && state === 'begun' ? 'UNKNOWN' : (outcomeNames[state] ?? 'FAILED');
}

function counted(name: ItemOutcome, description: string) {
  const countOf = ({ outcomes }: BulkJob) =>
    Object.entries(outcomes).reduce((sum, [state, count]) => sum + (outcomeOf(state, false) === name ? count : 0), 0);
  return { nullable: false as const, description, resolve: countOf };
}

const BulkDeleteOutcomes = objectType<BulkJob>('BulkDeleteOutcomes', {
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
interface Listed extends BulkItem {
  readonly outcome: ItemOutcome;
}

const itemFields = {
  id: ['ID!', "Upstream's id of the engagement."],
  engagementType: ['EngagementType', 'What kind it is, where that is known.'],
} as const;

objectType<Listed>('BulkDeleteItem', {
  description: 'One engagement of a bulk delete.',
  shows: { ...itemFields, outcome: ['BulkDeleteOutcome!', 'What became of it.'] },
});

objectType<BulkFailure>('BulkDeleteFailure', {
  description: 'An engagement that was not, or not surely, deleted.',
  shows: { ...itemFields, result: ['DeleteEngagementResult!', 'Why, as `deleteEngagement` would have said it.'] },
});

/** A part of a list, and where the next one begins. */
interface Part<Item> {
  readonly items: readonly Item[];
  readonly next: number | null;
}

function partOf<Item>(name: string, itemType: string, description: string, order: string) {
  return objectType<Part<Item>>(name, {
    description,
    shows: { items: [`[${itemType}!]!` as never, order] },
    fields: (t) => ({
      endCursor: t.string({
        description: 'Give it as `after` to get the next part; null at the end.',
        resolve: ({ next }) => next?.toString(),
      }),
    }),
  });
}

const BulkDeleteItems = partOf<Listed>(
  'BulkDeleteItems',
  'BulkDeleteItem',
  'A part of the engagements of a bulk delete.',
  'In the order in which they were named, or listed.',
);

const BulkDeleteFailures = partOf<BulkFailure>(
  'BulkDeleteFailures',
  'BulkDeleteFailure',
  'A part of the failures of a bulk delete.',
  'In the order in which they came.',
);

/** The most items of a list that are returned at once. */
const maxFirst = 1_000;

/** The options of a field that returns a list in parts. */
const inParts = {
  nullable: false as const,
  listSize: { slicingArguments: ['first'], sizedFields: ['items'], requireOneSlicingArgument: false },
  args: builder.args((t) => ({
    first: t.int({ required: true, defaultValue: 100, description: `How many at most, from 1 to ${maxFirst}.` }),
    after: t.string({ description: 'The `endCursor` of the part before; absent for the first.' }),
  })),
};

/**
 * Where a part of a list begins, and how long it is at most.
 * @throws {GraphQLError} `INVALID_INPUT` for a length or a cursor that cannot be.
 */
function readPlace({ first, after }: { readonly first: number; readonly after?: string | null | undefined }) {
  if (first < 1 || first > maxFirst) throw fieldError('INVALID_INPUT', `first must be from 1 to ${maxFirst}.`);
  if (!/^\d{0,9}$/.test(after ?? '')) throw fieldError('INVALID_INPUT', 'after must be an endCursor of this list.');
  return { from: Number(after ?? 0), count: first };
}

const BulkDeleteState = enumOf<BulkState>('BulkDeleteState', 'How far a bulk delete is.', {
  LISTING: 'The filter is being resolved, page by page. Nothing is deleted yet.',
  DELETING: 'Engagements are being deleted, within the limits of their account.',
  PAUSED: 'It waits for `resumeBulkDelete`. `trouble` says why, when it paused by itself.',
  CANCELLING:
    'No further delete is begun. What was sent is looked for, for some minutes at most, and is `UNKNOWN` after that.',
  CANCELLED: 'It was cancelled. `outcomes` says what was deleted before.',
  COMPLETED: 'Each engagement has its final outcome; with `dryRun`, each is listed.',
  FAILED: 'It cannot go on. `trouble` says why; most often the list could not be had, and nothing was deleted.',
});

const partialList =
  'Upstream gave only a part of the list: engagements that the filter means may be left. Start another with the same filter when this has ended.';

/** A bulk delete. */
export const BulkDelete = objectType<BulkJob>('BulkDelete', {
  description:
    'The delete of many engagements of one integrated account, in the background: it survives restarts, keeps within the ' +
    'limits, and lets go first who waits for an answer. It is kept for 30 days; a dry run, and one of which nothing was ' +
    'ever begun or listed, for 24 hours.',
  shows: { id: ['ID!', 'Its id: ask for it, pause, resume or cancel it by this.'] },
  fields: (t, show) => ({
    integratedAccountId: t.id({
      nullable: false,
      description: 'The integrated account that the engagements are in.',
      resolve: ({ input }) => input.integratedAccountId,
    }),
    state: t.field({ type: BulkDeleteState, nullable: false, description: 'How far it is.', resolve: stateOf }),
    trouble: t.string({
      description:
        'Why it waits, paused or failed, that its list is only a part, or what a dry run could not check; null when all is well.',
      resolve: ({ trouble, isPartial }) => trouble ?? (isPartial ? partialList : null),
    }),
    ...show({
      isPartial: [
        'Boolean!',
        'True when upstream said, four times in a row, that it gives only a part of the list: some engagements that the `filter` means may not be in it. When it has ended, start another with the same filter, until that finds none.',
      ],
    }),
    dryRun: t.boolean({
      nullable: false,
      description: 'True when it only lists and counts.',
      resolve: ({ input }) => input.dryRun,
    }),
    ...show({
      total: ['Int!', 'How many engagements are in it; while it is LISTING, how many were found so far.'],
    }),
    outcomes: t.field({
      type: BulkDeleteOutcomes,
      nullable: false,
      description: 'How many came to what.',
      resolve: (job) => job,
    }),
    ratePerSecond: t.float({
      description: 'How many come to an end in a second, over the last minute.',
      resolve: (job, _args, context) => requireBulkDeletes(context).store.readRate(job).catch(unavailable),
    }),
    secondsLeft: t.int({
      description: 'How long it will take at that rate; null when that cannot be said.',
      async resolve(job, _args, context) {
        const rate = await requireBulkDeletes(context).store.readRate(job).catch(unavailable);
        return stateOf(job) === 'DELETING' && rate > 0 ? Math.ceil((job.total - job.done) / rate) : null;
      },
    }),
    ...show({ createdAt: ['DateTime!', 'When it was started.'], endedAt: ['DateTime', 'When it ended.'] }),
    undoFolder: t.string({
      description: 'With `snapshot`, the folder of its undo files, below the UNDO_STORE of the server.',
      resolve: ({ id, input }) => (input.snapshot ? `${id}/` : null),
    }),
    engagements: t.field({
      type: BulkDeleteItems,
      ...inParts,
      description: 'Its engagements, a part at a time, and what became of each.',
      async resolve(job, args, context) {
        const { store } = requireBulkDeletes(context);
        const { from, count } = readPlace(args);
        const end = job.pageCount * pageSize;
        const until = Math.min(from + count, end);
        const isOver = hasEnded(job);
        const items: Listed[] = [];
        for (let page = Math.floor(from / pageSize); page * pageSize < until; page += 1) {
          const start = page * pageSize;
          const [list, states] = await Promise.all([
            store.readPage(job.id, page),
            store.readStates(job.id, page),
          ]).catch(unavailable);
          const listed = (list ?? []).map((item, index) => ({ ...item, outcome: outcomeOf(states[index], isOver) }));
          items.push(...listed.slice(Math.max(from - start, 0), until - start));
        }
        return { items, next: until < end ? until : null };
      },
    }),
    failures: t.field({
      type: BulkDeleteFailures,
      ...inParts,
      description: 'Those that were not, or not surely, deleted, a part at a time.',
      async resolve({ id }, args, context) {
        const { from, count } = readPlace(args);
        const { store } = requireBulkDeletes(context);
        const found = await store.readFailures(id, from, count + 1).catch(unavailable);
        return { items: found.slice(0, count), next: found.length > count ? from + count : null };
      },
    }),
  }),
});
