import type { Caller } from '../engagement/access.ts';
import { deleteEngagement } from '../engagement/delete-engagement.ts';
import type { RecordKey } from '../engagement/record.ts';
import type { DeleteEngagementResult as Result } from '../engagement/result.ts';
import { builder } from './builder.ts';
import { type DeleteLogRecord, requireCaller } from './context.ts';
import { DeleteEngagementResult } from './delete-engagement-result.ts';
import { EngagementSort, EngagementType, ResponseFormat } from './enums.ts';
import { readSelection } from './selection.ts';

const RecordReferenceInput = builder.inputType('RecordReferenceInput', {
  description: 'A record of the CRM, named by its id.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Upstream's id of the record." }),
  }),
});

const DeleteEngagementParameters = builder.inputType('DeleteEngagementParameters', {
  description: "Further query parameters of upstream's delete. Which integration lists which: `Query.integrations`.",
  fields: (t) => ({
    sortBy: t.field({ type: EngagementSort, description: 'Listed by Pipeliner.' }),
    content: t.string({ description: 'Only together with `engagementType: EMAIL`. Listed by Planhat.' }),
    subject: t.string({ description: 'Only together with `engagementType: EMAIL`. Listed by Planhat.' }),
    direction: t.string({
      description: 'Only together with `engagementType: EMAIL`. Documented, yet listed by no integration.',
    }),
    createdAt: t.field({ type: 'DateTime', description: "The engagement's creation. Listed by Planhat." }),
    updatedAt: t.field({
      type: 'DateTime',
      description: "The engagement's last update. Documented, yet listed by no integration.",
    }),
    status: t.string({ description: "The engagement's status. Listed by Planhat." }),
    account: t.field({
      type: RecordReferenceInput,
      description: "The engagement's account (a company). Listed by Planhat.",
    }),
    contacts: t.field({ type: [RecordReferenceInput], description: "The engagement's contacts. Listed by Planhat." }),
  }),
});

function logRecord(
  { id, integratedAccountId }: RecordKey,
  caller: Caller,
  result: Result,
  durationMs: number,
): DeleteLogRecord {
  const detail = result.kind === 'DeleteEngagementSuccess' ? result.outcome : 'message' in result ? result.message : '';
  const who = { callerId: caller.id, integratedAccountId, engagementId: id };
  return { ...who, result: result.kind, detail, durationMs: Math.round(durationMs) };
}

builder.mutationField('deleteEngagement', (t) =>
  t.field({
    type: DeleteEngagementResult,
    nullable: true,
    description:
      'Deletes one engagement, once, and says what became of it. A delete cannot be undone. Aliased deletes run one after another.',
    args: {
      id: t.arg.id({
        required: true,
        description: "Upstream's id of the engagement: 1 to 512 characters, no control characters, not `.` or `..`.",
      }),
      integratedAccountId: t.arg.id({
        required: true,
        description: "Truto's id of the integrated account that the engagement is in.",
      }),
      format: t.arg({
        type: ResponseFormat,
        required: true,
        defaultValue: 'unified',
        description: 'In which form upstream answers.',
      }),
      engagementType: t.arg({
        type: EngagementType,
        description: 'What kind it is. Affinity, Close, Keap, OnePageCRM, Pipeliner and Zoho CRM require it.',
      }),
      parameters: t.arg({
        type: DeleteEngagementParameters,
        description: 'Further query parameters, for the integrations that list them.',
      }),
      remoteQuery: t.arg({
        type: 'JSONObject',
        description:
          "Query parameters for the provider's own API: texts, numbers, booleans, and lists and objects of them, up to 5 levels deep. Null is sent as an empty value.",
      }),
      snapshot: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Read the engagement first, and its notes, so that every selected field is filled. What cannot be read is not deleted.',
      }),
      dryRun: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Check, and answer the request that would be sent; send nothing.',
      }),
    },
    async resolve(_root, { dryRun, snapshot, ...input }, context, info) {
      const { deadlineAt, hasCallerLeft, chunkDeliveries } = context;
      const caller = requireCaller(context);
      const options = { caller, selection: readSelection(info), dryRun, snapshot, deadlineAt, hasCallerLeft };
      const startMs = performance.now();
      const result = await deleteEngagement(input, options, context);
      if (!dryRun) context.recordDelete(logRecord(input, caller, result, performance.now() - startMs));
      if (result.kind === 'DeleteEngagementSuccess' && result.stream) chunkDeliveries.own(result.stream.body);
      return result;
    },
  }),
);
