import { defaultPageSize, type EngagementPage, readEngagement, readEngagements } from '../../engagement/read.ts';
import { builder, objectType, upstreamRequestCost } from '../core/builder.ts';
import { requireCaller } from '../core/context.ts';
import { fieldsBelow, named, wireFieldsBelow, wireFieldsSelected } from '../core/selection.ts';
import { failedRead, fieldError } from '../core/top-level-errors.ts';
import { EngagementFilter } from '../types/engagement-filter.ts';
import { Engagement, type EngagementSource } from '../types/records.ts';
import { EngagementSort, EngagementType, SortDirection } from '../types/values.ts';

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

objectType<PageInfo>('PageInfo', {
  shareable: true,
  description: 'Where a page stands among the others. Upstream pages forward only.',
  shows: {
    hasNextPage: ['Boolean!', 'True when more follow.'],
    hasPreviousPage: ['Boolean!', 'True when this is not the first page.'],
    startCursor: ['String', 'The cursor this page was asked for by; null for the first page.'],
    endCursor: ['String', 'Give it as `after` to get the next page; null at the end.'],
  },
});

const EngagementEdge = objectType<{ node: EngagementSource; cursor: string | null }>('EngagementEdge', {
  description: 'One engagement of a page.',
  shows: {
    node: ['Engagement!', 'The engagement itself.'],
    cursor: [
      'String',
      "What `after` needs to go on behind this one. Upstream has cursors between pages only, so all but a page's last are null.",
    ],
  },
});

interface ConnectionPage extends Pick<EngagementPage, 'isPartial'> {
  readonly nodes: EngagementPage['records'];
  readonly pageInfo: PageInfo;
}

const EngagementConnection = objectType<ConnectionPage>('EngagementConnection', {
  description: 'A page of engagements. There is no total: upstream has none.',
  shows: { nodes: ['[Engagement!]!', 'The engagements of the page.'] },
  fields: (t, show) => ({
    edges: t.field({
      type: [EngagementEdge],
      nullable: false,
      description: 'The same, each with its cursor.',
      resolve: ({ nodes, pageInfo: { endCursor } }) =>
        nodes.map((node, index) => ({ node, cursor: index === nodes.length - 1 ? endCursor : null })),
    }),
    ...show({
      isPartial: [
        'Boolean!',
        'True when upstream says that it gives only a part: engagements, or fields of them, may be missing. Do not conclude that what is not here does not exist; ask again later.',
      ],
      pageInfo: ['PageInfo!', 'Where the page stands.'],
    }),
  }),
});

const integratedAccountDescription = "Truto's id of the integrated account to read from.";

builder.queryField('engagement', (t) =>
  t.field({
    type: Engagement,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'One engagement; null without an error when upstream knows none with this id. An integrated account that does not exist is an error with the code `INTEGRATED_ACCOUNT_NOT_FOUND`; `NOT_FOUND` says that the account could not be checked.',
    args: {
      id: t.arg.id({ required: true, description: "Upstream's id of the engagement." }),
      integratedAccountId: t.arg.id({ required: true, description: integratedAccountDescription }),
      engagementType: t.arg({
        type: EngagementType,
        description: 'What kind it is. Some integrations require it to find an engagement.',
      }),
    },
    async resolve(_root, key, context, info) {
      const selected = wireFieldsBelow(info, 'engagements');
      const { deadlineAt, hasCallerLeft } = context;
      const options = { caller: requireCaller(context), selected, deadlineAt, hasCallerLeft };
      const outcome = await readEngagement(key, options, context);
      // Null says that it is gone: not where the account itself may be what is missing.
      if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
      if (outcome.kind !== 'Found') throw failedRead(outcome);
      return { ...outcome.record, askedType: key.engagementType };
    },
  }),
);

builder.queryField('engagements', (t) =>
  t.field({
    type: EngagementConnection,
    nullable: true,
    cost: upstreamRequestCost,
    listSize: {
      assumedSize: defaultPageSize,
      slicingArguments: ['first'],
      sizedFields: ['nodes', 'edges'],
      requireOneSlicingArgument: false,
    },
    description: 'A page of the engagements in an integrated account.',
    args: {
      integratedAccountId: t.arg.id({ required: true, description: integratedAccountDescription }),
      first: t.arg.int({ description: 'How many at most, from 1 to 100. 25 when absent.' }),
      after: t.arg.string({ description: 'The `endCursor` of the page before; absent for the first page.' }),
      engagementType: t.arg({
        type: EngagementType,
        description: 'Only this kind: short for the same field of `filter`.',
      }),
      filter: t.arg({ type: EngagementFilter, description: 'Which engagements; all when absent.' }),
      sortBy: t.arg({ type: EngagementSort, description: "What to sort by; the provider's own order when absent." }),
      sortDirection: t.arg({
        type: SortDirection,
        required: true,
        defaultValue: 'desc',
        description: 'Which way to sort by `sortBy`.',
      }),
    },
    async resolve(_root, { engagementType, filter, sortBy, sortDirection, ...page }, context, info) {
      if (engagementType && filter?.engagementType && engagementType !== filter.engagementType) {
        throw fieldError(
          'INVALID_INPUT',
          'Nothing was sent. engagementType and filter.engagementType contradict each other.',
        );
      }
      const connection = fieldsBelow(info, 'EngagementConnection', info.fieldNodes);
      const edges = fieldsBelow(info, 'EngagementEdge', named(connection, 'edges'));
      const nodes = fieldsBelow(info, 'Engagement', [...named(connection, 'nodes'), ...named(edges, 'node')]);
      const selected = wireFieldsSelected(info, 'engagements', nodes);
      const order = sortBy ? { field: sortBy, direction: sortDirection } : undefined;
      const input = { ...page, order, filter: { ...filter, engagementType: engagementType ?? filter?.engagementType } };
      const { deadlineAt, hasCallerLeft } = context;
      const options = { caller: requireCaller(context), selected, deadlineAt, hasCallerLeft };
      const outcome = await readEngagements(input, options, context);
      if (outcome.kind !== 'Page') throw failedRead(outcome);
      const { records, nextCursor, isPartial } = outcome;
      const startCursor = page.after ?? null;
      const cursors = { startCursor, endCursor: nextCursor };
      const pageInfo = { hasNextPage: nextCursor !== null, hasPreviousPage: startCursor !== null, ...cursors };
      return { nodes: records, isPartial, pageInfo };
    },
  }),
);
