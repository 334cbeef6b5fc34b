import {
  type BulkJob,
  type BulkState,
  countRestores,
  maxLines,
  type RestoredItem,
  type RestoreOutcome,
  restoreOutcomeOf,
  stateOf,
} from '../../bulk/job.ts';
import { builder, enumOf, objectType, upstreamRequestCost } from '../core/builder.ts';
import { callerKeyOf, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { fieldError } from '../core/top-level-errors.ts';
import '../types/values.ts';
import { BulkRestores, inPages, pageOf, readFailures, readItems, sizedByFirst, unavailable } from './bulk-delete.ts';
import { findJob, listArgs, listJobs, startedJob } from './bulk-operations.ts';

enumOf<RestoreOutcome>('BulkRestoreOutcome', 'The state of one engagement of a restore.', {
  WAITING: 'It is not restored yet. If it has `messages`, it cannot be restored: they say why.',
  IN_PROGRESS: 'The old engagement is being read, or its create is in flight.',
  PLANNED: 'The end of a dry run: the old engagement is gone, and a restore would create it.',
  SKIPPED: 'It was not created: the restore was cancelled, or failed, before.',
  RESTORED: 'It is created again, as `newId`.',
  ALREADY_RESTORED: 'An earlier restore has created it, as `newId`. Nothing was created now.',
  STILL_EXISTS: 'The old engagement can still be read, so nothing was created.',
  MAY_BE_RESTORED:
    'Its create was sent, and neither an answer nor a search has shown the new record. No restore sends it again. Look for it in the CRM.',
  FAILED: 'Nothing was created. `messages` has the reason.',
});

const counts = {
  planned: ['PLANNED', 'A dry run found that a restore would create them.'],
  restored: ['RESTORED', 'They are created again.'],
  alreadyRestored: ['ALREADY_RESTORED', 'An earlier restore has created them.'],
  stillExists: ['STILL_EXISTS', 'The old engagements can still be read. Nothing was created for them.'],
  mayBeRestored: ['MAY_BE_RESTORED', 'Their creates were sent, and nothing has shown the new records.'],
  failed: ['FAILED', 'Nothing was created for them.'],
} as const;

const BulkRestoreOutcomes = objectType<BulkJob>('BulkRestoreOutcomes', {
  description: 'The number of engagements of a restore in each state.',
  fields: (t) => ({
    ...Object.fromEntries(
      Object.entries(counts).map(([field, [outcome, description]]) => [
        field,
        t.int({ nullable: false, description, resolve: (job) => countRestores(job)[outcome] }),
      ]),
    ),
    remaining: t.int({
      nullable: false,
      description:
        'They have no final outcome yet. After `CANCELLED` or `FAILED`, they were `SKIPPED`: none of them is created.',
      resolve(job) {
        const { WAITING, IN_PROGRESS, SKIPPED } = countRestores(job);
        return WAITING + IN_PROGRESS + SKIPPED;
      },
    }),
  }),
});

objectType<RestoredItem>('BulkRestoreItem', {
  description: 'One engagement of a restore: its old id and its new one.',
  fields: (t, show) => ({
    id: t.id({
      nullable: true,
      description: 'The old id. Null for a line that cannot be read.',
      resolve: ({ id }) => id || null,
    }),
    ...show({
      engagementType: ['EngagementType', 'The type, if it is a documented one.'],
      outcome: ['BulkRestoreOutcome!', 'Its state.'],
      newId: ['ID', 'The id of the new record. Null when it is not known, or nothing was created.'],
    }),
    lost: t.stringList({
      nullable: false,
      description:
        "The fields of the old record that a create cannot write, by Truto's names. Empty until the engagement is restored, and if the server restarted during its restore.",
      resolve: ({ lost }) => [...(lost ?? [])],
    }),
    unconfirmed: t.stringList({
      nullable: false,
      description:
        "The fields that were sent, but that Truto's answer does not show as they were sent. Look at the new record.",
      resolve: ({ unconfirmed }) => [...(unconfirmed ?? [])],
    }),
    messages: t.stringList({
      nullable: false,
      description: 'Why it is not restored, or what to look at. For people.',
      resolve: ({ messages }) => [...(messages ?? [])],
    }),
  }),
});

const BulkRestoreItems = pageOf<RestoredItem>(
  'BulkRestoreItems',
  'BulkRestoreItem',
  'A page of the engagements of a restore.',
  'In the order of the undo files, or of `lines`.',
);

const BulkRestoreState = enumOf<Exclude<BulkState, 'DELETING'> | 'RESTORING'>(
  'BulkRestoreState',
  'The progress of a restore, from its start to its end.',
  {
    LISTING: 'The server is reading the undo files, and checks each record. Nothing is created yet.',
    RESTORING: 'The server is creating the engagements, within the rate limits of their integrated account.',
    PAUSED: 'It sends nothing until `resumeBulkRestore`. `statusReason` has the reason if the server paused it.',
    CANCELLING:
      'It starts no further create. Creates in flight are reconciled for a few minutes, then they are `MAY_BE_RESTORED`.',
    CANCELLED: 'It was cancelled. `outcomes` shows how many engagements were created before.',
    COMPLETED: 'Each engagement has its final outcome.',
    FAILED: 'It cannot continue. `statusReason` has the reason. Most often, nothing was created.',
  },
);

const BulkRestore = objectType<BulkJob>('BulkRestore', {
  description:
    'Creates deleted engagements of one integrated account again, in the background. Each becomes a new record with a ' +
    'new id; links to the old one stay broken. It survives restarts, and can be read for 30 days.',
  shows: { id: ['ID!', 'The id to read, pause, resume or cancel it.'] },
  fields: (t, show) => ({
    integratedAccountId: t.id({
      nullable: false,
      description: "Truto's id of the integrated account that the engagements are created in.",
      resolve: ({ input }) => input.integratedAccountId,
    }),
    bulkDeleteId: t.id({
      description: 'The bulk delete whose undo files it reads. Null when it was started with `lines`.',
      resolve: ({ input }) => input.restore?.jobId,
    }),
    state: t.field({
      type: BulkRestoreState,
      nullable: false,
      description: 'Its state.',
      resolve(job) {
        const state = stateOf(job);
        return state === 'DELETING' ? 'RESTORING' : state;
      },
    }),
    ...show({ statusReason: ['String', 'Why it waits, is paused or has failed. Null when there is no problem.'] }),
    dryRun: t.boolean({
      nullable: false,
      description: 'True when it only checks, and creates nothing.',
      resolve: ({ input }) => input.dryRun,
    }),
    ...show({ total: ['Int!', 'The number of engagements in it. While it is `LISTING`, the number found so far.'] }),
    outcomes: t.field({
      type: BulkRestoreOutcomes,
      nullable: false,
      description: 'The number of engagements in each state.',
      resolve: (job) => job,
    }),
    createdBy: t.string({
      nullable: false,
      description: 'The id of the caller who started it, as `BulkDelete.createdBy`.',
      resolve: ({ callerId }) => callerId,
    }),
    ...show({ createdAt: ['DateTime!', 'When it was started.'], endedAt: ['DateTime', 'When it ended.'] }),
    engagements: t.field({
      type: BulkRestoreItems,
      ...inPages,
      description: 'Its engagements: the old id, the new one, and the state of each, in pages.',
      resolve: (job, args, context) =>
        readItems(job, args, context, ({ id, engagementType, source }, states, index): RestoredItem => {
          const end = JSON.parse(states[`end:${index}`] ?? '{}');
          const messages = source?.refusal === undefined ? [] : [source.refusal];
          return { id, engagementType, messages, ...end, outcome: restoreOutcomeOf(states[index], job) };
        }),
    }),
    failures: t.field({
      type: BulkRestoreItems,
      ...inPages,
      description: 'The engagements that are `FAILED`, `STILL_EXISTS` or `MAY_BE_RESTORED`, in pages.',
      resolve: (job, args, context) => readFailures<RestoredItem>(job, args, context),
    }),
  }),
});

const RestoreEngagementsInput = builder.inputType('RestoreEngagementsInput', {
  description: 'What to restore: the records of a bulk delete, or `lines` of undo files. Give one of the two.',
  fields: (t) => ({
    integratedAccountId: t.id({
      required: true,
      description: "Truto's id of the integrated account to create the engagements in: that of the records.",
    }),
    bulkDeleteId: t.id({
      description:
        "A bulk delete that was started with `snapshot` and has ended. Its undo files are read from the server's `UNDO_STORE`.",
    }),
    lines: t.field({
      type: ['JSONObject'],
      description: `Lines of undo files, at most ${maxLines}: each a JSON object with \`integratedAccountId\` and \`engagement\`. Of several lines for an engagement, the one with the latest \`readAt\` counts. Redis stores them until the restore ends.`,
    }),
    dryRun: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Creates nothing. Checks each record, reads each old engagement, and shows what cannot be restored and what would be lost.',
    }),
  }),
});

const idArgs = builder.args((t) => ({
  id: t.id({ required: true, description: 'The id of the restore, from `restoreEngagements`.' }),
}));

builder.queryField('bulkRestore', (t) =>
  t.field({
    type: BulkRestore,
    nullable: true,
    description: 'A restore. Null when there is none with this id in the integrated accounts that you have access to.',
    args: idArgs,
    resolve: (_root, { id }, context) =>
      requireBulkDeletes(context).find(id, requireCaller(context), context.deadlineAt, true).catch(unavailable),
  }),
);

builder.queryField('bulkRestores', (t) =>
  t.field({
    type: BulkRestores,
    nullable: true,
    ...sizedByFirst,
    description:
      'The restores of an integrated account, newest first, under the rules of `bulkDeletes`. Bulk deletes and restores together are limited to the newest 1,000.',
    args: listArgs,
    resolve: (_root, args, context) => listJobs(args, context, true),
  }),
);

builder.mutationField('restoreEngagements', (t) =>
  t.field({
    type: BulkRestore,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Starts to create deleted engagements again, in the background, as new records with new ids. An engagement that still ' +
      'exists, or that an earlier restore has created, is not created. The server needs `REDIS_URL`, and `UNDO_STORE` for a ' +
      '`bulkDeleteId`. Repeated with the same `Idempotency-Key`, it returns the restore of the first request. `INVALID_INPUT` ' +
      'means that nothing was started, for example because the integration cannot create engagements.',
    args: { input: t.arg({ type: RestoreEngagementsInput, required: true, description: 'What to restore, and how.' }) },
    async resolve(_root, { input }, context, info) {
      const { integratedAccountId, dryRun } = input;
      const options = { callerKey: callerKeyOf(context, info.path.key), deadlineAt: context.deadlineAt };
      const which = { jobId: input.bulkDeleteId ?? undefined, lines: input.lines ?? undefined };
      const started = await requireBulkDeletes(context)
        .startRestore({ integratedAccountId, dryRun, ...which }, requireCaller(context), options)
        .catch(unavailable);
      if (started === null)
        throw fieldError(
          'NOT_FOUND',
          'Nothing was started. No bulk delete with this id exists in this integrated account, or you have no access to it. The server forgets a bulk delete after 30 days: then give the lines of its undo files, or use the terminal.',
        );
      return startedJob(started);
    },
  }),
);

const controls = {
  pause: 'Stops a restore from sending until resumed. Creates in flight end as usual.',
  resume: 'Continues a paused restore, within two seconds.',
  cancel: 'Ends a restore for good: it starts no further create. Created engagements stay.',
} as const;

for (const [how, description] of Object.entries(controls) as [keyof typeof controls, string][]) {
  builder.mutationField(`${how}BulkRestore`, (t) =>
    t.field({
      type: BulkRestore,
      nullable: true,
      description: `${description} Does nothing to a restore that has ended.`,
      args: idArgs,
      async resolve(_root, { id }, context) {
        const job = await findJob(id, context, 'Nothing was changed.', true);
        return requireBulkDeletes(context).control(job, how).catch(unavailable);
      },
    }),
  );
}
