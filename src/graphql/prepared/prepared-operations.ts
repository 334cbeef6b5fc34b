import { collectFields } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  parse,
  type VariableDefinitionNode,
  visit,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Context, GivenResults } from '../core/context.ts';
import { Output, type PreparedField, prepareField, Uncovered, type Values } from './write-result.ts';

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
  /** Throws when a variable is wrong. */
  readonly readVariables: (given: Values) => Values;
  readonly fields: readonly PreparedField[];
  /** The memory that it takes besides its document, as estimated. */
  readonly bytes: number;
}

/** The memory of all entries; the least recently used go first. */
const maxBytes = 80 * 1024 * 1024;

/** Measured, rounded up. A text is kept twice, by the key and by the names in it, and two characters may be a node of an argument. */
const bytesOf = { entry: 4_000, character: 60 } as const;

/** The variables that conditions may have. A condition that is null is an error. */
const conditionsOf = (variables: Values) =>
  Object.entries(variables).filter(([, value]) => typeof value === 'boolean' || value === null);

/** Distinguishes operations by name, document and the variables that conditions may have. */
const entryKey = ({ query, operationName, variables }: OperationRequest): string =>
  JSON.stringify([operationName ?? null, ...conditionsOf(variables)]) + query;

// Apart, since functions that are created together hold what any of them uses.
function variableReader(schema: GraphQLSchema, definitions: readonly VariableDefinitionNode[]) {
  return (given: Values): Values => {
    const { coerced, errors } = getVariableValues(schema, definitions, given, { maxErrors: 1 });
    if (errors) throw errors[0];
    return coerced;
  };
}

function prepare(schema: GraphQLSchema, { query, operationName, variables }: OperationRequest): PreparedOperation {
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
  const definitions = operation.variableDefinitions ?? [];
  // Yoga's executor makes this class the prototype of the others, and graphql-js does not.
  if (definitions.some(({ variable }) => variable.name.value === '__proto__')) throw new Uncovered('__proto__');
  const readVariables = variableReader(schema, definitions);
  const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  const scope = {
    ...{ schema, operation, rootValue: undefined, bytes: 0 },
    fragments: Object.fromEntries(fragments.map((each) => [each.name.value, each])),
    // Only those in the key, so that the plan depends only on that.
    variableValues: Object.fromEntries(conditionsOf(readVariables(variables))),
  };
  const coerced = { coerced: scope.variableValues, sources: {} };
  const { fields } = collectFields(schema, scope.fragments, coerced, root, operation.selectionSet);
  const prepared = [...fields].map(([responseKey, nodes]) => prepareField(root, responseKey, nodes, scope));
  return { isSerial: operation.operation === 'mutation', readVariables, fields: prepared, bytes: scope.bytes };
}

/** The prepared operations of a server, and which of those executed cannot be prepared. */
export class PreparedOperations {
  /** False for an operation that needs the executor. */
  readonly #entries = new LRUCache<string, PreparedOperation | false>({
    maxSize: maxBytes,
    sizeCalculation: (plan, key) => (plan ? plan.bytes : 0) + bytesOf.entry + bytesOf.character * key.length,
  });
  readonly #schema: GraphQLSchema;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Finds the operation that a request asks for; undefined when the executor is needed. */
  find(request: OperationRequest): PreparedOperation | undefined {
    return this.#entries.get(entryKey(request)) || undefined;
  }

  /** Prepares the operation that the executor takes, if that can be done: it has passed every check then. */
  note(request: OperationRequest): void {
    const key = entryKey(request);
    if (this.#entries.has(key)) return;
    try {
      this.#entries.set(key, prepare(this.#schema, request));
    } catch (error) {
      if (error instanceof Uncovered) this.#entries.set(key, false);
      // The executor reports it. Another request with this key may have better variables.
      else if (!(error instanceof GraphQLError)) throw error;
    }
  }
}

/**
 * Runs a prepared operation. Only answers without errors are written here, so that errors are written in one place only. With a wrong
 * variable or argument, no field is run. Never rejects.
 * @returns the whole answer as the executor writes it, or undefined when that has an error; and the results of the root fields that were
 * run, for the executor.
 */
export async function runPrepared(
  { isSerial, readVariables, fields }: PreparedOperation,
  givenVariables: Values,
  context: Context,
): Promise<{ readonly text: string | undefined; readonly given: GivenResults }> {
  const given = new Map<string | number, Promise<unknown>>();
  let variables: Values;
  let args: readonly Values[];
  try {
    variables = readVariables(givenVariables);
    args = fields.map((field) => field.readArguments(variables));
  } catch {
    return { text: undefined, given };
  }
  const texts: (string | undefined | Promise<string | undefined>)[] = [];
  for (const [index, { responseKey, resolve, write }] of fields.entries()) {
    const result = (async () => resolve(undefined, args[index] ?? {}, context))();
    given.set(responseKey, result);
    const text = new Output(context, variables).write(result, write);
    texts.push(isSerial ? await text : text);
    // Then the executor runs the rest: only it knows when all of this mutation has ended.
    if (texts.at(-1) === undefined) break;
  }
  const written = await Promise.all(texts);
  if (written.includes(undefined)) return { text: undefined, given };
  const members = fields.map(({ responseKey }, index) => `"${responseKey}":${written[index]}`);
  return { text: `{"data":{${members.join(',')}}}`, given };
}

/** Makes root fields return the results that the context has already. Mutates the schema. */
export function withGivenResults(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const { resolve = defaultFieldResolver } = field;
      field.resolve = (source, args, context: Context | undefined, info) => {
        const { key } = info.path;
        return context?.given?.has(key) ? context.given.get(key) : resolve(source, args, context, info);
      };
    }
  }
  return schema;
}
