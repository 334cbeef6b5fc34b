import { collectSubFields } from '@graphql-tools/utils';
import { type FieldNode, type GraphQLObjectType, type GraphQLResolveInfo, isObjectType } from 'graphql';
import { type WireField, wireFields } from '../engagement/record.ts';
import type { Selection } from '../engagement/selection.ts';

const knownWireFields = new Set<string>(wireFields);

function objectType({ schema }: GraphQLResolveInfo, name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is not an object type of the schema`);
  return type;
}

/** The fields selected below the nodes once their result is of the type: fragments, conditions, `@defer` and all. */
function fieldsBelow(info: GraphQLResolveInfo, typeName: string, nodes: readonly FieldNode[]): readonly FieldNode[] {
  const variables = { coerced: info.variableValues, sources: {} };
  const { fields, patches } = collectSubFields(info.schema, info.fragments, variables, objectType(info, typeName), [
    ...nodes,
  ]);
  return [fields, ...patches.map((patch) => patch.fields)].flatMap((collected) => [...collected.values()].flat());
}

function named(nodes: readonly FieldNode[], name: string): readonly FieldNode[] {
  return nodes.filter((node) => node.name.value === name);
}

/**
 * The wire field that a field of `Engagement` reads: Pothos notes it for exposed fields, and the fields that do more
 * than expose one note it themselves, as `extensions.wireField`.
 */
function wireFieldOf(type: GraphQLObjectType, node: FieldNode): WireField | undefined {
  const extensions = type.getFields()[node.name.value]?.extensions;
  const name = extensions?.wireField ?? extensions?.pothosExposedField;
  return typeof name === 'string' && knownWireFields.has(name) ? (name as WireField) : undefined;
}

/** What the client selected of a delete's success, from the resolver's view of the operation. */
export function readSelection(info: GraphQLResolveInfo): Selection {
  const success = fieldsBelow(info, 'DeleteEngagementSuccess', info.fieldNodes);
  const engagement = fieldsBelow(info, 'Engagement', named(success, 'engagement'));
  const type = objectType(info, 'Engagement');
  const fields = engagement.map((node) => wireFieldOf(type, node)).filter((field) => field !== undefined);
  const stream = fieldsBelow(info, 'DeleteStream', named(success, 'stream'));
  return { fields: new Set(fields), chunks: named(stream, 'chunks').length > 0 };
}
