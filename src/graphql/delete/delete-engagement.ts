import { GraphQLStreamDirective } from '@graphql-tools/utils';
import type { InputRef } from '@pothos/core';
import { type FieldNode, type GraphQLResolveInfo, getDirectiveValues } from 'graphql';
import {
  type AskedDelete,
  deleteEach,
  deleteEngagement,
  itemKey,
  maxDeletes,
} from '../../engagement/delete/delete-engagement.ts';
import {
  type DeleteEngagementParameter,
  type DeleteEngagementParameters,
  deleteParameters,
} from '../../engagement/input.ts';
import { listing, requiringType } from '../../engagement/integrations.ts';
import type { Selection } from '../../engagement/record.ts';
import { type DeleteEngagementResult as Result, withEngagementId } from '../../engagement/result.ts';
import { withinRoom } from '../core/answer-room.ts';
import { inputType, objectType, type Row, rootField, upstreamRequestCost } from '../core/builder.ts';
import { type Context, callerKeyOf, requireCaller } from '../core/context.ts';
import { fieldsBelow, named, onceForNodes, readSelection } from '../core/selection.ts';
import { fieldError, invalidInput } from '../core/top-level-errors.ts';
import { DeleteEngagementResult } from '../types/result.ts';
import { rawType, trutoQuery } from '../types/values.ts';

/** @param meaning what the parameter is. Omit it for parameters of emails. */
function describe(name: DeleteEngagementParameter, meaning?: string): string {
  const emailOnly =
    'For emails only. With another `engagementType` it is refused; without one it is sent, with a warning.';
  const names = listing(name);
  const listed = names === '' ? 'Truto documents it, but no integration lists it.' : `Listed by ${names}.`;
  return [meaning ?? ('isEmailOnly' in deleteParameters[name] ? emailOnly : ''), listed].join(' ').trim();
}

inputType(
  "DeleteEngagementParameters: More query parameters of Truto's delete. `Query.integrations` shows which integration lists which.",
  {
    sortBy: `EngagementSort: ${describe('sortBy')}`,
    content: `String: ${describe('content')}`,
    subject: `String: ${describe('subject')}`,
    direction: `String: ${describe('direction')}`,
    createdAt: `DateTime: ${describe('createdAt', 'When the engagement was created.')}`,
    updatedAt: `DateTime: ${describe('updatedAt', 'When the engagement was last updated.')}`,
    status: `String: ${describe('status', "The engagement's status.")}`,
    account: `RecordReferenceInput: ${describe('account', 'The company (CRM account) of the engagement.')}`,
    contacts: `[RecordReferenceInput!]: ${describe('contacts', 'The contacts of the engagement.')}`,
  } satisfies Record<DeleteEngagementParameter, Row>,
) satisfies InputRef<DeleteEngagementParameters>;

/** The arguments of the field, coerced. */
export type DeleteArguments = AskedDelete & { readonly snapshot: boolean; readonly dryRun: boolean };

/** Runs one delete. @param responseKey distinguishes the deletes of an operation, which share one idempotency key. */
async function resolveDelete(
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

/** The arguments that choose the type and the parameters of a delete. */
const which = {
  engagementType: `EngagementType: The type of the engagement. ${requiringType} require it.`,
  rawEngagementType: rawType,
  parameters: 'DeleteEngagementParameters: More query parameters, for the integrations that list them.',
} as const;

rootField('mutation', 'deleteEngagement', {
  type: DeleteEngagementResult,
  cost: upstreamRequestCost,
  description:
    'Deletes one engagement and returns the outcome. A delete cannot be undone. Aliased deletes run one after another. Send an `Idempotency-Key` header (or `extensions.idempotencyKey` in the request) to make a retry safe: for 10 minutes, the same key returns the first result. After a refusal, or an `OutcomeUnknownError` that is `retrySafe`, the same key sends the delete again.',
  args: {
    id: "ID: Truto's id of the engagement: 1 to 512 characters, without control characters, and without `.` or `..` as a path segment. Required without `confirmationToken`.",
    integratedAccountId:
      "ID: Truto's id of the integrated account that the engagement is in. Required without `confirmationToken`.",
    format: 'ResponseFormat! = unified: The form of the answer.',
    ...which,
    remoteQuery:
      "JSONObject: Query parameters for the provider's own API: strings, numbers, booleans, and lists and objects of them, up to 5 levels deep. Null is sent as an empty value. With `remoteQuery`, an unknown outcome is not `retrySafe`.",
    trutoQuery: `${trutoQuery} A parameter of \`parameters\` may be here if you do not give it there. The read of \`snapshot: true\` has them too. With \`trutoQuery\`, an unknown outcome is not \`retrySafe\`.`,
    snapshot:
      'Boolean! = false: Reads the engagement and its notes first, so that every selected field is filled. If the read fails, nothing is deleted.',
    dryRun:
      'Boolean! = false: Deletes nothing. Returns the request that would be sent, every reason why it would be refused, and a `confirmationToken`. Looks up the account, and with `snapshot: true` reads the engagement.',
    confirmationToken:
      'String: The `confirmationToken` of your dry run: deletes exactly what that showed, once, within 5 minutes. Omit the other arguments. It replaces an `Idempotency-Key`: sent again within 10 minutes, it returns the first result. Some servers delete nothing without it.',
  },
  resolve: (_root, args, context, info) => resolveDelete(args, readSelection(info), info.path.key, context),
});

/** Deletes that were started. Each promise resolves, to an error if the delete failed at the top level. */
interface BegunDeletes {
  readonly results: readonly Promise<Result | Error>[];
}

/**
 * Checks `@stream` before the deletes start: the executor checks it after that, and then returns none of their results.
 * @throws {GraphQLError} `BAD_USER_INPUT` for an invalid `@stream`.
 */
function checkStreams(nodes: readonly FieldNode[], { variableValues }: GraphQLResolveInfo): void {
  for (const node of nodes) {
    let stream: Readonly<Record<string, unknown>> | undefined;
    try {
      stream = getDirectiveValues(GraphQLStreamDirective, node, variableValues);
    } catch (error) {
      throw fieldError('BAD_USER_INPUT', `Nothing was sent. ${error instanceof Error ? error.message : ''}`);
    }
    if (stream && stream.if !== false && !(typeof stream.initialCount === 'number' && stream.initialCount >= 0))
      throw fieldError('BAD_USER_INPUT', 'Nothing was sent. The initialCount of @stream must be 0 or more.');
  }
}

// GraphQL cannot stream a list that is itself a root field.
const DeleteEngagementsPayload = objectType<BegunDeletes>(
  'DeleteEngagementsPayload: The results of a list of deletes.',
)((field) => ({
  results: field(
    '[DeleteEngagementResult]!: One result for each item, in the same order, as `deleteEngagement` returns it. Null only with an error in `errors` at its path. With `@stream`, and an `Accept` header that allows `multipart/mixed` or `text/event-stream`, each result is sent when it is ready.',
    // The executor reads an error as the failure of that item only.
    ({ results }) => results,
    { listSize: { assumedSize: maxDeletes } },
  ),
}));

const selectedOfResults = onceForNodes((info: GraphQLResolveInfo) => {
  const fieldNodes = named(fieldsBelow(info, 'DeleteEngagementsPayload', info.fieldNodes), 'results');
  checkStreams(fieldNodes, info);
  return { fieldNodes, selection: readSelection({ ...info, fieldNodes }) };
});

const DeleteEngagementItem = inputType('DeleteEngagementItem: One engagement to delete.', {
  id: "ID!: Truto's id of the engagement, as for `deleteEngagement`.",
  ...which,
});

rootField('mutation', 'deleteEngagements', {
  type: DeleteEngagementsPayload,
  cost: upstreamRequestCost * maxDeletes,
  description: `Deletes up to ${maxDeletes} engagements of one integrated account, in parallel, within its rate limits. (Aliases of \`deleteEngagement\` run one after another.) A failed item does not affect the others. Items with the same engagement are one delete. An \`Idempotency-Key\` applies to each engagement separately. The records of one operation may take 8 times \`MAX_UPSTREAM_BYTES\`; beyond that, results have a warning instead of their record. A server that requires confirmation refuses every item: use \`startBulkDelete\`.`,
  args: {
    items: {
      type: [DeleteEngagementItem],
      required: true,
      description: `The engagements to delete: 1 to ${maxDeletes} items.`,
    },
    integratedAccountId: "ID!: Truto's id of the integrated account that the engagements are in.",
    format: 'ResponseFormat! = unified: The form of each answer. `STREAM` is for `deleteEngagement` only.',
    trutoQuery: `${trutoQuery} A parameter of an item's \`parameters\` may be here if the item does not give it there. Each delete has them.`,
    snapshot:
      'Boolean! = false: Reads each engagement and its notes first, so that every selected field is filled. An engagement whose read fails is not deleted.',
  },
  async resolve(_root, { items, integratedAccountId, format, trutoQuery, snapshot }, context, info) {
    requireCaller(context);
    if (items.length === 0 || items.length > maxDeletes)
      throw invalidInput(['items'], `It must have 1 to ${maxDeletes} items, it has ${items.length}.`);
    if (format === 'stream') throw invalidInput(['format'], 'STREAM is for deleteEngagement only. Use another format.');
    const { fieldNodes, selection } = selectedOfResults(info);
    const begun = deleteEach(items, async (item) => {
      const args = { ...item, integratedAccountId, format, trutoQuery, snapshot, dryRun: false };
      const result = await resolveDelete(args, selection, `${info.path.key}.${itemKey(item)}`, context);
      return withinRoom(result, context.recordRoom);
    });
    // Caught now: an error of a result that is never read must not end the process.
    const results = begun.map((result) => result.catch((error: Error) => error));
    // Without `results` in the selection, the executor would not wait for the deletes.
    if (fieldNodes.length === 0) await Promise.all(results);
    return { results };
  },
});
