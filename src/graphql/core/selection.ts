import { collectSubFields } from '@graphql-tools/utils';
import { type FieldNode, type GraphQLObjectType, type GraphQLResolveInfo, isObjectType } from 'graphql';
import { type Selection, wireFieldsOf } from '../../engagement/record.ts';
import type { Resource, WireField } from '../../engagement/resources.ts';
import { fieldError } from './top-level-errors.ts';
import { nameIn } from './type-names.ts';

/** What of a resolver's view of the operation its selection is read from. */
export type SelectionInfo = Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'variableValues' | 'fieldNodes'>;

function objectType({ schema }: SelectionInfo, name: string): GraphQLObjectType {
  const type = schema.getType(nameIn(schema, name));
  if (!isObjectType(type)) throw new Error(`${name} is not an object type of the schema`);
  return type;
}

/** The fields selected below the nodes once their result is of the type: fragments, conditions, `@defer` and all. */
export function fieldsBelow(info: SelectionInfo, typeName: string, nodes: readonly FieldNode[]): readonly FieldNode[] {
  const variables = { coerced: info.variableValues, sources: {} };
  const { fields, patches } = collectSubFields(info.schema, info.fragments, variables, objectType(info, typeName), [
    ...nodes,
  ]);
  return [fields, ...patches.map((patch) => patch.fields)].flatMap((collected) => [...collected.values()].flat());
}

/** Those of the nodes that select the field of that name, under whatever alias. */
export function named(nodes: readonly FieldNode[], name: string): readonly FieldNode[] {
  return nodes.filter((node) => node.name.value === name);
}

/**
 * The wire fields of a resource that are selected by the nodes, which are fields of the GraphQL type. Which wire field a
 * GraphQL field reads, Pothos notes for exposed fields; the others note it themselves, as `extensions.wireField`.
 */
export function wireFieldsSelected<R extends Resource>(
  info: SelectionInfo,
  resource: R,
  typeName: string,
  nodes: readonly FieldNode[],
): ReadonlySet<WireField<R>> {
  const fields = objectType(info, typeName).getFields();
  const names = nodes.map(({ name }) => {
    const extensions = fields[name.value]?.extensions;
    return extensions?.wireField ?? extensions?.pothosExposedField;
  });
  return new Set(wireFieldsOf(resource).filter((field) => names.includes(field)));
}

/** What was found out for a field of an execution: its nodes are a list of their own in each. */
const known = new WeakMap<readonly FieldNode[], Map<string, ReadonlySet<string>>>();

/**
 * The wire fields of a resource that are selected below the field where `info` points, besides the id, once its result is
 * of the type. The items of a list all ask for the same, so it is found out once in an execution.
 */
export function wireFieldsBelow<R extends Resource>(
  info: GraphQLResolveInfo,
  resource: R,
  typeName: string,
): ReadonlySet<WireField<R>> {
  const ofField = known.get(info.fieldNodes) ?? new Map<string, ReadonlySet<string>>();
  known.set(info.fieldNodes, ofField);
  let fields = ofField.get(typeName) as ReadonlySet<WireField<R>> | undefined;
  if (!fields) {
    const nodes = fieldsBelow(info, typeName, info.fieldNodes).filter(({ name }) => name.value !== 'id');
    fields = wireFieldsSelected(info, resource, typeName, nodes);
    ofField.set(typeName, fields);
  }
  return fields;
}

function responseKey({ alias, name }: FieldNode): string {
  return alias?.value ?? name.value;
}

/** How many lists of chunks the result will have: one for each response key of `chunks` under each of `stream`. */
function countChunkLists(info: SelectionInfo, streams: readonly FieldNode[]): number {
  const keys = streams.flatMap((stream) => {
    const chunks = named(fieldsBelow(info, 'DeleteStream', [stream]), 'chunks');
    return chunks.map((node) => `${responseKey(stream)}.${responseKey(node)}`);
  });
  return new Set(keys).size;
}

/**
 * What the client selected of a delete's result, from the resolver's view of the operation.
 * @throws {GraphQLError} `BAD_USER_INPUT` when the chunks of one body are selected more than once.
 */
export function readSelection(info: SelectionInfo): Selection {
  const success = fieldsBelow(info, 'DeleteEngagementSuccess', info.fieldNodes);
  const unknown = fieldsBelow(info, 'OutcomeUnknownError', info.fieldNodes);
  const deleted = fieldsBelow(info, 'Engagement', named(success, 'engagement'));
  const engagement = [
    // What was deleted has the node id that it was asked for by: nothing is read for that.
    ...deleted.filter(({ name }) => name.value !== 'nodeId'),
    ...fieldsBelow(info, 'Engagement', named(unknown, 'engagement')),
  ];
  const notes = fieldsBelow(info, 'Note', named(engagement, 'notes'));
  const chunkLists = countChunkLists(info, named(success, 'stream'));
  if (chunkLists > 1)
    throw fieldError('BAD_USER_INPUT', 'Nothing was sent. Select stream.chunks once: a body can be read once only.');
  return {
    fields: wireFieldsSelected(info, 'engagements', 'Engagement', engagement),
    noteFields: wireFieldsSelected(
      info,
      'notes',
      'Note',
      notes.filter(({ name }) => name.value !== 'id'),
    ),
    chunks: chunkLists > 0,
  };
}
