import { type BulkJob, hasEnded, maxIds } from '../../bulk/job.ts';
import { requiringType } from '../../engagement/integrations.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { type Context, callerKeyOf, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { follow, lookupTimeoutMs } from '../core/follow.ts';
import { failedRead, fieldError } from '../core/top-level-errors.ts';
import { EngagementFilter, EngagementType } from '../types/values.ts';
import { BulkDelete, BulkDeletes, checkFirst, pageArgs, sizedByFirst, unavailable } from './bulk-delete.ts';

const StartBulkDeleteInput = builder.inputType('StartBulkDeleteInput', {
  description:
    'Which engagements to delete in the background: by `ids`, all that match a `filter`, or those of a dry run by its `confirmationToken`. Give one of the three.',
  fields: (t) => ({
    integratedAccountId: t.id({
      description:
        "Truto's id of the integrated account that the engagements are in. Required without `confirmationToken`.",
    }),
    ids: t.idList({
      description: `Truto's ids of the engagements, at most ${maxIds}. Duplicates count once.`,
    }),
    engagementType: t.field({
      type: EngagementType,
      description: `The type of all \`ids\`. ${requiringType} require it. Not with a \`filter\`: there, each record has its type, or else \`filter.engagementType\` applies.`,
    }),
    filter: t.field({
      type: EngagementFilter,
      description:
        'Deletes every engagement that matches all conditions when it is listed. At least one condition is required.',
    }),
    dryRun: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Lists and counts the engagements, and deletes nothing. If the account must be connected again, this is an error; without `dryRun`, the bulk delete pauses instead.',
    }),
    snapshot: t.boolean({
      required: true,
      defaultValue: false,
      description:
        "Stores each engagement, with its notes and the provider's own data, in an undo file before the delete. An engagement that cannot be stored is not deleted.",
    }),
    confirmationToken: t.string({
      description:
        'The `confirmationToken` of your dry run: deletes exactly the engagements that it listed, with its `snapshot`, once. Omit the other fields. Sent again, it returns the bulk delete that it started. Some servers start none without it.',
    }),
  }),
});

/** @throws {GraphQLError} `NOT_FOUND`, also for a bulk delete or restore that the caller has no access to. */
export async function findJob(id: string, context: Context, meaning: string, isRestore = false): Promise<BulkJob> {
  const caller = requireCaller(context);
  const job = await requireBulkDeletes(context)
    .find(id, caller, performance.now() + lookupTimeoutMs, isRestore)
    .catch(unavailable);
  if (!job)
    throw fieldError(
      'NOT_FOUND',
      `${meaning} No ${isRestore ? 'restore' : 'bulk delete'} with this id exists in the integrated accounts that you have access to. Check the id.`,
    );
  return job;
}

const idArgs = builder.args((t) => ({
  id: t.id({ required: true, description: 'The id of the bulk delete, from `startBulkDelete`.' }),
}));

builder.queryField('bulkDelete', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    description:
      'A bulk delete. Null when there is none with this id in the integrated accounts that you have access to.',
    args: idArgs,
    resolve: (_root, { id }, context) =>
      requireBulkDeletes(context).find(id, requireCaller(context), context.deadlineAt).catch(unavailable),
  }),
);

/** The largest page of a list of bulk deletes or restores. */
const maxFirst = 100;

/** Reads a page of the list of an account. @throws {GraphQLError} */
export async function listJobs(
  {
    integratedAccountId,
    first,
    after,
  }: { integratedAccountId: string; first: number; after?: string | null | undefined },
  context: Context,
  isRestore = false,
) {
  checkFirst(first, maxFirst);
  const page = { first, after: after ?? null };
  const found = await requireBulkDeletes(context)
    .list(integratedAccountId, page, requireCaller(context), context.deadlineAt, isRestore)
    .catch(unavailable);
  if (found.kind !== 'Jobs') throw failedRead(found);
  return found;
}

/** The arguments of such a list. */
export const listArgs = builder.args((t) => ({
  integratedAccountId: t.id({ required: true, description: "Truto's id of the integrated account." }),
  ...pageArgs(20, maxFirst),
}));

builder.queryField('bulkDeletes', (t) =>
  t.field({
    type: BulkDeletes,
    nullable: true,
    ...sizedByFirst,
    description:
      'The bulk deletes of an integrated account, newest first: those of all callers, up to the newest 1,000 that are still stored. While Truto does not show you the account, it lists only those that you started.',
    args: listArgs,
    resolve: (_root, args, context) => listJobs(args, context),
  }),
);

/** The bulk delete or restore of a start. @throws {GraphQLError} when nothing was started. */
export function startedJob(started: Awaited<ReturnType<ReturnType<typeof requireBulkDeletes>['start']>>): BulkJob {
  if (!('kind' in started)) return started;
  throw started.kind === 'MissingSetting' ? fieldError('NOT_CONFIGURED', started.message) : failedRead(started);
}

builder.mutationField('startBulkDelete', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Starts to delete many engagements of one integrated account in the background. The server needs `REDIS_URL`. ' +
      'Repeated with the same `Idempotency-Key` or `confirmationToken`, it returns the bulk delete of the first request. Nothing is started when ' +
      'Truto refuses the token, or the account is missing or blocked. `RATE_LIMITED` means that you have 20 unfinished bulk deletes in the account, ' +
      'or too many that have deleted nothing yet.',
    args: { input: t.arg({ type: StartBulkDeleteInput, required: true, description: 'What to delete, and how.' }) },
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
  }),
);

const controls = {
  pause:
    'Stops sending until resumed. Deletes in flight end as usual, within the time of one request. On resume, deletes without an answer are reconciled first.',
  resume: 'Continues a paused bulk delete, within two seconds.',
  cancel:
    'Ends a bulk delete for good: it starts no further delete. Deletes in flight end as usual, within the time of one request. Deletes without an answer are reconciled for a few minutes, then they are `UNKNOWN`. Nothing is restored.',
} as const;

for (const [how, description] of Object.entries(controls) as [keyof typeof controls, string][]) {
  builder.mutationField(`${how}BulkDelete`, (t) =>
    t.field({
      type: BulkDelete,
      nullable: true,
      description: `${description} Does nothing to a bulk delete that has ended.`,
      args: idArgs,
      async resolve(_root, { id }, context) {
        const bulkDeletes = requireBulkDeletes(context);
        return bulkDeletes.control(await findJob(id, context, 'Nothing was changed.'), how).catch(unavailable);
      },
    }),
  );
}

const expired =
  'Your token has expired. No more events follow. The bulk delete itself continues. Subscribe again with a new token.';

/** The events of a subscription: the bulk delete now and after each change, until it has ended. */
function followJob(first: BulkJob, context: Context): AsyncGenerator<BulkJob | Error> {
  const [bulkDeletes, caller] = [requireBulkDeletes(context), requireCaller(context)];
  let job: BulkJob | undefined;
  let last = '';
  async function read(): Promise<readonly BulkJob[]> {
    const now = job ? await bulkDeletes.store.read(first.id).catch(unavailable) : first;
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
  const confirm = (deadlineAt: number) => bulkDeletes.confirm(job ?? first, caller, deadlineAt);
  return follow({ read, hasEnded: () => hasEnded(job ?? first), confirm, expired }, context);
}

builder.subscriptionField('bulkDeleteProgress', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    description:
      'Sends a bulk delete now, and again after each change, at most once a second, until it ends. Events arrive as ' +
      "`text/event-stream`, or as `multipart/mixed` in Apollo's protocol. A server that stops ends the subscription early: subscribe again. " +
      'The subscription ends with `UNAUTHENTICATED` when your token expires or is revoked, and with `FORBIDDEN` when you lose access to the ' +
      'account. You may have 20 subscriptions at once; more are `RATE_LIMITED`.',
    args: idArgs,
    subscribe: async (_root, { id }, context) => {
      // Before the stream starts, so that an error fails the request itself.
      return followJob(await findJob(id, context, 'There is nothing to follow.'), context);
    },
    resolve: (event) => {
      if (event instanceof Error) throw event;
      return event;
    },
  }),
);
