import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  getOperationAST,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TokenKind,
} from 'graphql';

/** The largest page, and the longest list of deletes: the size of a list that the document does not give a size. */
const maxPageSize = 100;

/** What a field with a selection costs, and how much more each level below costs. */
const objectCost = 2;
const depthCostFactor = 1.5;

/**
 * What it costs to ask for all of the schema, and once more for each alias in it, as each may be all of it again: it fits once into the limit,
 * which is all that tools ask for.
 */
const schemaCost = 30_000;

/** How large a selection is, with its fragments put in their places. */
interface SelectionSize {
  /** How many fields are nested in one another. */
  depth: number;
  aliases: number;
  directives: number;
  /** Fields of the selection itself: of an operation, its root fields. */
  fields: number;
  cost: number;
}

/** How large a document is: of each, what its largest operation has. */
export interface DocumentSize extends Omit<SelectionSize, 'fields'> {
  readonly rootMutations: number;
  /**
   * What it takes to merge the fields of all selections: 1 for a field or a fragment, and 1 more for each field before it that has
   * the same name in the same place (and again for each 100 characters of its arguments), and for each other fragment there. Counted only up to the given limit, and not where a fragment contains itself.
   */
  readonly merges: number;
  /** True when a fragment contains itself, used or not: no such document is valid. */
  readonly hasCycle: boolean;
}

type ParentType = GraphQLNamedType | null | undefined;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

const nothing: Readonly<SelectionSize> = { depth: 0, aliases: 0, directives: 0, fields: 0, cost: 0 };

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  return new Map(
    definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])),
  );
}

function operationsOf({ definitions }: DocumentNode): readonly OperationDefinitionNode[] {
  return definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
}

function fieldOf(parent: ParentType, name: string): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
}

/** How many records the field has, as far as the document says: `first`, or the length of a list that it takes. */
function pageSize({ arguments: given = [] }: FieldNode, field: GraphQLField<unknown, unknown> | undefined): number {
  const sizing = field?.args.find(({ name, type }) => name === 'first' || isListType(getNullableType(type)));
  if (!sizing) return 1;
  const value = given.find(({ name }) => name.value === sizing.name)?.value;
  if (value?.kind === Kind.INT) return Math.max(1, Number(value.value));
  return value?.kind === Kind.LIST ? Math.max(1, value.values.length) : maxPageSize;
}

/** Measures selections; a fragment is measured once, however often it is spread. */
class Measure {
  readonly #schema: GraphQLSchema;
  readonly #fragments: Fragments;
  readonly #known = new Map<string, Readonly<SelectionSize>>();
  readonly #open = new Set<string>();
  /** True once a fragment was found inside itself: it counts nothing there. */
  hasCycle = false;

  constructor(schema: GraphQLSchema, fragments: Fragments) {
    this.#schema = schema;
    this.#fragments = fragments;
  }

  selection({ selections }: SelectionSetNode, parent: ParentType): SelectionSize {
    const size = { ...nothing };
    for (const node of selections) {
      const { directives = [] } = node;
      size.directives += directives.length;
      const part = node.kind === Kind.FIELD ? this.#field(node, parent) : this.#part(node, parent);
      size.depth = Math.max(size.depth, part.depth);
      size.aliases += part.aliases;
      size.directives += part.directives;
      size.fields += part.fields;
      size.cost += part.cost;
    }
    return size;
  }

  #part(node: Exclude<SelectionSetNode['selections'][number], FieldNode>, parent: ParentType): Readonly<SelectionSize> {
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.#fragment(node.name.value);
    const type = node.typeCondition ? this.#schema.getType(node.typeCondition.name.value) : parent;
    return this.selection(node.selectionSet, type);
  }

  #fragment(name: string): Readonly<SelectionSize> {
    const known = this.#known.get(name);
    if (known) return known;
    if (this.#open.has(name)) {
      this.hasCycle = true;
      return nothing;
    }
    const fragment = this.#fragments.get(name);
    if (!fragment) return nothing;
    this.#open.add(name);
    const size = this.selection(fragment.selectionSet, this.#schema.getType(fragment.typeCondition.name.value));
    size.directives += fragment.directives?.length ?? 0;
    this.#open.delete(name);
    this.#known.set(name, size);
    return size;
  }

  #field(node: FieldNode, parent: ParentType): SelectionSize {
    const field = fieldOf(parent, node.name.value);
    const below = node.selectionSet && this.selection(node.selectionSet, field && getNamedType(field.type));
    const cost = below ? (objectCost + depthCostFactor * below.cost) * pageSize(node, field) : 1;
    // Tools ask for the schema by one document that is deeper than any other; it reads no record.
    const isSchema = node.name.value === '__schema';
    return {
      depth: isSchema ? 0 : 1 + (below?.depth ?? 0),
      aliases: (node.alias ? 1 : 0) + (below?.aliases ?? 0),
      directives: below?.directives ?? 0,
      fields: 1,
      cost: isSchema ? schemaCost * (1 + (below?.aliases ?? 0)) : cost,
    };
  }

  /** Fragments that no selection measured so far has led to; from here on, they are measured too. */
  unused(): readonly FragmentDefinitionNode[] {
    const unused = [...this.#fragments.values()].filter(({ name }) => !this.#known.has(name.value));
    for (const { name } of unused) this.#fragment(name.value);
    return unused;
  }
}

/** graphql-js prints the arguments of both fields for each comparison: so many characters take as long as the comparison itself. */
const charactersPerMerge = 100;

function argumentCharacters({ arguments: args = [] }: FieldNode): number {
  return (args.at(-1)?.loc?.end ?? 0) - (args[0]?.loc?.start ?? 0);
}

/** Counts what merging the fields of selections in one place takes, and of all below them; no further than to just beyond the limit. */
function countMerges(sets: readonly SelectionSetNode[], fragments: Fragments, limit: number): number {
  const sameKey = new Map<string, FieldNode[]>();
  const spread = new Set<string>();
  let count = 0;
  function collect({ selections }: SelectionSetNode): void {
    for (const node of selections) {
      if (count > limit) return;
      count += 1;
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        const nodes = sameKey.get(key) ?? [];
        sameKey.set(key, nodes);
        count += (nodes.push(node) - 1) * (1 + Math.floor(argumentCharacters(node) / charactersPerMerge));
      } else if (node.kind === Kind.INLINE_FRAGMENT) collect(node.selectionSet);
      else if (!spread.has(node.name.value)) {
        count += spread.size;
        spread.add(node.name.value);
        const fragment = fragments.get(node.name.value);
        if (fragment) collect(fragment.selectionSet);
      }
    }
  }
  for (const set of sets) collect(set);
  for (const nodes of sameKey.values()) {
    if (count > limit) break;
    const below = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    if (below.length > 0) count += countMerges(below, fragments, limit - count);
  }
  return count;
}

const largest: (sizes: readonly number[]) => number = (sizes) => Math.max(0, ...sizes);

function directivesOf({ directives = [], variableDefinitions = [] }: OperationDefinitionNode): number {
  return variableDefinitions.reduce((sum, variable) => sum + (variable.directives?.length ?? 0), directives.length);
}

/**
 * Measures a document, valid or not, in a time that grows with its length and `maxMerges` alone.
 * @param maxMerges how far `merges` is counted.
 */
export function measureDocument(schema: GraphQLSchema, document: DocumentNode, maxMerges: number): DocumentSize {
  const fragments = fragmentsOf(document);
  const measure = new Measure(schema, fragments);
  const operations = operationsOf(document);
  const sizes = operations.map((node) => ({
    node,
    size: measure.selection(node.selectionSet, schema.getRootType(node.operation)),
  }));
  const roots = [...operations, ...measure.unused()].map(({ selectionSet }) => selectionSet);
  const merges = measure.hasCycle
    ? 0
    : roots.reduce((sum, set) => (sum > maxMerges ? sum : sum + countMerges([set], fragments, maxMerges - sum)), 0);
  return {
    depth: largest(sizes.map(({ size }) => size.depth)),
    aliases: largest(sizes.map(({ size }) => size.aliases)),
    directives: largest(sizes.map(({ node, size }) => size.directives + directivesOf(node))),
    cost: largest(sizes.map(({ size }) => size.cost)),
    rootMutations: largest(sizes.map(({ node, size }) => (node.operation === 'mutation' ? size.fields : 0))),
    merges,
    hasCycle: measure.hasCycle,
  };
}

/** How long the longest name in the document is: of a field, an alias, a type, a value of an enum, a variable, or whatever else. */
export function longestName({ loc }: DocumentNode): number {
  let longest = 0;
  for (let token = loc?.startToken ?? null; token; token = token.next)
    if (token.kind === TokenKind.NAME) longest = Math.max(longest, token.value.length);
  return longest;
}

/**
 * True when one of the root fields that the operation asks for is not open to anybody, or is none of the schema's. Of a document
 * that does not say which of its operations is meant, all are looked at.
 */
export function needsCaller(schema: GraphQLSchema, document: DocumentNode, operationName?: string | null): boolean {
  const fragments = fragmentsOf(document);
  const operation = getOperationAST(document, operationName);
  function needs({ selections }: SelectionSetNode, root: ParentType, spread: Set<string>): boolean {
    return selections.some((node) => {
      if (node.kind === Kind.FIELD) {
        const { value: name } = node.name;
        return !name.startsWith('__') && fieldOf(root, name)?.extensions.isOpen !== true;
      }
      if (node.kind === Kind.INLINE_FRAGMENT) return needs(node.selectionSet, root, spread);
      const fragment = spread.has(node.name.value) ? undefined : fragments.get(node.name.value);
      spread.add(node.name.value);
      return fragment !== undefined && needs(fragment.selectionSet, root, spread);
    });
  }
  return (operation ? [operation] : operationsOf(document)).some((node) =>
    needs(node.selectionSet, schema.getRootType(node.operation), new Set()),
  );
}
