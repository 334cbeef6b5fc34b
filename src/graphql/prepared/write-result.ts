import { collectSubFields } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  defaultTypeResolver,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  getArgumentValues,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Context } from '../core/context.ts';

/** Thrown for an operation that needs the executor. */
export class Uncovered extends Error {
  override readonly name = 'Uncovered';
}

/** Values by name. */
export type Values = Readonly<Record<string, unknown>>;

/** Writes a value as the JSON text of the executor's result for it. Throws when that has an error. */
type Write = (value: unknown, out: Output) => void;

const ignore = (): void => {};

/** The JSON text of a root field, written from left to right. A value that is a promise gets a place, and is written there later. */
export class Output {
  readonly context: Context;
  readonly variables: Values;
  readonly #root: Output;
  #text = '';
  readonly #parts: (string | Output)[] = [];
  #unsettled = 0;
  #hasFailed = false;
  #end: (text?: string) => void = ignore;

  constructor(context: Context, variables: Values, root?: Output) {
    this.context = context;
    this.variables = variables;
    this.#root = root ?? this;
  }

  /** Adds text. */
  add(text: string): void {
    this.#text += text;
  }

  /** Leaves a place for a value. */
  addLater(value: Promise<unknown>, write: Write): void {
    const place = new Output(this.context, this.variables, this.#root);
    this.#parts.push(this.#text, place);
    this.#text = '';
    this.#root.#writeLater(value, write, place);
  }

  #writeLater(value: Promise<unknown>, write: Write, place: Output): void {
    const fail = () => {
      this.#hasFailed = true;
      this.#end();
    };
    const take = (settled: unknown) => {
      // The executor continues after a failure: then nothing more may take room in the answer.
      if (this.#hasFailed) return;
      try {
        write(settled, place);
      } catch {
        return fail();
      }
      this.#unsettled -= 1;
      if (this.#unsettled === 0) this.#end(this.toString());
    };
    this.#unsettled += 1;
    value.then(take, fail);
  }

  /** Writes a value with everything below it. Settles to the text, or to undefined when there is an error. Never rejects. */
  write(value: Promise<unknown>, write: Write): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#writeLater(value, write, this);
    });
  }

  toString(): string {
    return this.#parts.join('') + this.#text;
  }
}

/** The parts of `info` that are the same for all fields. Its variables are those that conditions may have. */
export interface WriterScope
  extends Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'variableValues' | 'operation' | 'rootValue'> {
  /** The memory that the writers' fields take, as estimated. */
  bytes: number;
}

/** Measured, rounded up: the text of its key comes in addition. */
const bytesOfField = 400;

/** A field of a selection, compiled. */
export interface PreparedField {
  readonly name: string;
  readonly responseKey: string;
  /** Reads the arguments from the coerced variables. Throws when one is wrong. */
  readonly readArguments: (variables: Values) => Values;
  readonly resolve: (source: unknown, args: Values, context: Context) => unknown;
  readonly write: Write;
}

function leafWriter(type: GraphQLLeafType): Write {
  return (value, out) => {
    const serialized: unknown = type.serialize(value);
    if (serialized === undefined || serialized === null) throw new TypeError(type.name);
    const text = JSON.stringify(serialized);
    // The executor decides which values there is no room for.
    if (!out.context.answerRoom.take(text)) throw new RangeError(type.name);
    out.add(text);
  };
}

/** The text in front of a value, and how that is read and written; for `__typename` only text. */
type WrittenField = readonly [start: string, read?: (source: never, out: Output) => unknown, write?: Write];

/** A separate function, like the next two: a writer must not keep the whole document, from which it was made, in memory. */
function writeFields(fields: readonly WrittenField[]): Write {
  return (source, out) => {
    if (typeof source !== 'object') throw new TypeError('no object');
    out.add('{');
    for (const [start, read, write] of fields) {
      out.add(start);
      if (read && write) write(read(source as never, out), out);
    }
    out.add('}');
  };
}

function writeMember(type: GraphQLAbstractType, writers: ReadonlyMap<string, Write>): Write {
  const { resolveType } = type;
  return (value, out) => {
    const name = (resolveType ?? defaultTypeResolver)(value, out.context, undefined as never, type);
    const write = typeof name === 'string' ? writers.get(name) : undefined;
    if (!write) throw new TypeError(type.name);
    write(value, out);
  };
}

function writeList(writeItem: Write): Write {
  const writeItems: Write = (items, out) => {
    if (!Array.isArray(items)) {
      if (!(Symbol.asyncIterator in (items as object))) throw new TypeError('no list');
      return out.addLater(Array.fromAsync(items as AsyncIterable<unknown>), writeItems);
    }
    out.add('[');
    for (let index = 0; index < items.length; index += 1) {
      if (index > 0) out.add(',');
      writeItem(items[index], out);
    }
    out.add(']');
  };
  return writeItems;
}

function writtenField(type: GraphQLObjectType, responseKey: string, nodes: FieldNode[], scope: WriterScope) {
  const start = `${JSON.stringify(responseKey)}:`;
  scope.bytes += bytesOfField + start.length;
  const name = nodes[0]?.name.value ?? '';
  if (name === '__typename') return [start + JSON.stringify(type.name)] as const;
  const { readArguments, resolve, write } = prepareField(type, responseKey, nodes, scope);
  const exposed = type.getFields()[name]?.extensions.pothosExposedField;
  const read =
    typeof exposed === 'string'
      ? (source: Values) => source[exposed]
      : (source: unknown, out: Output) => resolve(source, readArguments(out.variables), out.context);
  return [start, read, write] as const;
}

function objectWriter(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: WriterScope): Write {
  const variables = { coerced: scope.variableValues, sources: {} };
  const { fields } = collectSubFields(scope.schema, scope.fragments, variables, type, [...nodes]);
  const written = [...fields].map(([responseKey, fieldNodes], index): WrittenField => {
    const [start, ...rest] = writtenField(type, responseKey, fieldNodes, scope);
    return [index === 0 ? start : `,${start}`, ...rest];
  });
  return writeFields(written);
}

function someWriter(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: WriterScope): Write {
  if (isListType(type)) return writeList(writerOf(type.ofType, nodes, scope));
  if (isObjectType(type)) return objectWriter(type, nodes, scope);
  if (!isAbstractType(type)) return leafWriter(type as GraphQLLeafType);
  const members = scope.schema.getPossibleTypes(type);
  return writeMember(type, new Map(members.map((member) => [member.name, objectWriter(member, nodes, scope)])));
}

function writerOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: WriterScope): Write {
  const isNonNull = isNonNullType(type);
  const write = someWriter(isNonNull ? type.ofType : type, nodes, scope);
  const writeValue: Write = (value, out) => {
    if (value === null || value === undefined) {
      if (isNonNull) throw new TypeError('null');
      return out.add('null');
    }
    if (value instanceof Promise) return out.addLater(value, writeValue);
    if (value instanceof Error) throw value;
    write(value, out);
  };
  return writeValue;
}

const noArguments: Values = {};

/**
 * Compiles a field, from the schema and what the nodes select: there is no second list of fields. Its `info` is the same each time, and
 * has no place in a list.
 * @throws {Uncovered} for introspection, and for fields that can be resolved only once.
 */
export function prepareField(
  parentType: GraphQLObjectType,
  responseKey: string,
  fieldNodes: readonly FieldNode[],
  scope: WriterScope,
): PreparedField {
  const { selectionSet: _, ...node } = fieldNodes[0] as FieldNode;
  const field = parentType.getFields()[node.name.value];
  if (!field || field.extensions.readsOnce) throw new Uncovered(node.name.value);
  const { name, type, args, resolve = defaultFieldResolver } = field;
  const { bytes: _bytes, ...shared } = scope;
  const path = { prev: undefined, key: responseKey, typename: parentType.name };
  const info = {
    ...shared,
    fieldName: name,
    fieldNodes,
    returnType: type,
    parentType,
    path,
  } as unknown as GraphQLResolveInfo;
  // It keeps the document in memory, so only the resolvers get it that have a parameter for it.
  const needed = resolve.length > 3 ? info : (undefined as never);
  return {
    ...{ name, responseKey },
    readArguments: args.length === 0 ? () => noArguments : (variables) => getArgumentValues(field, node, variables),
    resolve: (source, given, context) => resolve(source, given, context, needed),
    write: writerOf(type, fieldNodes, scope),
  };
}
