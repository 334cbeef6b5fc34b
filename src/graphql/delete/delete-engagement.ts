import { type AskedDelete, deleteEngagement } from '../../engagement/delete/delete-engagement.ts';
import { type DeleteEngagementParameter, deleteParameters } from '../../engagement/input.ts';
import { listing, requiringType } from '../../engagement/integrations.ts';
import type { Selection } from '../../engagement/record.ts';
import { type DeleteEngagementResult as Result, withEngagementId } from '../../engagement/result.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { type Context, callerKeyOf, requireCaller } from '../core/context.ts';
import { readSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { DeleteEngagementResult } from '../types/result.ts';
import {
  EngagementSort,
  EngagementType,
  RecordReferenceInput,
  ResponseFormat,
  rawTypeOptions,
  trutoQueryOptions,
} from '../types/values.ts';

/** @param meaning what the parameter is. Omit it for parameters of emails. */
function describe(name: DeleteEngagementParameter, meaning?: string): string {
  const emailOnly =
    'For emails only. With another `engagementType` it is refused; without one it is sent, with a warning.';
  const names = listing(name);
  const listed = names === '' ? 'Truto documents it, but no integration lists it.' : `Listed by ${names}.`;
  return [meaning ?? ('isEmailOnly' in deleteParameters[name] ? emailOnly : ''), listed].join(' ').trim();
}

/** The parameters that only some integrations list. */
export const DeleteEngagementParameters = builder.inputType('DeleteEngagementParameters', {
  description: "More query parameters of Truto's delete. `Query.integrations` shows which integration lists which.",
  fields: (t) =>
    ({
      sortBy: t.field({ type: EngagementSort, description: describe('sortBy') }),
      content: t.string({ description: describe('content') }),
      subject: t.string({ description: describe('subject') }),
      direction: t.string({ description: describe('direction') }),
      createdAt: t.field({ type: 'DateTime', description: describe('createdAt', 'When the engagement was created.') }),
      updatedAt: t.field({
        type: 'DateTime',
        description: describe('updatedAt', 'When the engagement was last updated.'),
      }),
      status: t.string({ description: describe('status', "The engagement's status.") }),
      account: t.field({
        type: RecordReferenceInput,
        description: describe('account', 'The company (CRM account) of the engagement.'),
      }),
      contacts: t.field({
        type: [RecordReferenceInput],
        description: describe('contacts', 'The contacts of the engagement.'),
      }),
    }) satisfies Record<DeleteEngagementParameter, unknown>,
});

/** The arguments of the field, coerced. */
export type DeleteArguments = AskedDelete & { readonly snapshot: boolean; readonly dryRun: boolean };

/**
 * Runs one delete of an operation.
 * @param responseKey distinguishes the deletes of an operation, which share one idempotency key.
 * @throws {GraphQLError} `UNAUTHENTICATED`.
 */
export async function resolveDelete(
  { dryRun, snapshot, ...input }: DeleteArguments,
  selection: Selection,
  responseKey: string | number,
  context: Context,
): Promise<Result> {
  const { deadlineAt, hasCallerLeft, chunkDeliveries } = context;
  const caller = requireCaller(context);
  const callerKey = callerKeyOf(context, responseKey);
  const options = { caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
  const end = await deleteEngagement(input, options, context);
  const result = (input.id ?? null) === null ? end : withEngagementId(end, input.id ?? '');
  if (result.kind === 'Unauthenticated')
    throw fieldError('UNAUTHENTICATED', result.message, { engagementId: result.engagementId });
  if (result.kind === 'DeleteEngagementSuccess' && result.stream) chunkDeliveries.own(result.stream.body);
  return result;
}

builder.mutationField('deleteEngagement', (t) =>
  t.field({
    type: DeleteEngagementResult,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Deletes one engagement and returns the outcome. A delete cannot be undone. Aliased deletes run one after ' +
      'another. Send an `Idempotency-Key` header (or `extensions.idempotencyKey` in the request) to make a retry safe: for ' +
      '10 minutes, the same key returns the first result. After a refusal, or an `OutcomeUnknownError` that is ' +
      '`retrySafe`, the same key sends the delete again.',
    args: {
      id: t.arg.id({
        description:
          "Truto's id of the engagement: 1 to 512 characters, without control characters, and without `.` or `..` as a path segment. Required without `confirmationToken`.",
      }),
      integratedAccountId: t.arg.id({
        description:
          "Truto's id of the integrated account that the engagement is in. Required without `confirmationToken`.",
      }),
      format: t.arg({
        type: ResponseFormat,
        required: true,
        defaultValue: 'unified',
        description: 'The form of the answer.',
      }),
      engagementType: t.arg({
        type: EngagementType,
        description: `The type of the engagement. ${requiringType} require it.`,
      }),
      rawEngagementType: t.arg.string(rawTypeOptions),
      parameters: t.arg({
        type: DeleteEngagementParameters,
        description: 'More query parameters, for the integrations that list them.',
      }),
      remoteQuery: t.arg({
        type: 'JSONObject',
        description:
          "Query parameters for the provider's own API: strings, numbers, booleans, and lists and objects of them, up to 5 levels deep. Null is sent as an empty value. With `remoteQuery`, an unknown outcome is not `retrySafe`.",
      }),
      trutoQuery: t.arg({
        ...trutoQueryOptions,
        description: `${trutoQueryOptions.description} A parameter of \`parameters\` may be here if you do not give it there. The read of \`snapshot: true\` has them too. With \`trutoQuery\`, an unknown outcome is not \`retrySafe\`.`,
      }),
      snapshot: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Reads the engagement and its notes first, so that every selected field is filled. If the read fails, nothing is deleted.',
      }),
      dryRun: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Deletes nothing. Returns the request that would be sent, every reason why it would be refused, and a `confirmationToken`. Looks up the account, and with `snapshot: true` reads the engagement.',
      }),
      confirmationToken: t.arg.string({
        description:
          'The `confirmationToken` of your dry run: deletes exactly what that showed, once, within 5 minutes. Omit the other arguments. It replaces an `Idempotency-Key`: sent again within 10 minutes, it returns the first result. Some servers delete nothing without it.',
      }),
    },
    resolve: (_root, args, context, info) => resolveDelete(args, readSelection(info), info.path.key, context),
  }),
);
