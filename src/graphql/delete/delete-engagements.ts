import { GraphQLStreamDirective } from '@graphql-tools/utils';
import { type FieldNode, type GraphQLResolveInfo, getDirectiveValues } from 'graphql';
import { withinRoom } from '../../engagement/answer-room.ts';
import { deleteEach, maxDeletes, nameOf } from '../../engagement/delete/delete-many.ts';
import { requiringType } from '../../engagement/integrations.ts';
import type { DeleteEngagementResult as Result } from '../../engagement/result.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { requireCaller } from '../core/context.ts';
import { fieldsBelow, named, readSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { DeleteEngagementResult } from '../types/result.ts';
import { EngagementType, ResponseFormat } from '../types/values.ts';
import { DeleteEngagementParameters, resolveDelete } from './delete-engagement.ts';

const DeleteEngagementItem = builder.inputType('DeleteEngagementItem', {
  description: 'One of many engagements to delete.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Upstream's id of the engagement, as for `deleteEngagement`." }),
    engagementType: t.field({
      type: EngagementType,
      description: `What kind it is. ${requiringType} require it.`,
    }),
    parameters: t.field({
      type: DeleteEngagementParameters,
      description: 'Further query parameters, for the integrations that list them.',
    }),
  }),
});

/** Deletes that have begun: each promise resolves, to an error for one that failed at the top level. */
interface BegunDeletes {
  readonly results: readonly Promise<Result | Error>[];
}

/** One after another; the executor takes an error for a failure of its item, so that it costs the others nothing. */
async function* inTurn({ results }: BegunDeletes): AsyncGenerator<Result> {
  for (const result of results) yield (await result) as Result;
}

/**
 * What the executor would find out when the deletes are under way, and answer nothing then.
 * @throws {GraphQLError} `BAD_USER_INPUT` for a `@stream` that cannot be.
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
      throw fieldError('BAD_USER_INPUT', 'Nothing was sent. The initialCount of @stream must be a number from 0 on.');
  }
}

const DeleteEngagementsPayload = builder.objectRef<BegunDeletes>('DeleteEngagementsPayload').implement({
  // GraphQL streams no list that is a root field itself.
  description: 'What became of a list of deletes.',
  fields: (t) => ({
    results: t.field({
      type: [DeleteEngagementResult],
      nullable: { list: false, items: true },
      listSize: { assumedSize: maxDeletes },
      description:
        'One for each item, in the same order, as `deleteEngagement` gives it: null only with an error at its place. With `@stream`, and an Accept header that takes `multipart/mixed` or `text/event-stream`, they are sent on as they come.',
      resolve: inTurn,
    }),
  }),
});

builder.mutationField('deleteEngagements', (t) =>
  t.field({
    type: DeleteEngagementsPayload,
    nullable: true,
    cost: upstreamRequestCost * maxDeletes,
    description:
      'Deletes up to 100 engagements of one integrated account, side by side, within its limits; aliased `deleteEngagement`s ' +
      'run one after another instead. One that fails costs the others nothing, and items that name the same engagement are ' +
      'one delete. An `Idempotency-Key` holds for each engagement of the list by itself. The records of one operation have ' +
      'room for 8 times MAX_UPSTREAM_BYTES: beyond it, results come without theirs, with a warning.',
    args: {
      items: t.arg({ type: [DeleteEngagementItem], required: true, description: 'What to delete: 1 to 100 items.' }),
      integratedAccountId: t.arg.id({
        required: true,
        description: "Truto's id of the integrated account that the engagements are in.",
      }),
      format: t.arg({
        type: ResponseFormat,
        required: true,
        defaultValue: 'unified',
        description: 'In which form upstream answers each. `STREAM` is for `deleteEngagement` only.',
      }),
      snapshot: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Read each engagement first, and its notes, so that every selected field is filled. What cannot be read is not deleted.',
      }),
    },
    async resolve(_root, { items, integratedAccountId, format, snapshot }, context, info) {
      requireCaller(context);
      if (items.length === 0 || items.length > maxDeletes)
        throw fieldError(
          'INVALID_INPUT',
          `Nothing was sent. items must have 1 to ${maxDeletes} items, it has ${items.length}.`,
        );
      if (format === 'stream')
        throw fieldError('INVALID_INPUT', 'Nothing was sent. The format STREAM is for deleteEngagement only.');
      const fieldNodes = named(fieldsBelow(info, 'DeleteEngagementsPayload', info.fieldNodes), 'results');
      checkStreams(fieldNodes, info);
      const selection = readSelection({ ...info, fieldNodes });
      const begun = deleteEach(items, async (item) => {
        const args = { ...item, integratedAccountId, format, snapshot, dryRun: false };
        const result = await resolveDelete(args, selection, `${info.path.key}.${nameOf(item)}`, context);
        return withinRoom(result, context.recordRoom);
      });
      // Caught now, since nobody may ever look at them.
      const results = begun.map((result) => result.catch((error: Error) => error));
      // Nobody waits for what nobody selected, and the answer must not come before the deletes.
      if (fieldNodes.length === 0) await Promise.all(results);
      return { results };
    },
  }),
);
