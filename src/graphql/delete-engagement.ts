import { GraphQLError } from 'graphql';
import { deleteEngagement } from '../engagement/delete-engagement.ts';
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

/** How a delete ended, for the log: an error that was not made for callers is not repeated here. */
function endOf(end: Result | Error): Pick<DeleteLogRecord, 'result' | 'detail'> {
  if (end instanceof GraphQLError) return { result: String(end.extensions.code), detail: end.message };
  if (end instanceof Error) return { result: 'INTERNAL_SERVER_ERROR', detail: '' };
  if (end.kind === 'DeleteEngagementSuccess') return { result: end.kind, detail: end.outcome };
  return { result: end.kind, detail: 'message' in end ? end.message : '' };
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
      const { id: engagementId, integratedAccountId } = input;
      const startMs = performance.now();
      const record = (end: Result | Error) => {
        const durationMs = Math.round(performance.now() - startMs);
        const what = { callerId: caller.id, integratedAccountId, engagementId };
        if (!dryRun) context.recordDelete({ ...what, ...endOf(end), durationMs });
      };
      const result = await deleteEngagement(input, options, context).catch((error: Error) => {
        record(error);
        throw error;
      });
      record(result);
      if (result.kind === 'DeleteEngagementSuccess' && result.stream) chunkDeliveries.own(result.stream.body);
      return result;
    },
  }),
);
