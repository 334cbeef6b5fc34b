import { deleteEngagement } from '../../engagement/delete/delete-engagement.ts';
import {
  type DeleteEngagementInput,
  type DeleteEngagementParameter,
  deleteParameters,
} from '../../engagement/input.ts';
import { listing, requiringType } from '../../engagement/integrations.ts';
import type { Selection } from '../../engagement/record.ts';
import { type DeleteEngagementResult as Result, withEngagementId } from '../../engagement/result.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
import { readSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { DeleteEngagementResult } from '../types/result.ts';
import { EngagementSort, EngagementType, ResponseFormat } from '../types/values.ts';

const RecordReferenceInput = builder.inputType('RecordReferenceInput', {
  description: 'A record of the CRM, named by its id.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Upstream's id of the record." }),
  }),
});

/** @param meaning what the parameter is; none for the texts that are for emails only. */
function describe(name: DeleteEngagementParameter, meaning?: string): string {
  const emailOnly = 'For emails: refused with another `engagementType`, sent with a warning without any.';
  const names = listing(name);
  const listed = names === '' ? 'Documented, yet listed by no integration.' : `Listed by ${names}.`;
  return [meaning ?? ('isEmailOnly' in deleteParameters[name] ? emailOnly : ''), listed].join(' ').trim();
}

/** What of a delete's input only some integrations list. */
export const DeleteEngagementParameters = builder.inputType('DeleteEngagementParameters', {
  description: "Further query parameters of upstream's delete. Which integration lists which: `Query.integrations`.",
  fields: (t) =>
    ({
      sortBy: t.field({ type: EngagementSort, description: describe('sortBy') }),
      content: t.string({ description: describe('content') }),
      subject: t.string({ description: describe('subject') }),
      direction: t.string({ description: describe('direction') }),
      createdAt: t.field({ type: 'DateTime', description: describe('createdAt', "The engagement's creation.") }),
      updatedAt: t.field({
        type: 'DateTime',
        description: describe('updatedAt', "The engagement's last update."),
      }),
      status: t.string({ description: describe('status', "The engagement's status.") }),
      account: t.field({
        type: RecordReferenceInput,
        description: describe('account', "The engagement's account (a company)."),
      }),
      contacts: t.field({
        type: [RecordReferenceInput],
        description: describe('contacts', "The engagement's contacts."),
      }),
    }) satisfies Record<DeleteEngagementParameter, unknown>,
});

/** The arguments of the field, coerced. */
export interface DeleteArguments extends DeleteEngagementInput {
  readonly snapshot: boolean;
  readonly dryRun: boolean;
}

/**
 * Does one delete of an operation.
 * @param responseKey tells it from the operation's other deletes: they came with the same idempotency key.
 * @throws {GraphQLError} `UNAUTHENTICATED`.
 */
export async function resolveDelete(
  { dryRun, snapshot, ...input }: DeleteArguments,
  selection: Selection,
  responseKey: string | number,
  context: Context,
): Promise<Result> {
  const { deadlineAt, hasCallerLeft, chunkDeliveries, idempotencyKey } = context;
  const caller = requireCaller(context);
  const callerKey = idempotencyKey === undefined ? undefined : ([idempotencyKey, String(responseKey)] as const);
  const options = { caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
  const result = await deleteEngagement(input, options, context);
  if (result.kind === 'Unauthenticated')
    throw fieldError('UNAUTHENTICATED', result.message, { engagementId: input.id });
  if (result.kind === 'DeleteEngagementSuccess' && result.stream) chunkDeliveries.own(result.stream.body);
  return withEngagementId(result, input.id);
}

builder.mutationField('deleteEngagement', (t) =>
  t.field({
    type: DeleteEngagementResult,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Deletes one engagement, once, and says what became of it. A delete cannot be undone. Aliased deletes run one after ' +
      'another. Repeated with the same `Idempotency-Key` header (or `extensions.idempotencyKey` of the request), it is not ' +
      'done again for 10 minutes: you get the result of the first. A refusal is not remembered: the same key then tries ' +
      'again, as it does after an `OutcomeUnknownError` that is `retrySafe`.',
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
        description: `What kind it is. ${requiringType} require it.`,
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
        description:
          'Check, and answer the request that would be sent, and what would keep it from deleting. Delete nothing. The account is looked up, and with `snapshot: true` the engagement is read.',
      }),
    },
    resolve: (_root, args, context, info) =>
      context.given?.get(info.path.key)?.() ?? resolveDelete(args, readSelection(info), info.path.key, context),
  }),
);
