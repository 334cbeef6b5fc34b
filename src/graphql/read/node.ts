import type { GraphQLResolveInfo } from 'graphql';
import { canAccess } from '../../engagement/account.ts';
import { nodeKind, readNodeId, writeNodeId } from '../../engagement/node-id.ts';
import type { ResourceRecord, TypedKey } from '../../engagement/record.ts';
import { notGranted, refusedInput } from '../../engagement/refusal.ts';
import type { Resource } from '../../engagement/resources.ts';
import { refusal } from '../../engagement/result.ts';
import { checkKey } from '../../engagement/rules.ts';
import { builder } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
import { nodeInterfaceName } from '../core/dialect-plugin.ts';
import { typeNames, wireFieldsBelow } from '../core/selection.ts';
import { failedRead } from '../core/top-level-errors.ts';
import {
  Engagement,
  type EngagementSource,
  type RelatedResource,
  relatedFrom,
  relatedTypes,
} from '../types/records.ts';

/*
 * A `nodeId` is unique among all records. Upstream's id is not: a contact and an account may have the same.
 */

/**
 * Reads the record with a key, with the fields that are selected at `info`. Null when upstream finds none, for example after a delete.
 * @throws {GraphQLError} for a caller without access to the account, and for a failed read.
 */
export async function readByKey<R extends Resource>(
  resource: R,
  key: TypedKey,
  context: Context,
  info: GraphQLResolveInfo,
): Promise<ResourceRecord<R> | null> {
  const caller = requireCaller(context);
  if (!canAccess(caller, key.integratedAccountId)) throw failedRead(notGranted());
  const issues = checkKey(key);
  if (issues.length > 0) throw failedRead(refusedInput(issues));
  const selected = wireFieldsBelow(info, resource);
  const outcome = await context.recordLoaders.read(resource, key, selected);
  if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
  if (outcome.kind !== 'Found') throw failedRead(outcome);
  return outcome.record;
}

const Node = builder.interfaceRef<{ nodeId: string }>(nodeInterfaceName).implement({
  description: 'A record that `Query.node` can read.',
  fields: (t) => ({
    nodeId: t.exposeID('nodeId', {
      nullable: false,
      description: 'The unique key of the record, among all types and integrated accounts.',
    }),
  }),
});

const description =
  'The unique key of the record, among all types and integrated accounts. Use it as a cache key. It is opaque.';

for (const [name, ref] of Object.entries(relatedTypes)) {
  const resource = name as RelatedResource;
  ref.addInterfaces([Node]);
  builder.objectField(ref, 'nodeId', (t) =>
    t.id({
      nullable: false,
      description,
      resolve: ({ id, integratedAccountId }) => writeNodeId({ resource, integratedAccountId, kind: null, id }),
    }),
  );
}

/** The node id of an engagement. A promise only if the account's integration must be looked up. */
function engagementNodeId(record: EngagementSource, context: Context): string | Promise<string> {
  const { id, integratedAccountId, nodeId, askedType } = record;
  if (nodeId !== undefined) return nodeId;
  const { findAccountIntegration, deadlineAt } = context;
  const found = findAccountIntegration(requireCaller(context), integratedAccountId, deadlineAt);
  const write = ({ support }: Awaited<typeof found>) => {
    const kind = nodeKind(
      support.kind === 'supported' ? support.integration : null,
      record.engagement_type || askedType,
    );
    return writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
  };
  return found instanceof Promise ? found.then(write) : write(found);
}

Engagement.addInterfaces([Node]);
builder.objectField(Engagement, 'nodeId', (t) =>
  t.id({
    nullable: false,
    description: `${description} For integrations that require \`engagementType\`, it includes the type, because there a call and a meeting may have the same \`id\`.`,
    extensions: { wireField: 'engagement_type' },
    resolve: (record, _args, context) => engagementNodeId(record, context),
  }),
);

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    // In a supergraph, other subgraphs may have a `node` field too. Gateways read these types by their keys.
    onlyIn: 'none',
    description: 'Reads the record with this `nodeId`. Null when Truto finds none.',
    args: { nodeId: t.arg.id({ required: true, description: 'The `nodeId` of a record, unchanged.' }) },
    async resolve(_root, { nodeId }, context, info) {
      requireCaller(context);
      const key = readNodeId(nodeId);
      if (!key)
        throw failedRead(refusedInput([refusal(['nodeId'], 'It must be a nodeId from this server, unchanged.')]));
      const { resource, kind } = key;
      const isEngagement = resource === 'engagements';
      const record = await readByKey(resource, isEngagement ? { ...key, engagementType: kind } : key, context, info);
      const source = record && (isEngagement ? record : relatedFrom(record as ResourceRecord<RelatedResource>));
      return source && { ...source, nodeId, __typename: typeNames[resource] };
    },
  }),
);
