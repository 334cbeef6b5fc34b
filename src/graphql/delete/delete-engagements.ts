import { GraphQLStreamDirective } from '@graphql-tools/utils';
import { type FieldNode, type GraphQLResolveInfo, getDirectiveValues } from 'graphql';
import { deleteEach, itemKey, maxDeletes } from '../../engagement/delete/delete-many.ts';
import { requiringType } from '../../engagement/integrations.ts';
import type { DeleteEngagementResult as Result } from '../../engagement/result.ts';
import { withinRoom } from '../core/answer-room.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { requireCaller } from '../core/context.ts';
import { fieldsBelow, named, onceForNodes, readSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { DeleteEngagementResult } from '../types/result.ts';
import { EngagementType, ResponseFormat, rawTypeOptions, trutoQueryOptions } from '../types/values.ts';
import { DeleteEngagementParameters, resolveDelete } from './delete-engagement.ts';

const DeleteEngagementItem = builder.inputType('DeleteEngagementItem', {
  description: 'One engagement to delete.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Truto's id of the engagement, as for `deleteEngagement`." }),
    engagementType: t.field({
      type: EngagementType,
      description: `The type of the engagement. ${requiringType} require it.`,
    }),
    rawEngagementType: t.string(rawTypeOptions),
    parameters: t.field({
      type: DeleteEngagementParameters,
      description: 'More query parameters, for the integrations that list them.',
    }),
  }),
});

/** Deletes that were started. Each promise resolves, to an error if the delete failed at the top level. */
interface BegunDeletes {
  readonly results: readonly Promise<Result | Error>[];
}

/** Yields the results in order. The executor reads an error as the failure of that item only. */
async function* inTurn({ results }: BegunDeletes): AsyncGenerator<Result> {
  for (const result of results) yield (await result) as Result;
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
    if (stream && !(typeof stream.initialCount === 'number' && stream.initialCount >= 0))
      throw fieldError('BAD_USER_INPUT', 'Nothing was sent. The initialCount of @stream must be 0 or more.');
  }
}

const DeleteEngagementsPayload = builder.objectRef<BegunDeletes>('DeleteEngagementsPayload').implement({
  // GraphQL cannot stream a list that is itself a root field.
  description: 'The results of a list of deletes.',
  fields: (t) => ({
    results: t.field({
      type: [DeleteEngagementResult],
      nullable: { list: false, items: true },
      listSize: { assumedSize: maxDeletes },
      description:
        'One result for each item, in the same order, as `deleteEngagement` returns it. Null only with an error in `errors` at its path. With `@stream`, and an `Accept` header that allows `multipart/mixed` or `text/event-stream`, each result is sent when it is ready.',
      resolve: inTurn,
    }),
  }),
});

const selectedOfResults = onceForNodes((info: GraphQLResolveInfo) => {
  const fieldNodes = named(fieldsBelow(info, 'DeleteEngagementsPayload', info.fieldNodes), 'results');
  checkStreams(fieldNodes, info);
  return { fieldNodes, selection: readSelection({ ...info, fieldNodes }) };
});

builder.mutationField('deleteEngagements', (t) =>
  t.field({
    type: DeleteEngagementsPayload,
    nullable: true,
    cost: upstreamRequestCost * maxDeletes,
    description:
      'Deletes up to 100 engagements of one integrated account, in parallel, within its rate limits. (Aliases of ' +
      '`deleteEngagement` run one after another.) A failed item does not affect the others. Items with the same engagement ' +
      'are one delete. An `Idempotency-Key` applies to each engagement separately. The records of one operation may take 8 ' +
      'times `MAX_UPSTREAM_BYTES`; beyond that, results have a warning instead of their record. A server that requires ' +
      'confirmation refuses every item: use `startBulkDelete`.',
    args: {
      items: t.arg({
        type: [DeleteEngagementItem],
        required: true,
        description: 'The engagements to delete: 1 to 100 items.',
      }),
      integratedAccountId: t.arg.id({
        required: true,
        description: "Truto's id of the integrated account that the engagements are in.",
      }),
      format: t.arg({
        type: ResponseFormat,
        required: true,
        defaultValue: 'unified',
        description: 'The form of each answer. `STREAM` is for `deleteEngagement` only.',
      }),
      trutoQuery: t.arg({
        ...trutoQueryOptions,
        description: `${trutoQueryOptions.description} A parameter of an item's \`parameters\` may be here if the item does not give it there. Each delete has them.`,
      }),
      snapshot: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Reads each engagement and its notes first, so that every selected field is filled. An engagement whose read fails is not deleted.',
      }),
    },
    async resolve(_root, { items, integratedAccountId, format, trutoQuery, snapshot }, context, info) {
      requireCaller(context);
      if (items.length === 0 || items.length > maxDeletes)
        throw fieldError(
          'INVALID_INPUT',
          `Nothing was sent. items has ${items.length} items, and must have 1 to ${maxDeletes}.`,
        );
      if (format === 'stream')
        throw fieldError(
          'INVALID_INPUT',
          'Nothing was sent. The format STREAM is for deleteEngagement only. Use another format.',
        );
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
  }),
);
