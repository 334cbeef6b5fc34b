import { collectSubFields } from '@graphql-tools/utils';
import { type FieldNode, type GraphQLObjectType, type GraphQLResolveInfo, isObjectType } from 'graphql';
import { isAdditional, type Selection, wireFieldsOf } from '../../engagement/record.ts';
import type { Resource, WireField } from '../../engagement/resources.ts';
import { nameIn } from './dialects.ts';
import { fieldError } from './top-level-errors.ts';

/** The part of a resolver's `info` that the selection is read from. */
type SelectionInfo = Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'variableValues' | 'fieldNodes'>;

/** The GraphQL type of each resource. */
export const typeNames: Readonly<Record<Resource, string>> = {
  engagements: 'Engagement',
  users: 'Owner',
  contacts: 'Contact',
  accounts: 'Account',
  opportunities: 'Opportunity',
  leads: 'Lead',
  projects: 'Project',
  notes: 'Note',
};

function objectType({ schema }: SelectionInfo, name: string): GraphQLObjectType {
  const type = schema.getType(nameIn(schema, name));
  if (!isObjectType(type)) throw new Error(`${name} is not an object type of the schema`);
  return type;
}

/** The fields selected below the nodes if their result has the type, with fragments, conditions and `@defer` resolved. */
export function fieldsBelow(info: SelectionInfo, typeName: string, nodes: readonly FieldNode[]): readonly FieldNode[] {
  const variables = { coerced: info.variableValues, sources: {} };
  const type = objectType(info, typeName);
  const { fields, patches } = collectSubFields(info.schema, info.fragments, variables, type, [...nodes]);
  return [fields, ...patches.map((patch) => patch.fields)].flatMap((collected) => [...collected.values()].flat());
}

/** The nodes that select the field of that name, under any alias. */
export function named(nodes: readonly FieldNode[], name: string): readonly FieldNode[] {
  return nodes.filter((node) => node.name.value === name);
}

/** The wire fields of a resource that the nodes select: fields of its type that Pothos exposes, or that have `extensions.wireField`. */
export function wireFieldsSelected<R extends Resource>(
  info: SelectionInfo,
  resource: R,
  nodes: readonly FieldNode[],
): ReadonlySet<WireField<R>> {
  const fields = objectType(info, typeNames[resource]).getFields();
  const extensions = nodes.map(({ name }) => fields[name.value]?.extensions);
  const names = extensions.map((each) => each?.wireField ?? each?.pothosExposedField);
  const documented = wireFieldsOf(resource).filter((field) => names.includes(field));
  // The compiler knows only the documented fields, by which most code reads records.
  return new Set([...documented, ...(names.filter(isAdditional) as string[] as WireField<R>[])]);
}

/**
 * Makes a function that reads a selection once for each list of nodes. An execution has its own lists, so all items of a list share
 * one, and a prepared operation always has the same.
 */
export function onceForNodes<Info extends SelectionInfo, Value extends object>(read: (info: Info) => Value) {
  const known = new WeakMap<readonly FieldNode[], Value>();
  return (info: Info): Value => {
    const value = known.get(info.fieldNodes) ?? read(info);
    known.set(info.fieldNodes, value);
    return value;
  };
}

const isNotId = ({ name }: FieldNode) => name.value !== 'id';

const readersBelow = Object.fromEntries(
  Object.entries(typeNames).map(([resource, name]) => [
    resource,
    onceForNodes((info) =>
      wireFieldsSelected(info, resource as Resource, fieldsBelow(info, name, info.fieldNodes).filter(isNotId)),
    ),
  ]),
);

/** The wire fields of a resource that are selected below the field at `info`, without the id. */
export function wireFieldsBelow<R extends Resource>(info: GraphQLResolveInfo, resource: R): ReadonlySet<WireField<R>> {
  return readersBelow[resource]?.(info) as ReadonlySet<WireField<R>>;
}

/** Reads what the client selected of the engagement in a create's result. */
export const readCreatedSelection = onceForNodes((info): ReadonlySet<WireField> => {
  const success = fieldsBelow(info, 'CreateEngagementSuccess', info.fieldNodes);
  return wireFieldsSelected(info, 'engagements', fieldsBelow(info, 'Engagement', named(success, 'engagement')));
});

/** Counts the lists of chunks in the result: one for each response key of `chunks` under each of `stream`. */
function countChunkLists(info: SelectionInfo, streams: readonly FieldNode[]): number {
  const keyOf = ({ alias, name }: FieldNode) => (alias ?? name).value;
  const keys = streams.flatMap((stream) => {
    const chunks = named(fieldsBelow(info, 'DeleteStream', [stream]), 'chunks');
    return chunks.map((node) => `${keyOf(stream)}.${keyOf(node)}`);
  });
  return new Set(keys).size;
}

/**
 * Reads what the client selected of a delete's result.
 * @throws {GraphQLError} `BAD_USER_INPUT` when the chunks of one body are selected more than once.
 */
export const readSelection = onceForNodes((info): Selection => {
  const success = fieldsBelow(info, 'DeleteEngagementSuccess', info.fieldNodes);
  const unknown = fieldsBelow(info, 'OutcomeUnknownError', info.fieldNodes);
  const deleted = fieldsBelow(info, 'Engagement', named(success, 'engagement'));
  const engagement = [
    // The node id of a deleted engagement derives from the arguments, so nothing is read for it.
    ...deleted.filter(({ name }) => name.value !== 'nodeId'),
    ...fieldsBelow(info, 'Engagement', named(unknown, 'engagement')),
  ];
  const notes = fieldsBelow(info, 'Note', named(engagement, 'notes')).filter(isNotId);
  const chunkLists = countChunkLists(info, named(success, 'stream'));
  if (chunkLists > 1)
    throw fieldError('BAD_USER_INPUT', 'Nothing was sent. Select stream.chunks once: a body can be read only once.');
  return {
    fields: wireFieldsSelected(info, 'engagements', engagement),
    noteFields: wireFieldsSelected(info, 'notes', notes),
    chunks: chunkLists > 0,
  };
});
