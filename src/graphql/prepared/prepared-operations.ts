import { collectFields } from '@graphql-tools/utils';
import {
  coerceInputValue,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getOperationAST,
  isNonNullType,
  Kind,
  parse,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
  visit,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Selection } from '../../engagement/record.ts';
import { readSelection } from '../core/selection.ts';
import { type SelectionScope, Uncovered, type Write, writerOf } from './write-result.ts';

/** Values by name. */
export type Values = Readonly<Record<string, unknown>>;

/** What a request asks for. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables: Values;
}

/** One delete of a prepared operation. */
export interface PreparedDelete {
  readonly responseKey: string;
  /** Reads the arguments from the coerced variables. Throws when one is wrong. */
  readonly readArguments: (variables: Values) => Values;
  readonly selection: Selection;
  readonly write: Write;
}

/** An operation that is parsed, validated and compiled: a plan of its deletes, in order. */
export interface PreparedOperation {
  /** Coerces the variables. Throws when one is wrong. */
  readonly readVariables: (given: Values) => Values;
  readonly deletes: readonly PreparedDelete[];
}

/** An operation that was executed, and the memory that it takes; without a plan when it needs the executor. */
interface Entry {
  readonly prepared?: PreparedOperation;
  readonly bytes: number;
}

/** The memory of all entries; the least recently used go first. */
const maxBytes = 80 * 1024 * 1024;

/**
 * What an entry takes, each delete besides its fields, each node of arguments and variables, and each character: of the text,
 * which the key and the kept names have twice. Measured, rounded up.
 */
const bytesOf = { entry: 1_000, delete: 6_000, node: 100, character: 4 } as const;

const keptKinds = /^(Argument|VariableDefinition|ObjectField|\w+Value)$/;
const names = /^[A-Za-z_]\w*$/;

/**
 * Tells operations apart by name, document and the variables that a condition may have: `true` or `false`. Undefined for a name
 * that no operation has.
 */
function entryKey({ query, operationName, variables }: OperationRequest): string | undefined {
  let key = operationName ?? '';
  if (operationName !== undefined && operationName !== null && !names.test(key)) return undefined;
  for (const name in variables) {
    const value = variables[name];
    if ((value === true || value === false) && names.test(name)) key += ` ${name}:${value}`;
  }
  return `${key}\n${query}`;
}

interface Variable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly fallback: unknown;
}

function variableOf(
  schema: GraphQLSchema,
  { variable, type: typeNode, defaultValue }: VariableDefinitionNode,
): Variable {
  const name = variable.name.value;
  // graphql-js makes this one the prototype of the others.
  if (name === '__proto__') throw new Uncovered(name);
  const type = typeFromAST(schema, typeNode as never) as unknown as GraphQLInputType;
  return { name, type, fallback: defaultValue && valueFromAST(defaultValue, type) };
}

function refuse(): never {
  throw new TypeError('The executor reports which value is wrong.');
}

/** With the types found before, this takes a fifth of the time of graphql-js' `getVariableValues`. */
function variableReader(variables: readonly Variable[]): PreparedOperation['readVariables'] {
  return (given) => {
    // Without a prototype, nothing is inherited by a name such as `constructor`.
    const values: Record<string, unknown> = Object.create(null);
    for (const { name, type, fallback } of variables) {
      if (Object.hasOwn(given, name)) {
        // The key does not tell null from the default, and a condition that is null is an error.
        if (given[name] === null && fallback !== undefined) refuse();
        values[name] = coerceInputValue(given[name], type, refuse);
      } else if (fallback !== undefined) values[name] = fallback;
      else if (isNonNullType(type)) refuse();
    }
    return values;
  };
}

function prepareDelete(
  root: GraphQLObjectType,
  responseKey: string,
  fieldNodes: FieldNode[],
  scope: SelectionScope,
): PreparedDelete {
  const { selectionSet: _, ...node } = fieldNodes[0] as FieldNode;
  const field = root.getFields()[node.name.value];
  if (field?.name !== 'deleteEngagement') throw new Uncovered(node.name.value);
  const selection = readSelection({ ...scope, fieldNodes });
  if (selection.chunks) throw new Uncovered('chunks');
  const write = writerOf(field.type, fieldNodes, scope);
  return { responseKey, readArguments: (variables) => getArgumentValues(field, node, variables), selection, write };
}

function prepare(schema: GraphQLSchema, { query, operationName, variables }: OperationRequest): Required<Entry> {
  // Without locations: each would keep all tokens of the document.
  const document = parse(query, { noLocation: true });
  const operation = getOperationAST(document, operationName);
  const root = schema.getMutationType();
  if (operation?.operation !== 'mutation' || !root) throw new Uncovered('not a mutation');
  let nodeCount = 0;
  visit(document, {
    enter(node) {
      if (keptKinds.test(node.kind)) nodeCount += 1;
      if (node.kind === Kind.DIRECTIVE && /^(defer|stream)$/.test(node.name.value)) throw new Uncovered('parts');
    },
  });
  const defined = (operation.variableDefinitions ?? []).map((definition) => variableOf(schema, definition));
  // As in the key, so that the plan depends on nothing else.
  const conditions = defined.map(({ name, fallback }) => {
    const value = variables[name];
    return [name, typeof value === 'boolean' ? value : fallback];
  });
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  const scope = {
    schema,
    fragments: Object.fromEntries((fragments as FragmentDefinitionNode[]).map((each) => [each.name.value, each])),
    variableValues: Object.fromEntries(conditions),
    bytes: 0,
  };
  const coerced = { coerced: scope.variableValues, sources: {} };
  const { fields } = collectFields(schema, scope.fragments, coerced, root, operation.selectionSet);
  const deletes = [...fields].map(([responseKey, nodes]) => prepareDelete(root, responseKey, nodes, scope));
  const bytes = scope.bytes + bytesOf.delete * deletes.length + bytesOf.node * nodeCount;
  return { prepared: { readVariables: variableReader(defined), deletes }, bytes };
}

/** The prepared operations of a server, and which of those executed cannot be prepared. */
export class PreparedOperations {
  readonly #schema: GraphQLSchema;
  readonly #entries = new LRUCache<string, Entry>({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes });

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Finds the operation that a request asks for; undefined when the executor is needed. */
  find(request: OperationRequest): PreparedOperation | undefined {
    const key = entryKey(request);
    return key === undefined ? undefined : this.#entries.get(key)?.prepared;
  }

  /** Prepares the operation that the executor takes, if that can be done: it has passed every check then. */
  note(request: OperationRequest): void {
    const key = entryKey(request);
    if (key === undefined || this.#entries.has(key)) return;
    let entry: Entry = { bytes: 0 };
    try {
      entry = prepare(this.#schema, request);
    } catch (error) {
      // The executor reports a selection that is an error.
      if (!(error instanceof Uncovered || error instanceof GraphQLError)) throw error;
    }
    this.#entries.set(key, { ...entry, bytes: entry.bytes + bytesOf.entry + bytesOf.character * key.length });
  }
}
