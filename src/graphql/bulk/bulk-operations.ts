import { setTimeout as sleep } from 'node:timers/promises';
import { type BulkJob, hasEnded, maxIds } from '../../bulk/job.ts';
import { requiringType } from '../../engagement/integrations.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { type Context, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { failedRead, fieldError } from '../core/top-level-errors.ts';
import { EngagementFilter } from '../types/engagement-filter.ts';
import { EngagementType } from '../types/values.ts';
import { BulkDelete, unavailable } from './bulk-delete.ts';

/** How often a subscription looks for progress, in milliseconds. */
const progressIntervalMs = 1_000;

const StartBulkDeleteInput = builder.inputType('StartBulkDeleteInput', {
  description: 'Which engagements to delete in the background: by their `ids`, or all that a `filter` means.',
  fields: (t) => ({
    integratedAccountId: t.id({
      required: true,
      description: "Truto's id of the integrated account that the engagements are in.",
    }),
    ids: t.idList({
      description: `Upstream's ids of the engagements: up to ${maxIds}. One that comes twice counts once.`,
    }),
    engagementType: t.field({
      type: EngagementType,
      description: `What kind all of the \`ids\` are. ${requiringType} require it; with a \`filter\`, each record says it, or else the filter does.`,
    }),
    filter: t.field({
      type: EngagementFilter,
      description: 'Every engagement for which all of its conditions hold when it is listed: at least one condition.',
    }),
    dryRun: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Count and list them in `engagements`; delete nothing. An account that must be connected again is an error; a real one waits for that.',
    }),
    snapshot: t.boolean({
      required: true,
      defaultValue: false,
      description:
        "Keep each engagement, with its notes and the provider's own data, in an undo file before it is deleted. What cannot be kept is not deleted.",
    }),
  }),
});

/** How long the look-up of a caller's account may take, in milliseconds, for one who follows beyond the operation's time. */
const lookupMs = 5_000;

/** @throws {GraphQLError} `NOT_FOUND`, also for one of others. */
async function findBulkDelete(id: string, context: Context): Promise<BulkJob> {
  const caller = requireCaller(context);
  const job = await requireBulkDeletes(context)
    .find(id, caller, performance.now() + lookupMs)
    .catch(unavailable);
  if (!job) throw fieldError('NOT_FOUND', 'There is no such bulk delete in an integrated account that you may touch.');
  return job;
}

const idArgs = builder.args((t) => ({
  id: t.id({ required: true, description: 'The id of the bulk delete, as `startBulkDelete` gave it.' }),
}));

builder.queryField('bulkDelete', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    description: 'A bulk delete; null when there is none with this id in an integrated account that you may touch.',
    args: idArgs,
    resolve: (_root, { id }, context) =>
      requireBulkDeletes(context).find(id, requireCaller(context), context.deadlineAt).catch(unavailable),
  }),
);

builder.mutationField('startBulkDelete', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Starts to delete many engagements of one integrated account in the background. It needs a server with REDIS_URL. ' +
      'Repeated with the same `Idempotency-Key`, it answers the one that was started. Nothing is started where upstream ' +
      'refuses the token or the account; nor, with `RATE_LIMITED`, while you have 20 in the account that have not ended, or ' +
      'too many of which nothing was begun.',
    args: { input: t.arg({ type: StartBulkDeleteInput, required: true, description: 'Which, and how.' }) },
    async resolve(_root, { input }, context, info) {
      const bulkDeletes = requireBulkDeletes(context);
      const caller = requireCaller(context);
      const { integratedAccountId, dryRun, snapshot } = input;
      const which = {
        ids: input.ids ?? undefined,
        filter: input.filter ?? undefined,
        engagementType: input.engagementType ?? undefined,
      };
      const { deadlineAt, idempotencyKey } = context;
      // As with deletes: aliases of one operation are told apart.
      const callerKey = idempotencyKey === undefined ? undefined : ([idempotencyKey, String(info.path.key)] as const);
      const started = await bulkDeletes
        .start({ integratedAccountId, dryRun, snapshot, ...which }, caller, { callerKey, deadlineAt })
        .catch(unavailable);
      if (!('kind' in started)) return started;
      throw started.kind === 'MissingSetting' ? fieldError('NOT_CONFIGURED', started.message) : failedRead(started);
    },
  }),
);

const controls = {
  pause:
    'Begins no further delete of a bulk delete, until it is resumed. Those in flight end as usual, within the time of a request. Of what was sent and had no answer, it is found out after that what became of it.',
  resume: 'Lets a paused bulk delete go on, within two seconds.',
  cancel:
    'Ends a bulk delete: no further delete is begun, ever. Those in flight end as usual, within the time of a request. What was deleted stays deleted; of what was sent it is found out for some minutes, and is `UNKNOWN` after that.',
} as const;

for (const [how, description] of Object.entries(controls) as [keyof typeof controls, string][]) {
  builder.mutationField(`${how}BulkDelete`, (t) =>
    t.field({
      type: BulkDelete,
      nullable: true,
      description: `${description} One that has ended stays as it is.`,
      args: idArgs,
      async resolve(_root, { id }, context) {
        const bulkDeletes = requireBulkDeletes(context);
        return bulkDeletes.control(await findBulkDelete(id, context), how).catch(unavailable);
      },
    }),
  );
}

const expired =
  'Your token has expired. No more events follow; the bulk delete itself goes on. Subscribe again with a new token.';

/**
 * The events of a subscription: the bulk delete now, and whenever something has changed, until it has ended, the server drains, or the
 * caller may no longer see it. An error is the last event: a stream that just breaks off says nothing.
 */
async function* follow(first: BulkJob, context: Context): AsyncGenerator<BulkJob | Error> {
  try {
    const [bulkDeletes, caller] = [requireBulkDeletes(context), requireCaller(context)];
    let last = '';
    let confirmAt = performance.now() + bulkDeletes.confirmIntervalMs;
    for (let job: BulkJob | null = first; ; job = await bulkDeletes.store.read(first.id).catch(unavailable)) {
      if (!job) throw fieldError('NOT_FOUND', 'The bulk delete is not kept any more.');
      if (confirmAt <= performance.now()) {
        const refusal = await bulkDeletes.confirm(job, caller, performance.now() + lookupMs);
        if (refusal) throw failedRead(refusal);
        confirmAt = performance.now() + bulkDeletes.confirmIntervalMs;
      }
      if ((caller.expiresAt ?? Number.POSITIVE_INFINITY) <= performance.now())
        throw fieldError('UNAUTHENTICATED', expired);
      const { phase, isPaused, trouble, total, done } = job;
      const current = JSON.stringify([phase, isPaused, trouble, total, done]);
      context.answerRoom.empty();
      if (current !== last) yield job;
      last = current;
      if (hasEnded(job) || context.draining.aborted || context.hasCallerLeft()) return;
      await sleep(progressIntervalMs, undefined, { signal: context.draining }).catch(() => {});
    }
  } catch (error) {
    yield error instanceof Error ? error : new Error(String(error));
  }
}

builder.subscriptionField('bulkDeleteProgress', (t) =>
  t.field({
    type: BulkDelete,
    nullable: true,
    description:
      'A bulk delete now, and again whenever it has got further, at most once a second, until it ends: as ' +
      "`text/event-stream`, or as `multipart/mixed` in Apollo's protocol. A server that is stopped ends it early: ask again. " +
      'It ends with `UNAUTHENTICATED` when your token expires or upstream takes it no longer, with `FORBIDDEN` when upstream ' +
      'shows you the account no longer. You may follow 20 at once; beyond that it is `RATE_LIMITED`.',
    args: idArgs,
    subscribe: async (_root, { id }, context) => {
      // Before the stream begins, so that an error is one of the request.
      return follow(await findBulkDelete(id, context), context);
    },
    resolve: (event) => {
      if (event instanceof Error) throw event;
      return event;
    },
  }),
);
