import { defaultPageSize } from '../../engagement/input.ts';
import { type EngagementPage, readEngagement, readEngagements } from '../../engagement/read.ts';
import type { EngagementRecord } from '../../engagement/record.ts';
import { objectType, rootField, upstreamRequestCost } from '../core/builder.ts';
import { requireCaller } from '../core/context.ts';
import { fieldsBelow, named, onceForNodes, wireFieldsBelow, wireFieldsSelected } from '../core/selection.ts';
import { failedRead, invalidInput } from '../core/top-level-errors.ts';
import { recordTypes } from '../types/records.ts';
import { rawType, trutoQuery } from '../types/values.ts';

/** The longest page in an answer: some providers ignore the size. Upstream's largest answer could have a hundred thousand records. */
const maxPageRecords = 1_000;

interface ConnectionPage extends Pick<EngagementPage, 'isPartial'> {
  readonly nodes: EngagementPage['records'];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

objectType<ConnectionPage['pageInfo']>('PageInfo: The position of a page in the list. Truto pages forward only.', {
  shareable: true,
})({
  hasNextPage: 'Boolean!: True when another page follows.',
  hasPreviousPage: 'Boolean!: True when this is not the first page.',
  startCursor: 'String: The `after` of this page. Null on the first page.',
  endCursor: 'String: Pass it as `after` to get the next page. Null on the last page.',
});

objectType<{ node: EngagementRecord; cursor: string | null }>('EngagementEdge: One engagement of a page.')({
  node: 'Engagement!: The engagement itself.',
  cursor:
    'String: Pass it as `after` to continue after this engagement. Truto has cursors only between pages, so only the last of a page has one.',
});

const EngagementConnection = objectType<ConnectionPage>(
  'EngagementConnection: A page of engagements. It has no total, because Truto returns none.',
)((field) => ({
  nodes: '[Engagement!]!: The engagements of the page.',
  edges: field(
    '[EngagementEdge!]!: The same engagements, each with its cursor.',
    ({ nodes, pageInfo: { endCursor } }) =>
      nodes.map((node, index) => ({ node, cursor: index === nodes.length - 1 ? endCursor : null })),
  ),
  isPartial:
    'Boolean!: True when Truto returned an incomplete page. Engagements or fields may be missing, although they exist. Read the page again later.',
  pageInfo: 'PageInfo!: The position of the page in the list.',
}));

const selectedOfPage = onceForNodes((info) => {
  const connection = fieldsBelow(info, 'EngagementConnection', info.fieldNodes);
  const edges = fieldsBelow(info, 'EngagementEdge', named(connection, 'edges'));
  const nodes = fieldsBelow(info, 'Engagement', [...named(connection, 'nodes'), ...named(edges, 'node')]);
  return wireFieldsSelected(info, 'engagements', nodes);
});

const integratedAccountId = "ID!: Truto's id of the integrated account to read from.";

rootField('query', 'engagement', {
  type: recordTypes.engagements,
  cost: upstreamRequestCost,
  description:
    'Reads one engagement. Null, without an error, when Truto finds none with this id. A missing integrated account is an error with the code `INTEGRATED_ACCOUNT_NOT_FOUND`. `NOT_FOUND` means that the account could not be checked.',
  args: {
    id: "ID!: Truto's id of the engagement.",
    integratedAccountId,
    engagementType: 'EngagementType: The type of the engagement. Some integrations require it to find one.',
    rawEngagementType: rawType,
    trutoQuery,
  },
  async resolve(_root, key, context, info) {
    const selected = wireFieldsBelow(info, 'engagements');
    const { deadlineAt, hasCallerLeft } = context;
    const options = { caller: requireCaller(context), selected, deadlineAt, hasCallerLeft };
    const outcome = await readEngagement(key, options, context);
    // Null means that the engagement does not exist. If the account itself may be missing, that is not known.
    if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
    if (outcome.kind !== 'Found') throw failedRead(outcome);
    return outcome.record;
  },
});

rootField('query', 'engagements', {
  type: EngagementConnection,
  cost: upstreamRequestCost,
  listSize: {
    assumedSize: defaultPageSize,
    slicingArguments: ['first'],
    sizedFields: ['nodes', 'edges'],
    requireOneSlicingArgument: false,
  },
  description: 'Lists the engagements of an integrated account, in pages.',
  args: {
    integratedAccountId,
    first: 'Int: The page size, from 1 to 100. Default: 25.',
    after: 'String: The `endCursor` of the previous page. Omit it for the first page.',
    engagementType: 'EngagementType: Only engagements of this type. The same as `filter.engagementType`.',
    rawEngagementType: rawType,
    filter: 'EngagementFilter: Which engagements to list. Default: all.',
    sortBy: "EngagementSort: The field to sort by. Default: the provider's own order.",
    sortDirection: 'SortDirection! = desc: The direction of `sortBy`.',
    trutoQuery: `${trutoQuery} A parameter of \`filter\` may be here if you do not give it there.`,
  },
  async resolve(_root, { engagementType, filter, sortBy, sortDirection, ...page }, context, info) {
    if (engagementType && filter?.engagementType && engagementType !== filter.engagementType)
      throw invalidInput(['engagementType'], 'It differs from filter.engagementType. Give one of them.');
    const order = sortBy ? { field: sortBy, direction: sortDirection } : undefined;
    const input = { ...page, order, filter: { ...filter, engagementType: engagementType ?? filter?.engagementType } };
    const { deadlineAt, hasCallerLeft } = context;
    const options = { caller: requireCaller(context), selected: selectedOfPage(info), deadlineAt, hasCallerLeft };
    const outcome = await readEngagements(input, options, context);
    if (outcome.kind !== 'Page') throw failedRead(outcome);
    const { records, nextCursor, isPartial } = outcome;
    if (records.length > maxPageRecords) {
      const message = `Truto's page has ${records.length} engagements. An answer has at most ${maxPageRecords}.`;
      throw failedRead({ kind: 'UpstreamUnavailableError', message });
    }
    const startCursor = page.after || null;
    const cursors = { startCursor, endCursor: nextCursor };
    const pageInfo = { hasNextPage: nextCursor !== null, hasPreviousPage: startCursor !== null, ...cursors };
    return { nodes: records, isPartial, pageInfo };
  },
});
