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

interface Directive {
  readonly name: string;
  readonly args?: object;
}

function directivesIn(extensions: object | null | undefined): readonly Directive[] {
  const { directives = [] } = (extensions ?? {}) as { directives?: readonly Directive[] };
  return directives;
}

/** Stitching needs only the key of a type, in its own form. */
function stitchingKey(directives: readonly Directive[]): object | undefined {
  const key = directives.find(({ name }) => name === 'key');
  return key?.args && 'fields' in key.args ? { key: { selectionSet: `{ ${key.args.fields} }` } } : undefined;
}

/** The Pothos plugin of the dialects. It must be the first in the builder's list, because Pothos calls the first one last. */
export class DialectPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onTypeConfig(config: PothosTypeConfig): PothosTypeConfig {
    const { dialect = 'none' } = this.options;
    const given = directivesIn(config.extensions);
    const directives = dialect === 'federation' ? given : dialect === 'stitching' ? stitchingKey(given) : undefined;
    const common = { extensions: { ...config.extensions, directives } };
    if (config.kind !== 'Object' || dialect === 'none') return { ...config, ...common };
    const interfaces = config.interfaces.filter(
      (each) => this.builder.configStore.getTypeConfig(each).name !== nodeInterfaceName,
    );
    return { ...config, ...common, interfaces };
  }

  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> | null {
    const { dialect = 'none', provesCallers = false } = this.options;
    const { extensions, kind, pothosOptions } = config;
    const { onlyIn, isLookup = false, isOpen = false }: DialectFieldOptions = pothosOptions;
    if (onlyIn && onlyIn !== dialect) return null;
    const needsCaller = ['Query', 'Mutation', 'Subscription'].includes(kind) && !isOpen;
    const authenticated = needsCaller && provesCallers ? [{ name: 'authenticated' }] : [];
    const directives =
      dialect === 'federation' ? [...directivesIn(extensions), ...authenticated] : isLookup ? { merge: {} } : undefined;
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
