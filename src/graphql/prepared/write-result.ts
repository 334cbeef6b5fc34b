import { collectSubFields, memoize1 } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  defaultTypeResolver,
  type FieldNode,
  GraphQLID,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLString,
  getArgumentValues,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { isLongList } from '../core/answer-room.ts';
import type { Context } from '../core/context.ts';

/** Thrown for an operation that needs the executor. */
export class Uncovered extends Error {
  override readonly name = 'Uncovered';
}

/** Values by name. */
export type Values = Readonly<Record<string, unknown>>;

/** Writes a value as the JSON text of the executor's result for it. Throws when that has an error. */
type Write = (value: unknown, out: Output) => void;

/** The JSON text of a root field, written from left to right. A value that is a promise gets a place, and is written there later. */
export class Output {
  readonly context: Context;
  readonly variables: Values;
  readonly #root: Output;
  readonly #parts: (string | Output)[] = [];
  #text = '';
  #waitingFor = 0;
  #end: (text?: string) => void = () => {};

  constructor(context: Context, variables: Values, root?: Output) {
    this.context = context;
    this.variables = variables;
    this.#root = root ?? this;
  }

  /** Writes a value and everything below it. Settles to the text, or to undefined when there is an error. Never rejects. */
  write(value: Promise<unknown>, write: Write): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.addLater(value, write);
    });
  }

  add(text: string): void {
    this.#text += text;
  }

  /** Leaves a place for a value. */
  addLater(value: Promise<unknown>, write: Write): void {
    const root = this.#root;
    const place = new Output(this.context, this.variables, root);
    this.#parts.push(this.#text, place);
    this.#text = '';
    root.#waitingFor += 1;
    const fail = () => root.#end();
    value.then((settled) => {
      try {
        write(settled, place);
      } catch {
        return fail();
      }
      root.#waitingFor -= 1;
      if (root.#waitingFor === 0) root.#end(root.toString());
    }, fail);
  }

  toString(): string {
    return this.#parts.join('') + this.#text;
  }
}

/** The parts of `info` that all fields share. Its variables are those that conditions may have. */
interface PlanScope
  extends Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'variableValues' | 'operation' | 'rootValue'> {
  /** The memory of the fields, as estimated. */
  bytes: number;
}

/** Measured, rounded up: the text of its key comes in addition. */
const bytesOfField = 560;

/** A field of a selection, compiled. */
export interface PreparedField {
  readonly name: string;
  readonly responseKey: string;
  /** Reads the arguments from the coerced variables. Throws when one is wrong. */
  readonly readArguments: (variables: Values) => Values;
  readonly resolve: (source: unknown, args: Values, context: Context) => unknown;
  readonly write: Write;
}

/** The executor says what is wrong. */
function fail(type: GraphQLOutputType): never {
  throw new TypeError(String(type));
}

/** The executor decides which values there is no room for. */
function addFitting(text: string, type: GraphQLLeafType, out: Output): void {
  out.add(out.context.answerRoom.take(text) ? text : fail(type));
}

const leafWriter = memoize1(
  (type: GraphQLLeafType): Write =>
    (value, out) =>
      addFitting(JSON.stringify(type.serialize(value) ?? fail(type)), type, out),
);

/** Writes a field of an object. */
type WriteField = (source: never, out: Output) => void;

// Apart, since functions that are created together hold what any of them uses.
const propertyWriter =
  (name: string, write: Write): WriteField =>
  (source: Values, out) =>
    write(source[name], out);
const fieldWriter =
  ({ resolve, readArguments, write }: PreparedField): WriteField =>
  (source, out) =>
    write(resolve(source, readArguments(out.variables), out.context), out);

function objectWriter(type: GraphQLObjectType, nodes: readonly FieldNode[], scope: PlanScope): Write {
  const variables = { coerced: scope.variableValues, sources: {} };
  const { fields } = collectSubFields(scope.schema, scope.fragments, variables, type, [...nodes]);
  const written = [...fields].map(([key, fieldNodes], index): readonly [start: string, write?: WriteField] => {
    const start = `${index === 0 ? '' : ','}${JSON.stringify(key)}:`;
    scope.bytes += bytesOfField + start.length;
    const name = fieldNodes[0]?.name.value ?? '';
    if (name === '__typename') return [start + JSON.stringify(type.name)];
    const field = prepareField(type, key, fieldNodes, scope);
    const exposed = type.getFields()[name]?.extensions.pothosExposedField;
    return [start, typeof exposed === 'string' ? propertyWriter(exposed, field.write) : fieldWriter(field)];
  });
  return (source, out) => {
    if (typeof source !== 'object') fail(type);
    out.add('{');
    for (const [start, write] of written) {
      out.add(start);
      write?.(source as never, out);
    }
    out.add('}');
  };
}

function listWriter(type: GraphQLOutputType, writeItem: Write): Write {
  return (items, out) => {
    if (!Array.isArray(items)) fail(type);
    out.add('[');
    for (let index = 0; index < items.length; index += 1) {
      if (index > 0) out.add(',');
      writeItem(items[index], out);
    }
    out.add(']');
  };
}

function someWriter(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: PlanScope): Write {
  if (isListType(type)) return listWriter(type, writerOf(type.ofType, nodes, scope));
  if (isObjectType(type)) return objectWriter(type, nodes, scope);
  if (!isAbstractType(type)) return leafWriter(type as GraphQLLeafType);
  const members = scope.schema.getPossibleTypes(type);
  const writers = new Map(members.map((member) => [member.name, objectWriter(member, nodes, scope)]));
  return (value, out) => {
    const name = (type.resolveType ?? defaultTypeResolver)(value, out.context, undefined as never, type);
    const write = writers.get(name as string) ?? fail(type);
    write(value, out);
  };
}

function writerOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: PlanScope): Write {
  const isNonNull = isNonNullType(type);
  const nullable = isNonNull ? type.ofType : type;
  const write = someWriter(nullable, nodes, scope);
  const isText = nullable === GraphQLString || nullable === GraphQLID;
  const isLong = isLongList(type);
  const writeValue: Write = (value, out) => {
    if (isText && typeof value === 'string') return addFitting(JSON.stringify(value), nullable, out);
    if (value instanceof Promise) return out.addLater(value, writeValue);
    if (value instanceof Error) throw value;
    if (isLong && Array.isArray(value) && !out.context.answerRoom.takeItems(value.length)) fail(type);
    if (value !== null && value !== undefined) write(value, out);
    else out.add(isNonNull ? fail(type) : 'null');
  };
  return writeValue;
}

const noArguments: Values = {};
const readNothing = () => noArguments;

/**
 * Compiles a field, from the schema and what the nodes select: there is no second list of fields. Its `info` is always the same, and
 * its path has no indexes.
 * @throws {Uncovered} for introspection, and for fields that can be resolved only once.
 */
export function prepareField(
  parentType: GraphQLObjectType,
  responseKey: string,
  fieldNodes: readonly FieldNode[],
  scope: PlanScope,
): PreparedField {
  const node = fieldNodes[0] as FieldNode;
  const field = parentType.getFields()[node.name.value];
  if (!field || field.extensions.readsOnce) throw new Uncovered(node.name.value);
  const { name, type, args } = field;
  // The writer counts what it writes.
  const resolve = (field.extensions.uncounted ?? field.resolve ?? defaultFieldResolver) as typeof defaultFieldResolver;
  const path = { prev: undefined, key: responseKey, typename: parentType.name };
  const info = { ...scope, fieldName: name, fieldNodes, returnType: type, parentType, path } as never;
  return {
    ...{ name, responseKey },
    readArguments: args.length === 0 ? readNothing : (variables) => getArgumentValues(field, node, variables),
    resolve: (source, given, context) => resolve(source, given, context, info),
    write: writerOf(type, fieldNodes, scope),
  };
}
