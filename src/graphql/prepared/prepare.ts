import { collectFields } from '@graphql-tools/utils';
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import type { Selection } from '../../engagement/selection.ts';
import { readSelection } from '../selection.ts';
import { argumentReader, type ReadArguments, type ReadVariables, variableReader } from './read-values.ts';
import { Uncovered } from './uncovered.ts';
import { type SelectionScope, type Write, writerOf } from './write-result.ts';

/** One delete of a prepared operation. */
export interface PreparedDelete {
  readonly responseKey: string;
  /** What comes before the value in the answer's text: the key. */
  readonly start: string;
  readonly readArguments: ReadArguments;
  readonly selection: Selection;
  readonly write: Write;
}

/** A document and an operation of it, read, checked and compiled once: what a database calls a prepared statement. */
export interface PreparedOperation {
  readonly readVariables: ReadVariables;
  /**
   * The deletes of the operation, in order, for one outcome of its `@include` and `@skip`; null when that needs the
   * executor.
   */
  plan(variableValues: Record<string, unknown>): readonly PreparedDelete[] | null;
}

const incrementalDirectives = new Set(['defer', 'stream']);

/** The variables that `@include` and `@skip` look at: at most as many as a document may have directives. */
function conditionVariables(document: DocumentNode): readonly string[] {
  const names = new Set<string>();
  visit(document, {
    Directive({ name, arguments: args }) {
      if (incrementalDirectives.has(name.value)) throw new Uncovered(`@${name.value}`);
      for (const { value } of args ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment]));
}

function prepareDelete(
  responseKey: string,
  nodes: FieldNode[],
  root: GraphQLObjectType,
  scope: SelectionScope,
): PreparedDelete {
  const [node] = nodes;
  const field = root.getFields()[node?.name.value ?? ''];
  if (!node || field?.name !== 'deleteEngagement') throw new Uncovered(responseKey);
  const selection = readSelection({ ...scope, fieldNodes: nodes });
  if (selection.chunks) throw new Uncovered('chunks');
  const start = `${JSON.stringify(responseKey)}:`;
  const readArguments = argumentReader(field, node);
  return { responseKey, start, readArguments, selection, write: writerOf(field.type, nodes, scope) };
}

/**
 * Prepares an operation of a document that is valid.
 * @throws {Uncovered} when it is not made of deletes alone, or streams.
 */
export function prepareOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
): PreparedOperation {
  const operation = getOperationAST(document, operationName);
  const root = schema.getMutationType();
  if (operation?.operation !== 'mutation' || !root) throw new Uncovered('not a mutation');
  const conditions = conditionVariables(document);
  const fragments = fragmentsOf(document);
  const plans = new Map<string, readonly PreparedDelete[] | null>();

  function makePlan(variableValues: Record<string, unknown>): readonly PreparedDelete[] {
    const scope = { schema, fragments, variableValues };
    const variables = { coerced: variableValues, sources: {} };
    const { fields, patches } = collectFields(
      schema,
      fragments,
      variables,
      root as GraphQLObjectType,
      (operation as OperationDefinitionNode).selectionSet,
    );
    if (patches.length > 0) throw new Uncovered('@defer');
    return [...fields].map(([responseKey, nodes]) =>
      prepareDelete(responseKey, nodes, root as GraphQLObjectType, scope),
    );
  }

  function tryPlan(variableValues: Record<string, unknown>): readonly PreparedDelete[] | null {
    try {
      return makePlan(variableValues);
    } catch (error) {
      // A selection that is an error is the executor's to report.
      if (error instanceof Uncovered || error instanceof GraphQLError) return null;
      throw error;
    }
  }

  return {
    readVariables: variableReader(schema, operation),
    plan(variableValues) {
      const outcome = conditions.map((name) => String(variableValues[name])).join();
      let plan = plans.get(outcome);
      if (plan === undefined) {
        plan = tryPlan(variableValues);
        plans.set(outcome, plan);
      }
      return plan;
    },
  };
}
