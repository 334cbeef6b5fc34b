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
  parse,
  visit,
} from 'graphql';
import type { Selection } from '../../engagement/record.ts';
import { readSelection } from '../core/selection.ts';
import { argumentReader, type ReadArguments, type ReadVariables, variableReader } from './read-values.ts';
import type { SharedParts, Write } from './shared-parts.ts';
import { Uncovered } from './uncovered.ts';
import { type SelectionScope, writerOf } from './write-result.ts';

/** A document's text and which of its operations is meant. */
export interface OperationText {
  readonly query: string;
  readonly operationName?: string | null | undefined;
}

/** What a plan keeps. */
export interface PlanSize {
  /** Fields that it shares with no plan before it. */
  readonly fieldCount: number;
  /** Nodes of arguments and of variables' defaults. */
  readonly nodeCount: number;
}

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

/** For how many outcomes of its conditions an operation is planned; five conditions have 32. */
const maxPlans = 8;

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

const valueKinds = /^(Argument|VariableDefinition|ObjectField|\w+Value)$/;

/** How many nodes the arguments and defaults of a document have. */
function countValueNodes(document: DocumentNode): number {
  let count = 0;
  visit(document, {
    enter({ kind }) {
      if (valueKinds.test(kind)) count += 1;
    },
  });
  return count;
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
  const selection = scope.shared.selection(readSelection({ ...scope, fieldNodes: nodes }));
  if (selection.chunks) throw new Uncovered('chunks');
  const start = `${JSON.stringify(responseKey)}:`;
  // The reader keeps its node, and needs nothing of what that selects.
  const { selectionSet: _, ...bare } = node;
  const readArguments = argumentReader(field, bare);
  return { responseKey, start, readArguments, selection, write: writerOf(field.type, nodes, scope) };
}

/**
 * Prepares an operation of a document that is valid. Its parsed document is not kept: it takes more memory than anything
 * made of it, and is needed again only for another outcome of the conditions.
 * @param shared where operations find what they have in common.
 * @param onPlan hears what each plan keeps.
 * @throws {Uncovered} when it is not made of deletes alone, or streams.
 */
export function prepareOperation(
  schema: GraphQLSchema,
  { query, operationName }: OperationText,
  shared: SharedParts,
  onPlan: (size: PlanSize) => void,
): PreparedOperation {
  const root = schema.getMutationType() as GraphQLObjectType;
  // Without places, since whoever reports an error has a document of his own.
  const read = () => {
    const document = parse(query, { noLocation: true });
    return { document, operation: getOperationAST(document, operationName) as OperationDefinitionNode };
  };
  const { document, operation } = read();
  if (operation?.operation !== 'mutation') throw new Uncovered('not a mutation');
  const conditions = conditionVariables(document);
  const readVariables = variableReader(schema, operation);
  // The readers of variables and arguments keep the nodes of their values.
  const nodeCount = countValueNodes(document);
  const plans = new Map<string, readonly PreparedDelete[] | null>();

  function makePlan(variableValues: Record<string, unknown>): readonly PreparedDelete[] {
    const { document, operation } = read();
    const fragments = fragmentsOf(document);
    const variables = { coerced: variableValues, sources: {} };
    const { fields, patches } = collectFields(schema, fragments, variables, root, operation.selectionSet);
    if (patches.length > 0) throw new Uncovered('@defer');
    const scope = { schema, fragments, variableValues, shared };
    return [...fields].map(([responseKey, nodes]) => prepareDelete(responseKey, nodes, root, scope));
  }

  function tryPlan(variableValues: Record<string, unknown>): readonly PreparedDelete[] | null {
    const before = shared.fieldCount;
    try {
      return makePlan(variableValues);
    } catch (error) {
      // A selection that is an error is the executor's to report.
      if (error instanceof Uncovered || error instanceof GraphQLError) return null;
      throw error;
    } finally {
      onPlan({ fieldCount: shared.fieldCount - before, nodeCount });
    }
  }

  function plan(variableValues: Record<string, unknown>): readonly PreparedDelete[] | null {
    const outcome = conditions.map((name) => String(variableValues[name])).join();
    let known = plans.get(outcome);
    if (known === undefined) {
      if (plans.size === maxPlans) return null;
      known = tryPlan(variableValues);
      plans.set(outcome, known);
    }
    return known;
  }

  // Whoever asks next gets it made, where it is the only one.
  if (conditions.length === 0) plan({});
  return { readVariables, plan };
}
