import { type BulkJob, type BulkState, hasEnded, pageSize, stateOf } from '../bulk/job.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import { builder } from './builder.ts';
import {
  BulkDeleteFailures,
  BulkDeleteItems,
  BulkDeleteOutcomes,
  finalOutcomeOf,
  type Listed,
  outcomeOf,
} from './bulk-delete-outcomes.ts';
import { requireBulkDeletes } from './context.ts';
import { enumOf } from './enums.ts';
import { fieldError } from './top-level-errors.ts';

/** Says what is to be done while Redis is gone. */
export function unavailable(error: unknown): never {
  if (error instanceof BulkUnavailable) {
    const { bulkDeleteId } = error;
    throw fieldError('BULK_DELETES_UNAVAILABLE', undefined, bulkDeleteId === undefined ? {} : { bulkDeleteId });
  }
  throw error;
}

/** The largest part of a list of our own that is told at once. */
const maxFirst = 1_000;

/** The arguments of a field that tells a list of our own, a part at a time. */
const placeArgs = builder.args((t) => ({
  first: t.int({ required: true, defaultValue: 100, description: `How many at most, from 1 to ${maxFirst}.` }),
  after: t.string({ description: 'The `endCursor` of the part before; absent for the first.' }),
}));

/**
 * Where a part of a list begins, and how long it is at most.
 * @throws {GraphQLError} `INVALID_INPUT` for a length or a cursor that cannot be.
 */
function readPlace({ first, after }: { readonly first: number; readonly after?: string | null | undefined }): {
  readonly from: number;
  readonly count: number;
} {
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

/** The engagements of a bulk delete: reference for the fields that give one. */
export const BulkDelete = builder.objectRef<BulkJob>('BulkDelete').implement({
  description:
    'The delete of many engagements of one integrated account, in the background: it survives restarts, keeps within the limits, ' +
    'and lets go first who waits for an answer. It is kept for 30 days; a dry run, and one of which nothing was ever begun or listed, for 24 hours.',
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: 'Its id: ask for it, pause, resume or cancel it by this.' }),
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
    isPartial: t.exposeBoolean('isPartial', {
      nullable: false,
      description:
        'True when upstream said, four times in a row, that it gives only a part of the list: some engagements that the `filter` means ' +
        'may not be in it. When it has ended, start another with the same filter, until that finds none.',
    }),
    dryRun: t.boolean({
      nullable: false,
      description: 'True when it only lists and counts.',
      resolve: ({ input }) => input.dryRun,
    }),
    total: t.exposeInt('total', {
      nullable: false,
      description: 'How many engagements are in it; while it is LISTING, how many were found so far.',
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
    createdAt: t.field({
      type: 'DateTime',
      nullable: false,
      description: 'When it was started.',
      resolve: ({ createdAt }) => createdAt,
    }),
    endedAt: t.field({ type: 'DateTime', description: 'When it ended.', resolve: ({ endedAt }) => endedAt }),
    undoFolder: t.string({
      description: 'With `snapshot`, the folder of its undo files, below the UNDO_STORE of the server.',
      resolve: ({ id, input }) => (input.snapshot ? `${id}/` : null),
    }),
    engagements: t.field({
      type: BulkDeleteItems,
      nullable: false,
      listSize: { slicingArguments: ['first'], sizedFields: ['items'], requireOneSlicingArgument: false },
      description: 'Its engagements, a part at a time, and what became of each.',
      args: placeArgs,
      async resolve(job, args, context) {
        const { store } = requireBulkDeletes(context);
        const { from, count } = readPlace(args);
        const until = Math.min(from + count, job.pageCount * pageSize);
        const items: Listed[] = [];
        for (let page = Math.floor(from / pageSize); page * pageSize < until; page += 1) {
          const [list, itemStates] = await Promise.all([
            store.readPage(job.id, page),
            store.readStates(job.id, page),
          ]).catch(unavailable);
          const isOver = hasEnded(job);
          const wanted = (index: number) => page * pageSize + index >= from && page * pageSize + index < until;
          items.push(
            ...(list ?? [])
              .map((item, index) => ({
                ...item,
                outcome: isOver ? finalOutcomeOf(itemStates[index]) : outcomeOf(itemStates[index]),
              }))
              .filter((_, index) => wanted(index)),
          );
        }
        return { items, next: until < job.pageCount * pageSize ? until : null };
      },
    }),
    failures: t.field({
      type: BulkDeleteFailures,
      nullable: false,
      listSize: { slicingArguments: ['first'], sizedFields: ['items'], requireOneSlicingArgument: false },
      description: 'Those that were not, or not surely, deleted, a part at a time.',
      args: placeArgs,
      async resolve({ id }, args, context) {
        const { from, count } = readPlace(args);
        const found = await requireBulkDeletes(context)
          .store.readFailures(id, from, count + 1)
          .catch(unavailable);
        return { items: found.slice(0, count), next: found.length > count ? from + count : null };
      },
    }),
  }),
});
