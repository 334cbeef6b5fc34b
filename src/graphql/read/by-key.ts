import type { ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { canAccess } from '../../engagement/account.ts';
import { nodeKind, readNodeId, writeNodeId } from '../../engagement/node-id.ts';
import type { EngagementRecord, RecordKey, TypedKey } from '../../engagement/record.ts';
import { notGranted, refusedInput } from '../../engagement/refusal.ts';
import type { Resource } from '../../engagement/resources.ts';
import { refusal } from '../../engagement/result.ts';
import { checkKey } from '../../engagement/rules.ts';
import { addField, builder, fieldOptions, inputType, rootField, type Types } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
import { nameIn, nodeInterfaceName } from '../core/dialects.ts';
import { typeNames, wireFieldsBelow } from '../core/selection.ts';
import { failedRead, fieldError } from '../core/top-level-errors.ts';
import { type Related, recordTypes } from '../types/records.ts';

/*
 * Records by their keys: a `nodeId`, or a pair of ids. A supergraph identifies the types here by them: other subgraphs can refer to them
 * and add fields, and a gateway can read them. A `nodeId` is unique among all records. Upstream's id is not: a contact and an account may
 * have the same.
 */

const Node = builder.interfaceRef<{ nodeId: string }>(nodeInterfaceName).implement({
  description: 'A record that `Query.node` can read.',
  fields: (t) => ({
    nodeId: t.expose(
      'nodeId',
      fieldOptions('ID!: The unique key of the record, among all types and integrated accounts.') as never,
    ),
  }),
});

/** The node id of an engagement. A promise only if the account's integration must be looked up. */
function engagementNodeId(record: EngagementRecord, context: Context): string | Promise<string> {
  const { id, integratedAccountId, nodeId, askedType } = record;
  if (nodeId !== undefined) return nodeId;
  const found = context.findAccountIntegration(requireCaller(context), integratedAccountId, context.deadlineAt);
  const write = ({ support }: Awaited<typeof found>) => {
    const kind = nodeKind(support.integration ?? null, record.engagement_type || askedType);
    return writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
  };
  return found instanceof Promise ? found.then(write) : write(found);
}

rootField('query', 'node', {
  type: Node,
  // In a supergraph, other subgraphs may have a `node` field too. Gateways read these types by their keys.
  onlyIn: 'none',
  description: 'Reads the record with this `nodeId`. Null when Truto finds none.',
  args: { nodeId: 'ID!: The `nodeId` of a record, unchanged.' },
  async resolve(_root, { nodeId }, context, info) {
    requireCaller(context);
    const key = readNodeId(nodeId);
    if (!key) throw failedRead(refusedInput([refusal(['nodeId'], 'It must be a nodeId from this server, unchanged.')]));
    const record = await readByKey(key.resource, { nodeId }, context, info);
    return record && { ...record, nodeId };
  },
});

/** The most entities of one operation, in all of its fields together: aliases multiply a list. */
const maxEntities = 1_000;

/** The number of entities that each operation has requested so far. */
const requested = new WeakMap<Context, number>();

function countEntities(count: number, context: Context): void {
  const total = (requested.get(context) ?? 0) + count;
  requested.set(context, total);
  if (total > maxEntities)
    throw fieldError(
      'BAD_USER_INPUT',
      `Nothing was read. One operation may request at most ${maxEntities} entities. Split it.`,
    );
}

/** The key that a gateway sends. It may be invalid. */
type EntityKey = Partial<RecordKey> & { readonly nodeId?: string };

function readKey(resource: Resource, { id, integratedAccountId, nodeId }: EntityKey): TypedKey {
  const node = typeof nodeId === 'string' ? readNodeId(nodeId) : undefined;
  if (node?.resource === resource) return { ...node, engagementType: node.kind };
  if (nodeId === undefined && typeof id === 'string' && typeof integratedAccountId === 'string')
    return { id, integratedAccountId };
  const keys = 'id and integratedAccountId, both strings, or a nodeId of its type';
  throw fieldError('BAD_USER_INPUT', `Nothing was read. A key has ${keys}.`);
}

/**
 * Reads the record with a key, with the fields that are selected at `info`. Null when upstream finds none, for example after a delete.
 * @throws {GraphQLError} for a caller without access to the account, a bad key, and a failed read.
 */
async function readByKey(resource: Resource, given: EntityKey, context: Context, info: GraphQLResolveInfo) {
  const caller = requireCaller(context);
  const key = readKey(resource, given);
  if (!canAccess(caller, key.integratedAccountId)) throw failedRead(notGranted());
  const issues = checkKey(key);
  if (issues.length > 0) throw failedRead(refusedInput(issues));
  const outcome = await context.recordLoaders.read(resource, key, wireFieldsBelow(info, resource));
  if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
  if (outcome.kind !== 'Found') throw failedRead(outcome);
  const __typename = typeNames[resource];
  if (resource === 'engagements')
    return { ...outcome.record, ...(given.nodeId && { nodeId: given.nodeId }), __typename };
  const { id, integratedAccountId } = outcome.record;
  return { id, integratedAccountId, read: async () => outcome, __typename };
}

const RecordKeyInput = inputType(
  'RecordKeyInput: The key of a record. Its id is unique among the records of its type in one integrated account.',
  {
    id: "ID!: Truto's id of the record.",
    integratedAccountId: "ID!: Truto's id of the integrated account that the record is in.",
  },
);

const nodeId =
  'ID!: The unique key of the record, among all types and integrated accounts. Use it as a cache key. It is opaque.';
const typedNodeId = `${nodeId} For integrations that require \`engagementType\`, it includes the type, because there a call and a meeting may have the same \`id\`.`;

// Each type is an entity: `_entities` reads it for federation, and a list of keys for stitching.
for (const [name, record] of Object.entries(recordTypes)) {
  const resource = name as Resource;
  const isEngagement = resource === 'engagements';
  const ref = record as ObjectRef<Types, EngagementRecord | Related>;
  ref.addInterfaces([Node]);
  addField(
    ref,
    'nodeId',
    isEngagement ? typedNodeId : nodeId,
    (source, _args, context) =>
      isEngagement
        ? engagementNodeId(source as EngagementRecord, context)
        : writeNodeId({ ...source, resource, kind: null }),
    isEngagement ? { extensions: { wireField: 'engagement_type' } } : {},
  );
  addField(
    ref,
    'integratedAccountId',
    "ID!: Truto's id of the integrated account that the record is in.",
    ({ integratedAccountId }) => integratedAccountId,
  );
  // Callers know upstream's users as owners.
  rootField('query', `${resource === 'users' ? 'owners' : resource}ByKey`, {
    row: `[${typeNames[resource]}]: Reads the records with these keys, in the same order. Null for each that Truto does not find.`,
    onlyIn: 'stitching',
    isLookup: true,
    args: {
      keys: {
        type: [RecordKeyInput],
        required: true,
        description: 'The keys: at most 1,000 in all lists of an operation together.',
      },
    },
    resolve(_root, { keys }, context, info) {
      countEntities(keys.length, context);
      return keys.map((each) => readByKey(resource, each, context, info));
    },
  });
}

builder.unionType('_Entity', {
  description: 'A record that another subgraph may refer to.',
  // `_entities` adds the name to each record, which the types of the records do not have.
  types: Object.values(recordTypes) as unknown as ObjectRef<Types, { readonly __typename: string }>[],
  resolveType: ({ __typename }) => __typename,
});
builder.scalarType('_Any', { description: 'The `__typename` and a key of a record.', serialize: (value) => value });

// Source: https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
rootField('query', '_entities', {
  row: '[_Entity]!: Reads the records that a federated gateway refers to, in the same order. Null for each that Truto does not find.',
  onlyIn: 'federation',
  args: { representations: '[_Any!]!: The records, at most 1,000 in an operation.' },
  resolve(_root, { representations }, context, info) {
    countEntities(representations.length, context);
    const resourceOf = new Map(Object.entries(typeNames).map(([each, name]) => [nameIn(info.schema, name), each]));
    const asked = representations.map((given): [Resource, EntityKey] => {
      const key = (given ?? {}) as EntityKey & { readonly __typename?: string };
      const resource = resourceOf.get(key.__typename ?? '');
      if (resource !== undefined) return [resource as Resource, key];
      const names = [...resourceOf.keys()].join(', ');
      const message = `Nothing was read. The __typename of each representation must be one of ${names}.`;
      throw fieldError('BAD_USER_INPUT', message);
    });
    return asked.map(([resource, key]) => readByKey(resource, key, context, info));
  },
});
