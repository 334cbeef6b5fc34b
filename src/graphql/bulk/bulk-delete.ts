import {
  type BulkDeleteOutcome,
  type BulkFailure,
  type BulkJob,
  type BulkState,
  countOutcomes,
  hasEnded,
  maxIds,
  type ShownItem,
  stateOf,
} from '../../bulk/job.ts';
import { requiringType } from '../../engagement/integrations.ts';
import { enumOf, inputType, objectType, rootField, upstreamRequestCost } from '../core/builder.ts';
import { type Context, callerKeyOf, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { follow, subscriptionField } from '../core/follow.ts';
import { fieldError } from '../core/top-level-errors.ts';
import '../types/result.ts';
import '../types/values.ts';
import { addJobFields, findJob, inPages, pageOf, readFailures, readItems, startedJob, unavailable } from './jobs.ts';

enumOf<BulkDeleteOutcome>('BulkDeleteOutcome: The state of one engagement of a bulk delete.', {
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

objectType<BulkJob>(
  'BulkDeleteOutcomes: The number of engagements of a bulk delete in each state. A dry run counts none: `total` has the number that it found.',
)((field) => {
  const count = (outcome: BulkDeleteOutcome, text: string) =>
    field(`Int!: ${text}`, (job) => countOutcomes(job)[outcome] ?? 0);
  return {
    deleted: count('DELETED', 'Truto confirmed that they are deleted.'),
    accepted: count('ACCEPTED', 'The provider accepted the deletes and will execute them later.'),
    alreadyAbsent: count('ALREADY_ABSENT', 'A read after the delete was sent found them gone.'),
    notFound: count('NOT_FOUND', 'Truto found no such engagements.'),
    failed: count('FAILED', 'They were not deleted.'),
    unknown: count('UNKNOWN', 'Their deletes were sent, and no later request has shown the result.'),
    remaining: field(
      'Int!: They have no final outcome yet: they are `WAITING`, `KEEPING` or `IN_PROGRESS`. After `CANCELLED` or `FAILED`, they were `SKIPPED`, and none of them is deleted.',
      (job) => {
        const { WAITING = 0, IN_PROGRESS = 0, SKIPPED = 0 } = countOutcomes(job);
        return job.input.dryRun ? 0 : WAITING + IN_PROGRESS + SKIPPED;
      },
    ),
  };
});

const itemFields = {
  id: "ID!: Truto's id of the engagement.",
  engagementType: 'EngagementType: The type, if known.',
} as const;

objectType<ShownItem>('BulkDeleteItem: One engagement of a bulk delete.')({
  ...itemFields,
  outcome: 'BulkDeleteOutcome!: Its state.',
});

objectType<BulkFailure>('BulkDeleteFailure: An engagement whose delete failed, or whose outcome is unknown.')({
  ...itemFields,
  result: 'DeleteEngagementResult!: The result, as `deleteEngagement` returns it.',
});

pageOf<ShownItem>(
  'BulkDeleteItems: A page of the engagements of a bulk delete.',
  'BulkDeleteItem',
  'In the order of `ids`, or of the list that the `filter` found.',
);

pageOf<BulkFailure>(
  'BulkDeleteFailures: A page of the failures of a bulk delete.',
  'BulkDeleteFailure',
  'In the order in which they failed.',
);

enumOf<BulkState>('BulkDeleteState: The progress of a bulk delete, from its start to its end.', {
  LISTING: 'The server is listing the engagements that match the filter. Nothing is deleted yet.',
  DELETING: 'The server is deleting the engagements, within the rate limits of their integrated account.',
  PAUSED: 'It sends nothing until `resumeBulkDelete`. `statusReason` has the reason if the server paused it.',
  CANCELLING:
    'It starts no further delete. Deletes in flight are reconciled for a few minutes, then they are `UNKNOWN`.',
  CANCELLED: 'It was cancelled. `outcomes` shows how many engagements were deleted before.',
  COMPLETED: 'Each engagement has its final outcome. With `dryRun`, each is listed.',
  FAILED: 'It cannot continue. `statusReason` has the reason. Most often, listing failed and nothing was deleted.',
});

const partialList =
  'Truto returned only a part of the list, so engagements that match the filter may remain. When this bulk delete has ended, start another with the same filter.';

const readRate = (job: BulkJob, context: Context) => requireBulkDeletes(context).store.readRate(job).catch(unavailable);

const BulkDelete = objectType<BulkJob>(
  'BulkDelete: A delete of many engagements of one integrated account, in the background. It survives restarts, keeps to the rate limits, and yields to interactive requests. It can be read for 30 days; a dry run, or one that never started, for 24 hours.',
)((field) => ({
  id: 'ID!: The id to read, pause, resume or cancel it.',
  integratedAccountId: field(
    "ID!: Truto's id of the integrated account that the engagements are in.",
    ({ input }) => input.integratedAccountId,
  ),
  state: field('BulkDeleteState!: Its state.', stateOf),
  statusReason: field(
    'String: Why it waits, is paused or has failed. Or that its list is incomplete, or what a dry run could not check. Null when there is no problem.',
    ({ statusReason, isPartial }) => statusReason ?? (isPartial ? partialList : null),
  ),
  isPartial:
    'Boolean!: True when Truto returned an incomplete list four times in a row. Engagements that match the `filter` may be missing. When it has ended, start another with the same filter, and repeat this until one finds no engagements.',
  dryRun: field('Boolean!: True when it only lists and counts, and deletes nothing.', ({ input }) => input.dryRun),
  total: 'Int!: The number of engagements in it. While it is `LISTING`, the number found so far.',
  outcomes: field('BulkDeleteOutcomes!: The number of engagements in each state.', (job) => job),
  confirmationToken: field(
    'String: Of a dry run that is `COMPLETED`: confirms the delete of exactly its engagements, for you only, until 5 minutes after its end. Send it to `startBulkDelete`. Null otherwise, and for a dry run that found no engagement or more than 5,000.',
    async (job, _args, context) =>
      (await requireBulkDeletes(context).confirmation(job, requireCaller(context)))?.confirmationToken,
  ),
  ratePerSecond: field(
    'Float: How many engagements per second got their final outcome, over the last minute.',
    async (job, _args, context) => Math.round((await readRate(job, context)) * 100) / 100,
  ),
  secondsLeft: field(
    'Int: How many seconds it still needs at that rate. Null when unknown.',
    async (job, _args, context) => {
      const rate = await readRate(job, context);
      return stateOf(job) === 'DELETING' && rate > 0 ? Math.ceil((job.total - job.done) / rate) : null;
    },
  ),
  createdBy: field(
    "String!: The id of the caller who started it, as `callerId` in the server's log: the token's subject in `service` mode, a digest of the token in `passthrough` mode.",
    ({ callerId }) => callerId,
  ),
  createdAt: 'DateTime!: When it was started.',
  endedAt: 'DateTime: When it ended.',
  snapshot: field(
    'Boolean!: True when it stores each record in an undo file before the delete.',
    ({ input }) => input.snapshot,
  ),
  keptCount: 'Int!: The number of records in its undo files so far. Always 0 without `snapshot`.',
  undoFolder: field(
    "String: With `snapshot`, the folder of its undo files, in the server's `UNDO_STORE`. Null in a dry run.",
    ({ id, input }) => (input.snapshot && !input.dryRun ? `${id}/` : null),
  ),
  reportPath: field(
    'String: The path at this server where `GET` returns its report as JSON: what was asked, by whom, and the outcome of each engagement. It needs the same `Authorization` header. Null until it has ended.',
    (job) => (hasEnded(job) ? `/bulk/${job.id}/report.json` : null),
  ),
  engagements: field('BulkDeleteItems!: Its engagements and the state of each, in pages.', readItems, inPages),
  failures: field(
    'BulkDeleteFailures!: The engagements that are `FAILED` or `UNKNOWN`, in pages. Those that are `NOT_FOUND` are not among them.',
    readFailures,
    inPages,
  ),
}));

const StartBulkDeleteInput = inputType(
  'StartBulkDeleteInput: Which engagements to delete in the background: by `ids`, all that match a `filter`, or those of a dry run by its `confirmationToken`. Give one of the three.',
  {
    integratedAccountId:
      "ID: Truto's id of the integrated account that the engagements are in. Required without `confirmationToken`.",
    ids: `[ID!]: Truto's ids of the engagements, at most ${maxIds}. Duplicates count once.`,
    engagementType: `EngagementType: The type of all \`ids\`. ${requiringType} require it. Not with a \`filter\`: there, each record has its type, or else \`filter.engagementType\` applies.`,
    filter:
      'EngagementFilter: Deletes every engagement that matches all conditions when it is listed. At least one condition is required. A range that is open at both ends, or an empty text, is none.',
    dryRun:
      'Boolean! = false: Lists and counts the engagements, and deletes nothing. If the account must be connected again, this is an error; without `dryRun`, the bulk delete pauses instead.',
    snapshot:
      "Boolean! = false: Stores each engagement, with its notes and the provider's own data, in an undo file before the delete. An engagement that cannot be stored is not deleted.",
    confirmationToken:
      'String: The `confirmationToken` of your dry run: deletes exactly the engagements that it listed, with its `snapshot`, once. Omit the other fields. Sent again, it returns the bulk delete that it started. Some servers start none without it.',
  },
);

rootField('mutation', 'startBulkDelete', {
  type: BulkDelete,
  cost: upstreamRequestCost,
  description:
    'Starts to delete many engagements of one integrated account in the background. The server needs `REDIS_URL`. Repeated with the same `Idempotency-Key` or `confirmationToken`, it returns the bulk delete of the first request. Nothing is started when Truto refuses the token, or the account is missing or blocked. `RATE_LIMITED` means that you have 20 unfinished bulk deletes in the account, or too many that have deleted nothing yet.',
  args: { input: { type: StartBulkDeleteInput, required: true, description: 'What to delete, and how.' } },
  async resolve(_root, { input }, context, info) {
    const bulkDeletes = requireBulkDeletes(context);
    const caller = requireCaller(context);
    const { dryRun, snapshot } = input;
    const which = {
      integratedAccountId: input.integratedAccountId ?? undefined,
      confirmationToken: input.confirmationToken ?? undefined,
      ids: input.ids ?? undefined,
      filter: input.filter ?? undefined,
      engagementType: input.engagementType ?? undefined,
    };
    const options = { callerKey: callerKeyOf(context, info.path.key), deadlineAt: context.deadlineAt };
    return startedJob(await bulkDeletes.start({ dryRun, snapshot, ...which }, caller, options).catch(unavailable));
  },
});

addJobFields(BulkDelete, {
  noun: 'bulk delete',
  id: 'The id of the bulk delete, from `startBulkDelete`.',
  list: 'The bulk deletes of an integrated account, newest first: those of all callers, up to the newest 1,000 that are still stored. While Truto does not show you the account, it lists only those that you started.',
  pause:
    'Stops sending until resumed. Deletes in flight end as usual, within the time of one request. On resume, deletes without an answer are reconciled first.',
  resume: 'Continues a paused bulk delete, within two seconds.',
  cancel:
    'Ends a bulk delete for good: it starts no further delete. Deletes in flight end as usual, within the time of one request. Deletes without an answer are reconciled for a few minutes, then they are `UNKNOWN`. Nothing is restored.',
});

const expired =
  'Your token has expired. No more events follow. The bulk delete itself continues. Subscribe again with a new token.';

subscriptionField('bulkDeleteProgress', {
  type: BulkDelete,
  description:
    "Sends a bulk delete now, and again after each change, at most once a second, until it ends. Events arrive as `text/event-stream`, or as `multipart/mixed` in Apollo's protocol. A server that stops ends the subscription early: subscribe again. The subscription ends with `UNAUTHENTICATED` when your token expires or is revoked, and with `FORBIDDEN` when you lose access to the account. You may have 20 subscriptions at once; more are `RATE_LIMITED`.",
  args: { id: 'ID!: The id of the bulk delete, from `startBulkDelete`.' },
  async subscribe({ id }, context) {
    const first = await findJob(id, context, 'There is nothing to follow.');
    const [bulkDeletes, caller] = [requireBulkDeletes(context), requireCaller(context)];
    let job: BulkJob | undefined;
    let last = '';
    async function read(): Promise<readonly BulkJob[]> {
      const now = job ? await bulkDeletes.store.read(id).catch(unavailable) : first;
      if (!now)
        throw fieldError(
          'NOT_FOUND',
          'This bulk delete is too old: the server no longer stores it. No more events follow.',
        );
      job = now;
      const { phase, isPaused, statusReason, total, done, settledCount } = now;
      const current = JSON.stringify([phase, isPaused, statusReason, total, done, settledCount]);
      if (current === last) return [];
      last = current;
      return [now];
    }
    const confirm = (deadlineAt: number) => bulkDeletes.findLostAccess(job ?? first, caller, deadlineAt);
    return follow({ read, hasEnded: () => hasEnded(job ?? first), confirm, expired }, context);
  },
});
