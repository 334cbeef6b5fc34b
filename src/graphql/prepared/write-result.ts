import { collectSubFields } from '@graphql-tools/utils';
import {
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLField,
  GraphQLID,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString,
  getNamedType,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Context } from '../core/context.ts';
import type { SelectionInfo } from '../core/selection.ts';

/** Thrown for an operation that needs the executor. */
export class Uncovered extends Error {
  override readonly name = 'Uncovered';
}

/** Writes a value as the JSON text of the executor's result for it. Throws when that has an error. */
export type Write = (value: unknown, context: Context) => string;

/** Measured, rounded up: the text of its key comes in addition. */
const bytesOfField = 400;

/** The parts that read a selection. */
export interface SelectionScope extends Omit<SelectionInfo, 'fieldNodes'> {
  /** The memory that the writers' fields take, as estimated. */
  bytes: number;
}

type Read = (source: Record<string, unknown>, context: Context) => unknown;

function collectFields(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope) {
  const variables = { coerced: scope.variableValues, sources: {} };
  return [...collectSubFields(scope.schema, scope.fragments, variables, type, [...nodes]).fields];
}

/** How to get a field's value from its source: from the property that Pothos exposes, or by the field's own resolver. */
function readerOf(field: GraphQLField<unknown, Context>, nodes: readonly FieldNode[], scope: SelectionScope): Read {
  const { pothosExposedField, wireField, leadsToRelated } = field.extensions;
  if (typeof pothosExposedField === 'string') return (source) => source[pothosExposedField];
  const type = getNamedType(field.type);
  if (leadsToRelated && isObjectType(type)) {
    // The source has only the id of a related record.
    const selected = collectFields(type, nodes, scope).flatMap(([, [node]]) => node?.name.value ?? '');
    const isAtHand = selected.every((name) => name === 'id' || name === '__typename');
    if (typeof wireField !== 'string' || !isAtHand) throw new Uncovered('related records');
    return (source) => source[wireField];
  }
  const { resolve } = field;
  // A resolver that looks at the operation, or has arguments, needs the executor.
  if (!resolve || resolve.length > 3 || field.args.length > 0) throw new Uncovered(field.name);
  return (source, context) => resolve(source, {}, context, undefined as never);
}

/** Characters that JSON escapes, and halves of surrogate pairs. */
const needsEscape = /["\\\p{Cc}\p{Cs}]/u;

function leafWriter(type: GraphQLLeafType): Write {
  const isText = type === GraphQLString || type === GraphQLID;
  return (value) => {
    if (isText && typeof value === 'string' && !needsEscape.test(value)) return `"${value}"`;
    const serialized: unknown = type.serialize(value);
    if (serialized === undefined || serialized === null) throw new TypeError(type.name);
    return JSON.stringify(serialized);
  };
}

interface WrittenField {
  /** The text before the value; for `__typename` with the value, which is always the same. */
  readonly start: string;
  readonly read?: Read;
  readonly write?: Write;
}

/** A separate function, like the next two: a writer must not keep the whole document, from which it was made, in memory. */
function writeFields(type: GraphQLObjectType, fields: readonly WrittenField[]): Write {
  return (source, context) => {
    if (typeof source !== 'object' || 'then' in (source as object)) throw new TypeError(type.name);
    let text = '{';
    for (const { start, read, write } of fields) {
      text += write && read ? start + write(read(source as Record<string, unknown>, context), context) : start;
    }
    return `${text}}`;
  };
}

function writeMember(type: GraphQLAbstractType, writers: ReadonlyMap<string, Write>): Write {
  const { resolveType } = type;
  return (value, context) => {
    const name = resolveType?.(value, context, undefined as never, type);
    const write = typeof name === 'string' ? writers.get(name) : undefined;
    if (!write) throw new TypeError(type.name);
    return write(value, context);
  };
}

function writeList(writeItem: Write): Write {
  return (items, context) => {
    if (!Array.isArray(items)) throw new TypeError('no list');
    let text = '[';
    for (let index = 0; index < items.length; index += 1) {
      text += index === 0 ? writeItem(items[index], context) : `,${writeItem(items[index], context)}`;
    }
    return `${text}]`;
  };
}

function objectWriter(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  const fields = collectFields(type, nodes, scope).map(([responseKey, fieldNodes], index): WrittenField => {
    const start = `${index === 0 ? '' : ','}${JSON.stringify(responseKey)}:`;
    scope.bytes += bytesOfField + start.length;
    const name = fieldNodes[0]?.name.value ?? '';
    if (name === '__typename') return { start: start + JSON.stringify(type.name) };
    const field = type.getFields()[name];
    if (!field) throw new Uncovered(name);
    return { start, read: readerOf(field, fieldNodes, scope), write: writerOf(field.type, fieldNodes, scope) };
  });
  return writeFields(type, fields);
}

function someWriter(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  if (isListType(type)) return writeList(writerOf(type.ofType, nodes, scope));
  if (isObjectType(type)) return objectWriter(type, nodes, scope);
  if (!isAbstractType(type)) return leafWriter(type as GraphQLLeafType);
  const members = scope.schema.getPossibleTypes(type);
  return writeMember(type, new Map(members.map((member) => [member.name, objectWriter(member, nodes, scope)])));
}

/**
 * Makes the writer of a field's values, from the schema and what the nodes select: there is no second list of fields.
 * @throws {Uncovered} for a selection that needs the executor, such as related records.
 */
export function writerOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: SelectionScope): Write {
  const isNonNull = isNonNullType(type);
  const write = someWriter(isNonNull ? type.ofType : type, nodes, scope);
  return (value, context) => {
    if (value !== null && value !== undefined) return write(value, context);
    if (isNonNull) throw new TypeError('null');
    return 'null';
  };
}
