import { collectSubFields } from '@graphql-tools/utils';
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Context } from '../core/context.ts';
import type { SharedParts, SharedWriter, Write } from './shared-parts.ts';
import { OddValue, Uncovered } from './uncovered.ts';

/** What a selection is read with: one document, and one outcome of its conditions. */
export interface SelectionScope {
  readonly schema: GraphQLSchema;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly variableValues: Record<string, unknown>;
  /** Where equal parts of writers are found and kept. */
  readonly shared: SharedParts;
}

type Read = (source: Record<string, unknown>, context: Context) => unknown;

/** A field that leads to a related record has that record's id at hand; anything else of it would have to be read. */
function selectsOnlyIds(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope): boolean {
  return [...collectFields(type, nodes, scope).values()]
    .flat()
    .every(({ name }) => name.value === 'id' || name.value === '__typename');
}

function collectFields(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope) {
  const variables = { coerced: scope.variableValues, sources: {} };
  const { fields, patches } = collectSubFields(scope.schema, scope.fragments, variables, type, [...nodes]);
  if (patches.length > 0) throw new Uncovered('@defer');
  return fields;
}

/** How a field's value is had from its source: the property that Pothos exposes, or the field's own resolver. */
function readerOf(field: GraphQLField<unknown, Context>, nodes: readonly FieldNode[], scope: SelectionScope): Read {
  const { pothosExposedField, wireField, leadsToRelated } = field.extensions;
  if (typeof pothosExposedField === 'string') return (source) => source[pothosExposedField];
  const type = getNamedType(field.type);
  if (leadsToRelated && isObjectType(type)) {
    if (typeof wireField !== 'string' || !selectsOnlyIds(type, nodes, scope)) throw new Uncovered('related records');
    return (source) => source[wireField];
  }
  const { resolve } = field;
  // A resolver that looks at the operation, or has arguments, is the executor's business.
  if (!resolve || resolve.length > 3 || field.args.length > 0) throw new Uncovered(field.name);
  return (source, context) => resolve(source, {}, context, undefined as never);
}

/** What JSON writes in another way, and the halves of surrogate pairs, which may stand alone. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them.
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/;

/** The text as JSON: most needs nothing but its quotes, and to see that costs half of what writing it in the usual way does. */
function quote(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function writeLeaf(type: GraphQLLeafType): Write {
  const isText = type.name === 'String' || type.name === 'ID';
  return (value) => {
    if (isText && typeof value === 'string') return quote(value);
    const serialized: unknown = type.serialize(value);
    if (serialized === undefined || serialized === null) throw new OddValue(type.name);
    return typeof serialized === 'string' ? quote(serialized) : JSON.stringify(serialized);
  };
}

/** What a field below selects of its type; undefined for a leaf. */
function belowWriter(
  type: GraphQLOutputType,
  nodes: readonly FieldNode[],
  scope: SelectionScope,
): SharedWriter | undefined {
  const named = getNamedType(type);
  if (isObjectType(named)) return objectWriter(named, nodes, scope);
  if (isAbstractType(named)) return abstractWriter(named, nodes, scope);
  return undefined;
}

function fieldOf(type: GraphQLObjectType, responseKey: string, nodes: readonly FieldNode[], scope: SelectionScope) {
  const name = nodes[0]?.name.value ?? '';
  const field = name === '__typename' ? undefined : type.getFields()[name];
  if (!field && name !== '__typename') throw new Uncovered(name);
  const below = field && belowWriter(field.type, nodes, scope);
  return { responseKey, name, field, below, nodes };
}

function objectWriter(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope): SharedWriter {
  if (type.isTypeOf) throw new Uncovered(type.name);
  const selected = [...collectFields(type, nodes, scope)].map(([responseKey, fieldNodes]) =>
    fieldOf(type, responseKey, fieldNodes, scope),
  );
  const names = selected.map(({ responseKey, name, below }) => `${responseKey}:${name}:${below?.id ?? ''}`);
  return scope.shared.writer(`${type.name} ${names.join()}`, selected.length, () => {
    const fields = selected.map(({ responseKey, field, below, nodes: fieldNodes }, index) => {
      const start = `${index === 0 ? '{' : ','}${JSON.stringify(responseKey)}:`;
      if (!field) return { start: start + JSON.stringify(type.name), read: undefined, write: undefined };
      return { start, read: readerOf(field, fieldNodes, scope), write: writeType(field.type, below) };
    });
    return fields.length === 0 ? writeNothing : writeFields(type, fields);
  });
}

const writeNothing: Write = () => '{}';

interface WrittenField {
  /** What comes before the value; for `__typename` with the value, which is always the same. */
  readonly start: string;
  readonly read: Read | undefined;
  readonly write: Write | undefined;
}

function writeFields(type: GraphQLObjectType, fields: readonly WrittenField[]): Write {
  return (source, context) => {
    if (typeof source !== 'object' || 'then' in (source as object)) throw new OddValue(type.name);
    let text = '';
    for (const { start, read, write } of fields) {
      text += write && read ? start + write(read(source as Record<string, unknown>, context), context) : start;
    }
    return `${text}}`;
  };
}

/** By itself, since a function keeps all that its surroundings know: here documents, and a caller's variables. */
function writeMember(type: GraphQLAbstractType, writers: ReadonlyMap<string, Write>): Write {
  const { resolveType } = type;
  return (value, context) => {
    const name = resolveType?.(value, context, undefined as never, type);
    const write = typeof name === 'string' ? writers.get(name) : undefined;
    if (!write) throw new OddValue(type.name);
    return write(value, context);
  };
}

function abstractWriter(type: GraphQLAbstractType, nodes: readonly FieldNode[], scope: SelectionScope): SharedWriter {
  if (!type.resolveType) throw new Uncovered(type.name);
  const possible = scope.schema
    .getPossibleTypes(type)
    .map((each) => [each.name, objectWriter(each, nodes, scope)] as const);
  const key = `${type.name} ${possible.map(([, { id }]) => id).join()}`;
  return scope.shared.writer(key, possible.length, () =>
    writeMember(type, new Map(possible.map(([name, { write }]) => [name, write]))),
  );
}

function writeList(writeItem: Write): Write {
  return (items, context) => {
    if (!Array.isArray(items)) throw new OddValue('list');
    let text = '[';
    for (let index = 0; index < items.length; index += 1) {
      text += index === 0 ? writeItem(items[index], context) : `,${writeItem(items[index], context)}`;
    }
    return `${text}]`;
  };
}

/** @param below the writer of the named type inside, unless that is a leaf. */
function writeType(type: GraphQLOutputType, below: SharedWriter | undefined): Write {
  const isNonNull = isNonNullType(type);
  const write = writeSome(isNonNull ? type.ofType : type, below);
  return (value, context) => {
    if (value !== null && value !== undefined) return write(value, context);
    if (isNonNull) throw new OddValue('null');
    return 'null';
  };
}

function writeSome(type: GraphQLOutputType, below: SharedWriter | undefined): Write {
  if (isListType(type)) return writeList(writeType(type.ofType, below));
  if (below) return below.write;
  if (isLeafType(type)) return writeLeaf(type);
  throw new Uncovered(String(type));
}

/**
 * Makes the writer of a field's values, from the schema and what the nodes select: there is no second list of fields.
 * @throws {Uncovered} for a selection that needs the executor: related records, arguments, `@defer`.
 */
export function writerOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  return writeType(type, belowWriter(type, nodes, scope));
}
