import {
  type BulkJob,
  type BulkRestoreOutcome,
  type BulkRestoreState,
  countOutcomes,
  maxLines,
  type ShownItem,
  stateOf,
} from '../../bulk/job.ts';
import { enumOf, inputType, objectType, rootField, upstreamRequestCost } from '../core/builder.ts';
import { callerKeyOf, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { fieldError } from '../core/top-level-errors.ts';
import '../types/values.ts';
import { addJobFields, inPages, pageOf, readFailures, readItems, startedJob, unavailable } from './jobs.ts';

enumOf<BulkRestoreOutcome>('BulkRestoreOutcome: The state of one engagement of a restore.', {
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

objectType<BulkJob>('BulkRestoreOutcomes: The number of engagements of a restore in each state.')((field) => {
  const count = (outcome: BulkRestoreOutcome, text: string) =>
    field(`Int!: ${text}`, (job) => countOutcomes(job)[outcome] ?? 0);
  return {
    planned: count('PLANNED', 'A dry run found that a restore would create them.'),
    restored: count('RESTORED', 'They are created again.'),
    alreadyRestored: count('ALREADY_RESTORED', 'An earlier restore has created them.'),
    stillExists: count('STILL_EXISTS', 'The old engagements can still be read. Nothing was created for them.'),
    mayBeRestored: count('MAY_BE_RESTORED', 'Their creates were sent, and nothing has shown the new records.'),
    failed: count('FAILED', 'Nothing was created for them.'),
    remaining: field(
      'Int!: They have no final outcome yet. After `CANCELLED` or `FAILED`, they were `SKIPPED`: none of them is created.',
      (job) => {
        const { WAITING = 0, IN_PROGRESS = 0, SKIPPED = 0 } = countOutcomes(job);
        return WAITING + IN_PROGRESS + SKIPPED;
      },
    ),
  };
});

objectType<ShownItem>('BulkRestoreItem: One engagement of a restore: its old id and its new one.')((field) => ({
  id: field('ID: The old id. Null for a line that cannot be read.', ({ id }) => id || null),
  engagementType: 'EngagementType: The type, if it is a documented one.',
  outcome: 'BulkRestoreOutcome!: Its state.',
  newId: 'ID: The id of the new record. Null when it is not known, or nothing was created.',
  lost: "[String!]!: The fields of the old record that a create cannot write, by Truto's names. Empty until the engagement is restored, and if the server restarted during its restore.",
  unconfirmed:
    "[String!]!: The fields that were sent, but that Truto's answer does not show as they were sent. Look at the new record.",
  messages: '[String!]!: Why it is not restored, or what to look at. For people.',
}));

pageOf<ShownItem>(
  'BulkRestoreItems: A page of the engagements of a restore.',
  'BulkRestoreItem',
  'In the order of the undo files, or of `lines`.',
);

enumOf<BulkRestoreState>('BulkRestoreState: The progress of a restore, from its start to its end.', {
  LISTING: 'The server is reading the undo files, and checks each record. Nothing is created yet.',
  RESTORING: 'The server is creating the engagements, within the rate limits of their integrated account.',
  PAUSED: 'It sends nothing until `resumeBulkRestore`. `statusReason` has the reason if the server paused it.',
  CANCELLING:
    'It starts no further create. Creates in flight are reconciled for a few minutes, then they are `MAY_BE_RESTORED`.',
  CANCELLED: 'It was cancelled. `outcomes` shows how many engagements were created before.',
  COMPLETED: 'Each engagement has its final outcome.',
  FAILED: 'It cannot continue. `statusReason` has the reason. Most often, nothing was created.',
});

const BulkRestore = objectType<BulkJob>(
  'BulkRestore: Creates deleted engagements of one integrated account again, in the background. Each becomes a new record with a new id; links to the old one stay broken. It survives restarts, and can be read for 30 days.',
)((field) => ({
  id: 'ID!: The id to read, pause, resume or cancel it.',
  integratedAccountId: field(
    "ID!: Truto's id of the integrated account that the engagements are created in.",
    ({ input }) => input.integratedAccountId,
  ),
  bulkDeleteId: field(
    'ID: The bulk delete whose undo files it reads. Null when it was started with `lines`.',
    ({ input }) => input.restore?.jobId,
  ),
  state: field('BulkRestoreState!: Its state.', (job) => {
    const state = stateOf(job);
    return state === 'DELETING' ? 'RESTORING' : state;
  }),
  statusReason: 'String: Why it waits, is paused or has failed. Null when there is no problem.',
  dryRun: field('Boolean!: True when it only checks, and creates nothing.', ({ input }) => input.dryRun),
  total: 'Int!: The number of engagements in it. While it is `LISTING`, the number found so far.',
  outcomes: field('BulkRestoreOutcomes!: The number of engagements in each state.', (job) => job),
  createdBy: field(
    'String!: The id of the caller who started it, as `BulkDelete.createdBy`.',
    ({ callerId }) => callerId,
  ),
  createdAt: 'DateTime!: When it was started.',
  endedAt: 'DateTime: When it ended.',
  engagements: field(
    'BulkRestoreItems!: Its engagements: the old id, the new one, and the state of each, in pages.',
    readItems,
    inPages,
  ),
  failures: field(
    'BulkRestoreItems!: The engagements that are `FAILED`, `STILL_EXISTS` or `MAY_BE_RESTORED`, in pages.',
    readFailures,
    inPages,
  ),
}));

const RestoreEngagementsInput = inputType(
  'RestoreEngagementsInput: What to restore: the records of a bulk delete, or `lines` of undo files. Give one of the two.',
  {
    integratedAccountId: "ID!: Truto's id of the integrated account to create the engagements in: that of the records.",
    bulkDeleteId:
      "ID: A bulk delete that was started with `snapshot` and has ended. Its undo files are read from the server's `UNDO_STORE`.",
    lines: `[JSONObject!]: Lines of undo files, at most ${maxLines}: each a JSON object with \`integratedAccountId\` and \`engagement\`. Of several lines for an engagement, the one with the latest \`readAt\` counts. Redis stores them until the restore ends.`,
    dryRun:
      'Boolean! = false: Creates nothing. Checks each record, reads each old engagement, and shows what cannot be restored and what would be lost.',
  },
);

rootField('mutation', 'restoreEngagements', {
  type: BulkRestore,
  cost: upstreamRequestCost,
  description:
    'Starts to create deleted engagements again, in the background, as new records with new ids. An engagement that still exists, or that an earlier restore has created, is not created. The server needs `REDIS_URL`, and `UNDO_STORE` for a `bulkDeleteId`. Repeated with the same `Idempotency-Key`, it returns the restore of the first request. `INVALID_INPUT` means that nothing was started, for example because the integration cannot create engagements.',
  args: { input: { type: RestoreEngagementsInput, required: true, description: 'What to restore, and how.' } },
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
});

addJobFields(BulkRestore, {
  noun: 'restore',
  id: 'The id of the restore, from `restoreEngagements`.',
  list: 'The restores of an integrated account, newest first, under the rules of `bulkDeletes`. Bulk deletes and restores together are limited to the newest 1,000.',
  pause: 'Stops a restore from sending until resumed. Creates in flight end as usual.',
  resume: 'Continues a paused restore, within two seconds.',
  cancel: 'Ends a restore for good: it starts no further create. Created engagements stay.',
});
