import { MapperKind, mapSchema, renameType } from '@graphql-tools/utils';
import SchemaBuilder, {
  BasePlugin,
  type PothosOutputFieldConfig,
  type PothosTypeConfig,
  type SchemaTypes,
} from '@pothos/core';
import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isUnionType,
  Kind,
  parse,
  specifiedScalarTypes,
  visit,
} from 'graphql';
import type { Dialect } from '../../config/config.ts';

/* What differs between the schemas: the parts of each dialect, and the prefix of type names. */

/** The differences between the schemas of the builder. */
export interface DialectOptions {
  readonly dialect: Dialect;
  /** True when callers need a token of this server, so that a router can refuse others. */
  readonly provesCallers: boolean;
}

/** What differs of a field. */
export interface DialectFieldOptions {
  /** The field exists only in that dialect. */
  readonly onlyIn?: Dialect;
  /** True for a list of entities by a list of keys, for stitching gateways. */
  readonly isLookup?: boolean;
  /** True for a root field that needs no token. Every other root field needs a caller. */
  readonly isOpen?: boolean;
  /** The field's cost, for gateways. Source: https://specs.apollo.dev/cost/v0.1 */
  readonly cost?: number;
  /** The arguments of `@listSize`, of the same specification. */
  readonly listSize?: object;
  /** By this name, a contract of the graph can leave the field out. Source: https://specs.apollo.dev/tag/v0.3 */
  readonly tag?: string;
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      dialect: DialectPlugin<Types>;
    }
    export interface BuildSchemaOptions<Types extends SchemaTypes> extends Partial<DialectOptions> {}
  }
}

/** Relay's interface. Other subgraphs may have their own, so no subgraph has this one. */
export const nodeInterfaceName = 'Node';

/** The arguments of each directive, by name: of one that is repeated, in a list. */
type Directives = Readonly<Record<string, object>>;

/** The keys of each record. Stitching needs only the first. */
const keys = ['id integratedAccountId', 'nodeId'] as const;

/** The Pothos plugin of the dialects: it adds their directives, and leaves out what is not theirs. */
export class DialectPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onTypeConfig(config: PothosTypeConfig): PothosTypeConfig {
    const { dialect = 'none' } = this.options;
    if (config.kind !== 'Object' || dialect === 'none') return config;
    const interfaces = config.interfaces.filter(
      (each) => this.builder.configStore.getTypeConfig(each).name !== nodeInterfaceName,
    );
    const isRecord = interfaces.length < config.interfaces.length;
    const { shareable } = config.pothosOptions as { readonly shareable?: boolean };
    const ofKeys = { stitching: { selectionSet: `{ ${keys[0]} }` }, federation: keys.map((fields) => ({ fields })) };
    const directives: Directives = {
      ...(isRecord && { key: ofKeys[dialect] }),
      ...(shareable && dialect === 'federation' && { shareable: {} }),
    };
    return { ...config, interfaces, extensions: { ...config.extensions, directives } };
  }

  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> | null {
    const { dialect = 'none', provesCallers = false } = this.options;
    const { extensions, kind, pothosOptions } = config;
    const { onlyIn, isLookup = false, isOpen = false, cost, listSize, tag } = pothosOptions as DialectFieldOptions;
    if (onlyIn && onlyIn !== dialect) return null;
    const needsCaller = ['Query', 'Mutation', 'Subscription'].includes(kind) && !isOpen;
    const ofFederation: Directives = {
      ...(cost !== undefined && { cost: { weight: cost } }),
      ...(listSize && { listSize }),
      ...(tag !== undefined && { tag: { name: tag } }),
      ...(needsCaller && provesCallers && { authenticated: {} }),
    };
    const directives = { none: {}, federation: ofFederation, stitching: isLookup ? { merge: {} } : {} }[dialect];
    return { ...config, extensions: { ...extensions, directives, isOpen } };
  }
}

SchemaBuilder.registerPlugin('dialect', DialectPlugin);

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
