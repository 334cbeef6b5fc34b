import { collectFields } from '@graphql-tools/utils';
import {
  coerceInputValue,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
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
import { type PreparedField, prepareField, Uncovered, type Values } from './write-result.ts';

/** What a request asks for. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables: Values;
}

/** An operation that is parsed, validated and compiled: a plan of its root fields. */
export interface PreparedOperation {
  /** True for a mutation: its fields run one after another. */
  readonly isSerial: boolean;
  /** Coerces the variables. Throws when one is wrong. */
  readonly readVariables: (given: Values) => Values;
  readonly fields: readonly PreparedField[];
}

/** An operation that was executed, and the memory of its plan. It has no plan when it needs the executor. */
interface Entry {
  readonly prepared?: PreparedOperation;
  readonly bytes: number;
}

/** The memory of all entries; the least recently used go first. */
const maxBytes = 80 * 1024 * 1024;

/**
 * What an entry takes, and each character: the text is kept twice, by the key and by the names in it, and two characters may be a
 * node of an argument. Measured, rounded up.
 */
const bytesOf = { entry: 4_000, character: 30 } as const;

const names = /^[A-Za-z_]\w*$/;

/**
 * Distinguishes operations by name, document and the variables that a condition may have: `true` or `false`. Undefined for a name
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

function variableOf(schema: GraphQLSchema, definition: VariableDefinitionNode) {
  const name = definition.variable.name.value;
  // graphql-js makes this class the prototype of the others.
  if (name === '__proto__') throw new Uncovered(name);
  const type = typeFromAST(schema, definition.type as never) as unknown as GraphQLInputType;
  const fallback: unknown = definition.defaultValue && valueFromAST(definition.defaultValue, type);
  return { name, type, fallback };
}

function refuse(): never {
  throw new TypeError('The executor reports which value is wrong.');
}

/** With the types found before, this takes a fifth of the time of graphql-js' `getVariableValues`. */
function variableReader(variables: readonly ReturnType<typeof variableOf>[]): PreparedOperation['readVariables'] {
  return (given) => {
    const values: Record<string, unknown> = {};
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

function prepare(schema: GraphQLSchema, { query, operationName, variables }: OperationRequest): Required<Entry> {
  // Without locations: each would keep all tokens of the document.
  const document = parse(query, { noLocation: true });
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  if (!root || operation.operation === 'subscription') throw new Uncovered('not one result');
  visit(document, {
    Directive({ name }) {
      if (name.value === 'defer' || name.value === 'stream') throw new Uncovered(name.value);
    },
  });
  const defined = (operation.variableDefinitions ?? []).map((definition) => variableOf(schema, definition));
  // The same as in the key, so that the plan depends only on the key.
  const conditions = defined.map(({ name, fallback }) => {
    const value = variables[name];
    return [name, typeof value === 'boolean' ? value : fallback];
  });
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  const scope = {
    schema,
    fragments: Object.fromEntries((fragments as FragmentDefinitionNode[]).map((each) => [each.name.value, each])),
    variableValues: Object.fromEntries(conditions),
    operation,
    rootValue: undefined,
    bytes: 0,
  };
  const coerced = { coerced: scope.variableValues, sources: {} };
  const { fields } = collectFields(schema, scope.fragments, coerced, root, operation.selectionSet);
  const prepared = {
    isSerial: operation.operation === 'mutation',
    readVariables: variableReader(defined),
    fields: [...fields].map(([responseKey, nodes]) => prepareField(root, responseKey, nodes, scope)),
  };
  return { prepared, bytes: scope.bytes };
}

/** The prepared operations of a server, and which of those executed cannot be prepared. */
export class PreparedOperations {
  readonly #schema: GraphQLSchema;
  readonly #entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }, key) => bytes + bytesOf.entry + bytesOf.character * key.length,
  });

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
    this.#entries.set(key, entry);
  }
}
