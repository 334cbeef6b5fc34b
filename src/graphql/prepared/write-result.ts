import { collectSubFields } from '@graphql-tools/utils';
import {
  type FieldNode,
  type FragmentDefinitionNode,
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
import type { Context } from '../context.ts';
import { OddValue, Uncovered } from './uncovered.ts';

/** Writes a value as the JSON text that the executor's result for it would have. Throws for what would be an error. */
export type Write = (value: unknown, context: Context) => string;

/** What a selection is read with: one document, and one outcome of its conditions. */
export interface SelectionScope {
  readonly schema: GraphQLSchema;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly variableValues: Record<string, unknown>;
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

function writeObject(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  if (type.isTypeOf) throw new Uncovered(type.name);
  const fields = [...collectFields(type, nodes, scope)].map(([responseKey, fieldNodes], index) => {
    const start = `${index === 0 ? '{' : ','}${JSON.stringify(responseKey)}:`;
    const name = fieldNodes[0]?.name.value ?? '';
    if (name === '__typename') return { start: start + JSON.stringify(type.name), read: undefined, write: undefined };
    const field = type.getFields()[name];
    if (!field) throw new Uncovered(name);
    return { start, read: readerOf(field, fieldNodes, scope), write: writerOf(field.type, fieldNodes, scope) };
  });
  if (fields.length === 0) return () => '{}';
  return (source, context) => {
    if (typeof source !== 'object' || 'then' in (source as object)) throw new OddValue(type.name);
    let text = '';
    for (const { start, read, write } of fields) {
      text += write ? start + write(read(source as Record<string, unknown>, context), context) : start;
    }
    return `${text}}`;
  };
}

function writeAbstract(
  type: GraphQLOutputType & { readonly name: string },
  nodes: readonly FieldNode[],
  scope: SelectionScope,
): Write {
  if (!isAbstractType(type) || !type.resolveType) throw new Uncovered(type.name);
  const { resolveType } = type;
  const writers = new Map(
    scope.schema.getPossibleTypes(type).map((possible) => [possible.name, writeObject(possible, nodes, scope)]),
  );
  return (value, context) => {
    const name = resolveType(value, context, undefined as never, type);
    const write = typeof name === 'string' ? writers.get(name) : undefined;
    if (!write) throw new OddValue(type.name);
    return write(value, context);
  };
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

function writeSome(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  if (isListType(type)) return writeList(writerOf(type.ofType, nodes, scope));
  if (isLeafType(type)) return writeLeaf(type);
  if (isObjectType(type)) return writeObject(type, nodes, scope);
  if (isAbstractType(type)) return writeAbstract(type, nodes, scope);
  throw new Uncovered(String(type));
}

/**
 * Makes the writer of a field's values, from the schema and what the nodes select: there is no second list of fields.
 * @throws {Uncovered} for a selection that needs the executor: related records, arguments, `@defer`.
 */
export function writerOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  const isNonNull = isNonNullType(type);
  const write = writeSome(isNonNull ? type.ofType : type, nodes, scope);
  return (value, context) => {
    if (value !== null && value !== undefined) return write(value, context);
    if (isNonNull) throw new OddValue('null');
    return 'null';
  };
}
