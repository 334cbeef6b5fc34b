import {
  type BulkFailure,
  type BulkItem,
  type BulkJob,
  type BulkState,
  countOutcomes,
  hasEnded,
  type ItemOutcome,
  itemStateOf,
  outcomeOf,
  pageSize,
  stateOf,
} from '../../bulk/job.ts';
import { BulkUnavailable } from '../../bulk/job-scripts.ts';
import { builder, enumOf, objectType } from '../core/builder.ts';
import { type Context, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { fieldError } from '../core/top-level-errors.ts';
import '../types/result.ts';
import '../types/values.ts';

/** @throws {GraphQLError} `BULK_DELETES_UNAVAILABLE` while Redis cannot be used. */
export function unavailable(error: unknown): never {
  if (error instanceof BulkUnavailable) {
    const { jobId, isRestore } = error;
    const details = jobId === undefined ? {} : { [isRestore ? 'bulkRestoreId' : 'bulkDeleteId']: jobId };
    throw fieldError('BULK_DELETES_UNAVAILABLE', undefined, details);
  }
  throw error;
}

enumOf<ItemOutcome>('BulkDeleteOutcome', 'The state of one engagement of a bulk delete.', {
  WAITING:
    'It is not deleted, and no delete of it is in flight. None was sent yet, or Truto refused it for now, for example by a rate limit.',
  KEEPING: 'Its record is being stored, or is stored, before its delete. No delete of it was sent.',
  IN_PROGRESS: 'Its delete is in flight, or its result is being checked.',
  PLANNED: 'The end of a dry run: a bulk delete without `dryRun` would delete it.',
  SKIPPED: 'It was not deleted: the bulk delete was cancelled, or failed, before it was.',
  DELETED: 'Truto confirmed that it is deleted, by its answer or by its event `record:deleted`.',
  ACCEPTED: 'The provider accepted the delete and will execute it later.',
  ALREADY_ABSENT:
    'A read after the delete was sent found it gone, or marked as deleted. This bulk delete probably deleted it.',
  NOT_FOUND: 'Truto found no such engagement.',
  FAILED: 'It was not deleted. `failures` has the reason.',
  UNKNOWN:
    'Its delete was sent, and no later request has shown the result. `failures` has its `upstreamIdempotencyKey`.',
});

function counted(name: ItemOutcome, description: string) {
  return { nullable: false as const, description, resolve: (job: BulkJob) => countOutcomes(job)[name] ?? 0 };
}

const BulkDeleteOutcomes = objectType<BulkJob>('BulkDeleteOutcomes', {
  description: 'The number of engagements of a bulk delete in each state.',
  fields: (t) => ({
    deleted: t.int(counted('DELETED', 'Truto confirmed that they are deleted.')),
    accepted: t.int(counted('ACCEPTED', 'The provider accepted the deletes and will execute them later.')),
    alreadyAbsent: t.int(counted('ALREADY_ABSENT', 'A read after the delete was sent found them gone.')),
    notFound: t.int(counted('NOT_FOUND', 'Truto found no such engagements.')),
    failed: t.int(counted('FAILED', 'They were not deleted.')),
    unknown: t.int(counted('UNKNOWN', 'Their deletes were sent, and no later request has shown the result.')),
    remaining: t.int({
      nullable: false,
      description:
        'They have no final outcome yet: they are `WAITING`, `KEEPING` or `IN_PROGRESS`. After `CANCELLED` or `FAILED`, they were `SKIPPED`, and none of them is deleted.',
      resolve(job) {
        const { WAITING = 0, IN_PROGRESS = 0, SKIPPED = 0 } = countOutcomes(job);
        return job.input.dryRun ? 0 : WAITING + IN_PROGRESS + SKIPPED;
      },
    }),
  }),
});

/** An engagement of a bulk delete and its current state. */
interface Listed extends BulkItem {
  readonly outcome: ItemOutcome;
}

const itemFields = {
  id: ['ID!', "Truto's id of the engagement."],
  engagementType: ['EngagementType', 'The type, if known.'],
} as const;

objectType<Listed>('BulkDeleteItem', {
  description: 'One engagement of a bulk delete.',
  shows: { ...itemFields, outcome: ['BulkDeleteOutcome!', 'Its state.'] },
});

objectType<BulkFailure>('BulkDeleteFailure', {
  description: 'An engagement whose delete failed, or whose outcome is unknown.',
  shows: { ...itemFields, result: ['DeleteEngagementResult!', 'The result, as `deleteEngagement` returns it.'] },
});

/** A page of a list, and the index at which the next page starts. */
interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: number | null;
}

/** Adds the type of a page. */
export function pageOf<Item>(name: string, itemType: string, description: string, order: string) {
  return objectType<Page<Item>>(name, {
    description,
    shows: { items: [`[${itemType}!]!` as never, order] },
    fields: (t) => ({
      endCursor: t.string({
        description: 'Pass it as `after` to get the next page. Null on the last page.',
        resolve: ({ next }) => next?.toString(),
      }),
    }),
  });
}

const BulkDeleteItems = pageOf<Listed>(
  'BulkDeleteItems',
  'BulkDeleteItem',
  'A page of the engagements of a bulk delete.',
  'In the order of `ids`, or of the list that the `filter` found.',
);

const BulkDeleteFailures = pageOf<BulkFailure>(
  'BulkDeleteFailures',
  'BulkDeleteFailure',
  'A page of the failures of a bulk delete.',
  'In the order in which they failed.',
);

const maxFirst = 1_000;

/** How large the pages of a field are for gateways that count costs. */
export const sizedByFirst = {
  listSize: { slicingArguments: ['first'], sizedFields: ['items'], requireOneSlicingArgument: false },
};

/** The arguments of a page. */
export const pageArgs = (defaultFirst: number, max: number) =>
  builder.args((t) => ({
    first: t.int({ required: true, defaultValue: defaultFirst, description: `The page size, from 1 to ${max}.` }),
    after: t.string({ description: 'The `endCursor` of the previous page. Omit it for the first page.' }),
  }));

/** The options of a field with pages of engagements. */
export const inPages = { nullable: false as const, ...sizedByFirst, args: pageArgs(100, maxFirst) };

/** @throws {GraphQLError} `INVALID_INPUT` for an invalid page size. */
export function checkFirst(first: number, max: number): void {
  if (first < 1 || first > max) throw fieldError('INVALID_INPUT', `Nothing was read. first must be from 1 to ${max}.`);
}

/**
 * Reads the arguments of a page: its first index and its size.
 * @throws {GraphQLError} `INVALID_INPUT` for an invalid size or cursor.
 */
function readPageArguments({ first, after }: { readonly first: number; readonly after?: string | null | undefined }) {
  checkFirst(first, maxFirst);
  if (!/^\d{0,9}$/.test(after ?? ''))
    throw fieldError('INVALID_INPUT', 'Nothing was read. after must be an endCursor of this list.');
  return { from: Number(after ?? 0), count: first };
}

/** Reads a page of a job's engagements. @param show makes an item of an engagement, the states of its page, and its index there. */
export async function readItems<Item>(
  job: BulkJob,
  args: Parameters<typeof readPageArguments>[0],
  context: Context,
  show: (item: BulkItem, states: Readonly<Record<string, string>>, index: number) => Item,
): Promise<Page<Item>> {
  const { store } = requireBulkDeletes(context);
  const { from, count } = readPageArguments(args);
  const end = job.pageCount * pageSize;
  const until = Math.min(from + count, end);
  const items: Item[] = [];
  for (let page = Math.floor(from / pageSize); page * pageSize < until; page += 1) {
    const start = page * pageSize;
    const [list, states] = await Promise.all([store.readPage(job.id, page), store.readStates(job.id, page)]).catch(
      unavailable,
    );
    const listed = (list ?? []).map((item, index) => show(item, states, index));
    items.push(...listed.slice(Math.max(from - start, 0), until - start));
  }
  return { items, next: until < end ? until : null };
}

/** Reads a page of a job's failures. */
export async function readFailures<Item>(
  { id }: BulkJob,
  args: Parameters<typeof readPageArguments>[0],
  context: Context,
): Promise<Page<Item>> {
  const { from, count } = readPageArguments(args);
  const found = await requireBulkDeletes(context)
    .store.readFailures<Item>(id, from, count + 1)
    .catch(unavailable);
  return { items: found.slice(0, count), next: found.length > count ? from + count : null };
}

const BulkDeleteState = enumOf<BulkState>(
  'BulkDeleteState',
  'The progress of a bulk delete, from its start to its end.',
  {
    LISTING: 'The server is listing the engagements that match the filter. Nothing is deleted yet.',
    DELETING: 'The server is deleting the engagements, within the rate limits of their integrated account.',
    PAUSED: 'It sends nothing until `resumeBulkDelete`. `statusReason` has the reason if the server paused it.',
    CANCELLING:
      'It starts no further delete. Deletes in flight are reconciled for a few minutes, then they are `UNKNOWN`.',
    CANCELLED: 'It was cancelled. `outcomes` shows how many engagements were deleted before.',
    COMPLETED: 'Each engagement has its final outcome. With `dryRun`, each is listed.',
    FAILED: 'It cannot continue. `statusReason` has the reason. Most often, listing failed and nothing was deleted.',
  },
);

const partialList =
  'Truto returned only a part of the list, so engagements that match the filter may remain. When this bulk delete has ended, start another with the same filter.';

/** A bulk delete. */
export const BulkDelete = objectType<BulkJob>('BulkDelete', {
  description:
    'A delete of many engagements of one integrated account, in the background. It survives restarts, keeps to the rate ' +
    'limits, and yields to interactive requests. It can be read for 30 days; a dry run, or one that never started, for ' +
    '24 hours.',
  shows: { id: ['ID!', 'The id to read, pause, resume or cancel it.'] },
  fields: (t, show) => ({
    integratedAccountId: t.id({
      nullable: false,
      description: "Truto's id of the integrated account that the engagements are in.",
      resolve: ({ input }) => input.integratedAccountId,
    }),
    state: t.field({ type: BulkDeleteState, nullable: false, description: 'Its state.', resolve: stateOf }),
    statusReason: t.string({
      description:
        'Why it waits, is paused or has failed. Or that its list is incomplete, or what a dry run could not check. Null when there is no problem.',
      resolve: ({ statusReason, isPartial }) => statusReason ?? (isPartial ? partialList : null),
    }),
    ...show({
      isPartial: [
        'Boolean!',
        'True when Truto returned an incomplete list four times in a row. Engagements that match the `filter` may be missing. When it has ended, start another with the same filter, and repeat this until one finds no engagements.',
      ],
    }),
    dryRun: t.boolean({
      nullable: false,
      description: 'True when it only lists and counts, and deletes nothing.',
      resolve: ({ input }) => input.dryRun,
    }),
    ...show({
      total: ['Int!', 'The number of engagements in it. While it is `LISTING`, the number found so far.'],
    }),
    outcomes: t.field({
      type: BulkDeleteOutcomes,
      nullable: false,
      description: 'The number of engagements in each state.',
      resolve: (job) => job,
    }),
    confirmationToken: t.string({
      description:
        'Of a dry run that is `COMPLETED`: confirms the delete of exactly its engagements, for you only, until 5 minutes after its end. Send it to `startBulkDelete`. Null otherwise, and for a dry run that found no engagement or more than 5,000.',
      async resolve(job, _args, context) {
        const confirmation = await requireBulkDeletes(context).confirmation(job, requireCaller(context));
        return confirmation?.confirmationToken;
      },
    }),
    ratePerSecond: t.float({
      description: 'How many engagements per second got their final outcome, over the last minute.',
      async resolve(job, _args, context) {
        const rate = await requireBulkDeletes(context).store.readRate(job).catch(unavailable);
        return Math.round(rate * 100) / 100;
      },
    }),
    secondsLeft: t.int({
      description: 'How many seconds it still needs at that rate. Null when unknown.',
      async resolve(job, _args, context) {
        const rate = await requireBulkDeletes(context).store.readRate(job).catch(unavailable);
        return stateOf(job) === 'DELETING' && rate > 0 ? Math.ceil((job.total - job.done) / rate) : null;
      },
    }),
    createdBy: t.string({
      nullable: false,
      description:
        "The id of the caller who started it, as `callerId` in the server's log: the token's subject in `service` mode, a digest of the token in `passthrough` mode.",
      resolve: ({ callerId }) => callerId,
    }),
    ...show({ createdAt: ['DateTime!', 'When it was started.'], endedAt: ['DateTime', 'When it ended.'] }),
    snapshot: t.boolean({
      nullable: false,
      description: 'True when it stores each record in an undo file before the delete.',
      resolve: ({ input }) => input.snapshot,
    }),
    ...show({ keptCount: ['Int!', 'The number of records in its undo files so far. Always 0 without `snapshot`.'] }),
    undoFolder: t.string({
      description: "With `snapshot`, the folder of its undo files, in the server's `UNDO_STORE`. Null in a dry run.",
      resolve: ({ id, input }) => (input.snapshot && !input.dryRun ? `${id}/` : null),
    }),
    reportPath: t.string({
      description:
        'The path at this server where `GET` returns its report as JSON: what was asked, by whom, and the outcome of each engagement. It needs the same `Authorization` header. Null until it has ended.',
      resolve: (job) => (hasEnded(job) ? `/bulk/${job.id}/report.json` : null),
    }),
    engagements: t.field({
      type: BulkDeleteItems,
      ...inPages,
      description: 'Its engagements and the state of each, in pages.',
      async resolve(job, args, context) {
        return readItems(job, args, context, (item, states, index) => ({
          ...item,
          outcome: outcomeOf(itemStateOf(states, index), job),
        }));
      },
    }),
    failures: t.field({
      type: BulkDeleteFailures,
      ...inPages,
      description:
        'The engagements that are `FAILED` or `UNKNOWN`, in pages. Those that are `NOT_FOUND` are not among them.',
      resolve: (job, args, context) => readFailures<BulkFailure>(job, args, context),
    }),
  }),
});

function listOf(name: string, itemType: string, description: string) {
  return objectType<{ readonly items: readonly BulkJob[]; readonly endCursor: string | null }>(name, {
    description,
    shows: {
      items: [`[${itemType}!]!` as never, 'The newest first.'],
      endCursor: ['String', 'Pass it as `after` to get the next page. Null on the last page.'],
    },
  });
}

/** A page of bulk deletes. */
export const BulkDeletes = listOf('BulkDeletes', 'BulkDelete', 'A page of the bulk deletes of an integrated account.');

/** A page of restores. */
export const BulkRestores = listOf('BulkRestores', 'BulkRestore', 'A page of the restores of an integrated account.');
