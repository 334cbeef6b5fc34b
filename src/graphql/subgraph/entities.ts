import type { ObjectRef } from '@pothos/core';
import type {
  GraphQLFieldResolver,
  GraphQLObjectType,
  GraphQLResolveInfo,
  GraphQLSchema,
  GraphQLUnionType,
} from 'graphql';
import { readNodeId } from '../../engagement/node-id.ts';
import type { RecordKey, ResourceRecord, TypedKey } from '../../engagement/record.ts';
import { type Resource, resources } from '../../engagement/resources.ts';
import { builder, type Types } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
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
 * The types that a supergraph identifies by key. Other subgraphs can refer to them and add fields, and a gateway can read them.
 */

/** The most entities of one operation, in all of its fields together: aliases multiply a list. */
const maxEntities = 1_000;

/** The number of entities that each operation has requested so far. */
const requested = new WeakMap<Context, number>();

/**
 * Counts the entities that a field requests.
 * @throws {GraphQLError} `BAD_USER_INPUT` when the operation requests more than 1,000.
 */
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
  const isPair = nodeId === undefined && typeof id === 'string' && typeof integratedAccountId === 'string';
  if (isPair) return { id, integratedAccountId };
  const keys = 'id and integratedAccountId, both strings, or a nodeId of its type';
  throw fieldError('BAD_USER_INPUT', `Nothing was read. A key has ${keys}.`);
}

const key = [builder.selection<RecordKey>('id integratedAccountId'), builder.selection<{ nodeId: string }>('nodeId')];

const RecordKeyInput = builder.inputType('RecordKeyInput', {
  description: 'The key of a record. Its id is unique among the records of its type in one integrated account.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Truto's id of the record." }),
    integratedAccountId: t.id({
      required: true,
      description: "Truto's id of the integrated account that the record is in.",
    }),
  }),
});

/** Makes the type of a resource an entity: with a reference resolver for federation, and a list of keys for stitching. */
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
      description: "Truto's id of the integrated account that the record is in.",
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
      description: 'Reads the records with these keys, in the same order. Null for each that Truto does not find.',
      args: {
        keys: t.arg({
          type: [RecordKeyInput],
          required: true,
          description: 'The keys: at most 1,000 in all lists of an operation together.',
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

interface Representations {
  readonly representations: readonly unknown[];
}

type Resolve = GraphQLFieldResolver<unknown, Context, Representations>;

/** Checks the representations before Apollo's resolver, which throws plain errors for some, and returns others as they are. */
function checked(resolve: Resolve, entityNames: ReadonlySet<string>): Resolve {
  return (source, args, context, info) => {
    countEntities(args.representations.length, context);
    for (const representation of args.representations) {
      const { __typename: name } = (representation ?? {}) as { __typename?: unknown };
      if (typeof name === 'string' && entityNames.has(name)) continue;
      const names = [...entityNames].join(', ');
      throw fieldError(
        'BAD_USER_INPUT',
        `Nothing was read. The __typename of each representation must be one of ${names}.`,
      );
    }
    return resolve(source, args, context, info);
  };
}

/** Makes `_entities` check its representations, and `_service` return the SDL. */
export function completeSubgraph(schema: GraphQLSchema, sdl: string): GraphQLSchema {
  const { _entities: entities, _service: service } = (schema.getQueryType() as GraphQLObjectType).getFields();
  const union = schema.getType('_Entity') as GraphQLUnionType;
  if (!entities?.resolve || !service) throw new Error('The schema has no _entities and _service');
  entities.resolve = checked(entities.resolve, new Set(union.getTypes().map(({ name }) => name)));
  service.resolve = () => ({ sdl });
  service.extensions = { ...service.extensions, isOpen: true };
  return schema;
}
