import { MapperKind, mapSchema, renameType } from '@graphql-tools/utils';
import {
  type ASTNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  isUnionType,
  parse,
  print,
  specifiedScalarTypes,
  visit,
} from 'graphql';

/** They mean the same in every graph, or are what a graph is made of: each keeps its name. */
const sharedNames = new Set([
  ...['Query', 'Mutation', 'Subscription', 'PageInfo', 'DateTime', 'JSON', 'JSONObject', 'Base64'],
  ...specifiedScalarTypes.map(({ name }) => name),
]);

/** A name with `Engagement` in it says whose it is, and one that begins with `_` is of federation. */
function prefixedName(name: string, prefix: string): string {
  return sharedNames.has(name) || name.includes('Engagement') || name.startsWith('_') ? name : prefix + name;
}

function prefixedType(type: GraphQLNamedType, prefix: string): GraphQLNamedType | undefined {
  if (isUnionType(type) && type.resolveType) {
    const { resolveType } = type;
    type.resolveType = (...args) => {
      const name = resolveType(...args);
      return typeof name === 'string' ? prefixedName(name, prefix) : name;
    };
  }
  const name = prefixedName(type.name, prefix);
  return name === type.name ? undefined : renameType(type, name);
}

/**
 * The schema with a prefix to the names of those types that another part of a graph may have too, such as `Contact` or
 * `NotFoundError`. Mutates the given schema.
 */
export function withTypePrefix(schema: GraphQLSchema, prefix: string): GraphQLSchema {
  if (prefix === '') return schema;
  const renamed = mapSchema(schema, { [MapperKind.TYPE]: (type) => prefixedType(type, prefix) });
  renamed.extensions = { ...renamed.extensions, typePrefix: prefix };
  return renamed;
}

const named = /^(NamedType|(Object|Interface|Union|Enum|InputObject)TypeDefinition)$/;

/** The same for text: a schema's, or a document's. */
export function withTypePrefixInText(text: string, prefix: string): string {
  if (prefix === '') return text;
  const renamed = (node: ASTNode) =>
    named.test(node.kind) && 'name' in node && node.name
      ? { ...node, name: { ...node.name, value: prefixedName(node.name.value, prefix) } }
      : undefined;
  return print(visit(parse(text), { enter: renamed }));
}

/** What the type of that name is called in the schema. */
export function nameIn({ extensions: { typePrefix } }: GraphQLSchema, name: string): string {
  return typeof typePrefix === 'string' ? prefixedName(name, typePrefix) : name;
}
