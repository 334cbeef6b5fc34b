import { MapperKind, mapSchema, renameType } from '@graphql-tools/utils';
import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isUnionType,
  Kind,
  parse,
  specifiedScalarTypes,
  visit,
} from 'graphql';

/** Types that mean the same in every graph, or that every graph has. They get no prefix. */
const sharedNames = new Set([
  ...['Query', 'Mutation', 'Subscription', 'PageInfo', 'DateTime', 'JSON', 'JSONObject', 'Base64'],
  ...specifiedScalarTypes.map(({ name }) => name),
]);

/** A name with `Engagement` is unique enough, and one that starts with `_` belongs to federation. */
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

/** Adds a prefix to the names of types that another subgraph may have too, such as `Contact`. Mutates the given schema. */
export function withTypePrefix(schema: GraphQLSchema, prefix: string): GraphQLSchema {
  if (prefix === '') return schema;
  const renamed = mapSchema(schema, { [MapperKind.TYPE]: (type) => prefixedType(type, prefix) });
  renamed.extensions = { ...renamed.extensions, typePrefix: prefix };
  return renamed;
}

const named = /^(NamedType|(Object|Interface|Union|Enum|InputObject)TypeDefinition)$/;

/** Adds the same prefix in the text of a schema or a document. Comments and line breaks stay. */
export function withTypePrefixInText(text: string, prefix: string): string {
  if (prefix === '') return text;
  const starts = new Set<number | undefined>();
  visit(parse(text), {
    enter(node) {
      if (named.test(node.kind) && 'name' in node && node.name?.kind === Kind.NAME) starts.add(node.name.loc?.start);
    },
  });
  return text.replace(/[_A-Za-z]\w*/g, (name, at: number) => (starts.has(at) ? prefixedName(name, prefix) : name));
}

/** The name of a type in the schema, with its prefix. */
export function nameIn({ extensions: { typePrefix } }: GraphQLSchema, name: string): string {
  return typeof typePrefix === 'string' ? prefixedName(name, typePrefix) : name;
}
