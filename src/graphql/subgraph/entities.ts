import type { ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { readNodeId } from '../../engagement/node-id.ts';
import type { RecordKey, ResourceRecord } from '../../engagement/record.ts';
import { type Resource, resources } from '../../engagement/resources.ts';
import { builder, type Types } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
import type { TypedKey } from '../core/record-loaders.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { readByKey } from '../read/node.ts';
import {
  type EngagementSource,
  type Related,
  type RelatedResource,
  recordTypes,
  relatedFrom,
} from '../types/records.ts';

/*
 * The types that a supergraph knows by their key: others can refer to them and add fields, and a gateway can ask for them.
 */

/** How many entities one operation may ask for, by all of its fields together: by ten aliases, one list would be ten. */
const maxEntities = 1_000;

/** How many the fields of an operation have asked for so far. */
const askedFor = new WeakMap<Context, number>();

/**
 * Counts the entities that a field asks for.
 * @throws {GraphQLError} `BAD_USER_INPUT` when its operation asks for more than 1,000.
 */
export function countEntities(count: number, context: Context): void {
  const asked = (askedFor.get(context) ?? 0) + count;
  askedFor.set(context, asked);
  if (asked > maxEntities)
    throw fieldError('BAD_USER_INPUT', `Nothing was read. One operation may ask for ${maxEntities} entities.`);
}

/** What a gateway gives for a key; it need not be one. */
type EntityKey = Partial<RecordKey> & { readonly nodeId?: string };

function readKey(resource: Resource, { id, integratedAccountId, nodeId }: EntityKey): TypedKey {
  const node = typeof nodeId === 'string' ? readNodeId(nodeId) : undefined;
  if (node?.resource === resource) return { ...node, engagementType: node.kind };
  const isPair = nodeId === undefined && typeof id === 'string' && typeof integratedAccountId === 'string';
  if (isPair) return { id, integratedAccountId };
  const keys = 'an id and an integratedAccountId, both texts, or a nodeId of its type';
  throw fieldError('BAD_USER_INPUT', `Nothing was read. A key is ${keys}.`);
}

const key = [builder.selection<RecordKey>('id integratedAccountId'), builder.selection<{ nodeId: string }>('nodeId')];

const RecordKeyInput = builder.inputType('RecordKeyInput', {
  description: 'The key of a record: its id is unique among records of its type in one integrated account.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Upstream's id of the record." }),
    integratedAccountId: t.id({ required: true, description: "Truto's id of the integrated account it is in." }),
  }),
});

/** Makes the type of a resource an entity, by federation's reference resolver and by stitching's list of keys. */
function entity(resource: Resource): void {
  const ref = recordTypes[resource] as ObjectRef<Types, EngagementSource | Related>;

  async function read(given: EntityKey, context: Context, info: GraphQLResolveInfo) {
    requireCaller(context);
    const record = await readByKey(resource, readKey(resource, given), context, info);
    if (!record || resource !== 'engagements') return record && relatedFrom(record as ResourceRecord<RelatedResource>);
    return given.nodeId ? { ...record, nodeId: given.nodeId } : record;
  }

  builder.objectField(ref, 'integratedAccountId', (t) =>
    t.id({
      nullable: false,
      description: "Truto's id of the integrated account that it is in.",
      resolve: ({ integratedAccountId }) => integratedAccountId,
    }),
  );
  builder.asEntity(ref, { key, resolveReference: read });
  // Callers know upstream's users as owners.
  builder.queryField(`${resource === 'users' ? 'owners' : resource}ByKey`, (t) =>
    t.field({
      type: [ref],
      nullable: { list: true, items: true },
      onlyIn: 'stitching',
      isLookup: true,
      description: 'Those with the given keys, in the same order; null for each that upstream does not know.',
      args: {
        keys: t.arg({
          type: [RecordKeyInput],
          required: true,
          description: 'At most 1,000 keys, in all lists of an operation together.',
        }),
      },
      resolve(_root, { keys }, context, info) {
        countEntities(keys.length, context);
        return keys.map((each) => read(each, context, info));
      },
    }),
  );
}

for (const resource of Object.keys(resources) as Resource[]) entity(resource);
