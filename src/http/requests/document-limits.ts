import { memoize2 } from '@graphql-tools/utils';
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
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
  NoFragmentCyclesRule,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  TokenKind,
  validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type ErrorCode, fieldError } from '../../graphql/core/top-level-errors.ts';

/** A limit of a document, and its error. The text may contain `{max}` and `{is}`. */
type Limit = readonly [max: number, code: ErrorCode, text: string];

/** Limits of a document: generous for documents that people write, and small enough to check within a few milliseconds. */
const limits = {
  // The longest name. An alias is repeated in each record of a response.
  nameCharacters: [256, 'TOO_LONG', 'A name in a document may have at most {max} characters.'],
  depth: [8, 'TOO_DEEP', 'A document may be at most {max} fields deep.'],
  // Also those of `__typename`, which attackers like to repeat.
  aliases: [10, 'TOO_MANY_ALIASES', 'A document may have at most {max} aliases.'],
  directives: [5, 'TOO_MANY_DIRECTIVES', 'A document may have at most {max} directives.'],
  rootMutations: [10, 'TOO_MANY_MUTATIONS', 'An operation may have at most {max} mutations, this one has {is}.'],
  // An estimate of requests to upstream: 1 for a field, 2 for a field with a selection, whose cost counts 1.5 times at each level; all of
  // it for each record of a page. Measured: the most expensive of `schema/operations` has 2,188; a page of 50 with every field of its
  // related records 18,756, and with those of their related records 104,313: more than 700 reads, too many for any rate limit.
  cost: [
    50_000,
    'TOO_COSTLY',
    'A document may cost at most {max}: select less, or write a smaller number for `first`.',
  ],
  // The comparisons of validation to merge fields: 1 for a field or a fragment, 1 more for each earlier field with the same name in the
  // same selection (and again for each 100 characters of its arguments), and for each other fragment there. Measured: a delete with all
  // related records has 1,547, the introspection query of tools 228.
  merges: [
    10_000,
    'TOO_REPETITIVE',
    'Merging the fields of a document may take at most {max} comparisons: select each field once in each place.',
  ],
} as const satisfies Readonly<Record<string, Limit>>;

/** The size of a document: each figure is that of its largest operation. */
type DocumentSize = Readonly<Record<keyof typeof limits, number>>;

/** Limits of a document's text. graphql-js counts its lines from the start for every error: 200,000 took half a second. */
const textLimits = { characters: 64 * 1024, lines: 1_000, tokens: 1_000 } as const;

/** graphql-js marks this error by its message only. */
const tooManyTokens = /^Syntax Error: Document contains more tha[nt] \d+ tokens/;

/** Parses a document within the limits. graphql-js counts tokens while it parses, and stops at the limit. */
const parseWithin: typeof parse = (source, options) => {
  const text = typeof source === 'string' ? source : source.body;
  const { characters, lines, tokens } = textLimits;
  const advice = 'Send long texts as variables.';
  if (text.length > characters)
    throw fieldError('TOO_LONG', `A document may have at most ${characters} characters. ${advice}`);
  // Lines as graphql-js counts them: each ends with CR, LF or both.
  if (text.split(/\r\n|[\n\r]/).length > lines)
    throw fieldError('TOO_LONG', `A document may have at most ${lines} lines. ${advice}`);
  try {
    return parse(source, { ...options, maxTokens: tokens });
  } catch (error) {
    if (!(error instanceof Error && tooManyTokens.test(error.message))) throw error;
    throw fieldError('TOO_MANY_TOKENS', `A document may have at most ${tokens} tokens.`);
  }
};

type ParentType = GraphQLNamedType | null | undefined;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The fragments of a document by their names. */
export function fragmentsOf({ definitions }: DocumentNode): Fragments {
  const fragments = definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map((node) => [node.name.value, node]));
}

const operationsOf = ({ definitions }: DocumentNode): readonly OperationDefinitionNode[] =>
  definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);

/** The largest page, and the longest list of deletes: the assumed size of a list without a size in the document. */
const maxPageSize = 100;

/** What a field with a selection costs, and how much more each level below costs. */
const objectCost = 2;
const depthCostFactor = 1.5;

/** The cost of introspection, and as much again for each alias in it. The limit allows it once, and tools need no more. */
const schemaCost = 30_000;

/** How many records the field returns, by the document: `first`, or the length of its list argument. */
function pageSize({ arguments: given = [] }: FieldNode, field: GraphQLField<unknown, unknown> | undefined): number {
  const sizing = field?.args.find(({ name, type }) => name === 'first' || isListType(getNullableType(type)));
  if (!sizing) return 1;
  const value = given.find(({ name }) => name.value === sizing.name)?.value;
  if (value?.kind === Kind.INT) return Math.max(1, Number(value.value));
  return value?.kind === Kind.LIST ? Math.max(1, value.values.length) : maxPageSize;
}

/** The size of a selection with its fragments; `fields` counts the fields of the selection itself. */
type SelectionSize = Record<'depth' | 'aliases' | 'directives' | 'fields' | 'cost', number>;

const nothing: Readonly<SelectionSize> = { depth: 0, aliases: 0, directives: 0, fields: 0, cost: 0 };

/** graphql-js prints the arguments of both fields for each comparison. This many characters take as long as the comparison. */
const charactersPerMerge = 100;

const argumentCharacters = ({ arguments: args = [] }: FieldNode): number =>
  (args.at(-1)?.loc?.end ?? 0) - (args[0]?.loc?.start ?? 0);

/** Counts the comparisons to merge the fields of selections, and of all below them, to just beyond the limit. */
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

function longestName({ loc }: DocumentNode): number {
  let longest = 0;
  for (let token = loc?.startToken ?? null; token; token = token.next)
    if (token.kind === TokenKind.NAME) longest = Math.max(longest, token.value.length);
  return longest;
}

/** Measures any document in a time that depends only on its length. Undefined when a fragment contains itself: merging would not end. */
function measureDocument(schema: GraphQLSchema, document: DocumentNode): DocumentSize | undefined {
  const fragments = fragmentsOf(document);
  /** A fragment is measured once, however often it is spread. */
  const known = new Map<string, Readonly<SelectionSize>>();
  const open = new Set<string>();
  let hasCycle = false;

  function sizeOf({ selections }: SelectionSetNode, parent: ParentType): SelectionSize {
    const size = { ...nothing };
    for (const node of selections) {
      const part = sizeOfPart(node, parent);
      size.depth = Math.max(size.depth, part.depth);
      for (const name of ['aliases', 'directives', 'fields', 'cost'] as const) size[name] += part[name];
      size.directives += node.directives?.length ?? 0;
    }
    return size;
  }

  function sizeOfPart(node: SelectionSetNode['selections'][number], parent: ParentType): Readonly<SelectionSize> {
    if (node.kind === Kind.FIELD) return sizeOfField(node, parent);
    if (node.kind === Kind.FRAGMENT_SPREAD) return sizeOfFragment(node.name.value);
    return sizeOf(node.selectionSet, node.typeCondition ? schema.getType(node.typeCondition.name.value) : parent);
  }

  function sizeOfFragment(name: string): Readonly<SelectionSize> {
    const fragment = fragments.get(name);
    const found = known.get(name);
    if (found || !fragment) return found ?? nothing;
    // The inner one counts nothing. No such document is valid.
    if (open.has(name)) {
      hasCycle = true;
      return nothing;
    }
    open.add(name);
    const size = sizeOf(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value));
    size.directives += fragment.directives?.length ?? 0;
    open.delete(name);
    known.set(name, size);
    return size;
  }

  function sizeOfField(node: FieldNode, parent: ParentType): SelectionSize {
    const hasFields = isObjectType(parent) || isInterfaceType(parent);
    const field = hasFields ? parent.getFields()[node.name.value] : undefined;
    const below = node.selectionSet && sizeOf(node.selectionSet, field && getNamedType(field.type));
    const { depth, aliases, directives, cost } = below ?? nothing;
    // The introspection query of tools is deeper than any other document, but reads no record.
    const isSchema = node.name.value === '__schema';
    const ownCost = below ? (objectCost + depthCostFactor * cost) * pageSize(node, field) : 1;
    return {
      depth: isSchema ? 0 : 1 + depth,
      aliases: (node.alias ? 1 : 0) + aliases,
      ...{ directives, fields: 1 },
      cost: isSchema ? schemaCost * (1 + aliases) : ownCost,
    };
  }

  const size = { ...nothing, nameCharacters: longestName(document), rootMutations: 0, merges: 0 };
  const operations = operationsOf(document);
  for (const { operation, selectionSet, directives = [], variableDefinitions = [] } of operations) {
    const own = sizeOf(selectionSet, schema.getRootType(operation));
    for (const each of [directives, ...variableDefinitions.map((variable) => variable.directives ?? [])])
      own.directives += each.length;
    for (const name of ['depth', 'aliases', 'directives', 'cost'] as const)
      size[name] = Math.max(size[name], own[name]);
    if (operation === 'mutation') size.rootMutations = Math.max(size.rootMutations, own.fields);
  }
  const unused = [...fragments.values()].filter(({ name }) => !known.has(name.value));
  for (const { name } of unused) sizeOfFragment(name.value);
  if (hasCycle) return undefined;
  const [maxMerges] = limits.merges;
  for (const { selectionSet } of [...operations, ...unused])
    if (size.merges <= maxMerges) size.merges += countMerges([selectionSet], fragments, maxMerges - size.merges);
  return size;
}

/** One error for each limit that the document exceeds. Yoga caches documents, so each is measured once. */
const findExcesses = memoize2((schema: GraphQLSchema, document: DocumentNode): readonly GraphQLError[] => {
  const size = measureDocument(schema, document);
  if (!size) return validate(schema, document, [NoFragmentCyclesRule]);
  return Object.entries(limits).flatMap(([name, [max, code, text]]) => {
    const is = size[name as keyof DocumentSize];
    return is > max ? [fieldError(code, text.replace('{max}', `${max}`).replace('{is}', `${is}`))] : [];
  });
});

/** Refuses documents beyond the limits before validation. Each limit has its own code. */
export function useLimitDocuments(): Plugin {
  return {
    onParse: ({ setParseFn }) => setParseFn(parseWithin),
    onValidate({ params: { schema, documentAST }, setResult }) {
      const excesses = findExcesses(schema, documentAST);
      if (excesses.length > 0) setResult(excesses);
    },
  };
}

/** The fields of a selection, also those in fragments: each fragment once. */
export function* fieldsOf(
  { selections }: SelectionSetNode,
  fragments: Fragments,
  spread: Set<string> = new Set(),
): Generator<FieldNode> {
  for (const node of selections) {
    if (node.kind === Kind.FIELD) yield node;
    else if (node.kind === Kind.INLINE_FRAGMENT) yield* fieldsOf(node.selectionSet, fragments, spread);
    else if (!spread.has(node.name.value)) {
      spread.add(node.name.value);
      const fragment = fragments.get(node.name.value);
      if (fragment) yield* fieldsOf(fragment.selectionSet, fragments, spread);
    }
  }
}

/** True when the operation, or any of several, selects a root field that needs a caller, or that the schema does not have. */
export function needsCaller(schema: GraphQLSchema, document: DocumentNode, operationName?: string | null): boolean {
  const operation = getOperationAST(document, operationName);
  const fragments = fragmentsOf(document);
  return (operation ? [operation] : operationsOf(document)).some((node) => {
    const root = schema.getRootType(node.operation);
    const names = [...fieldsOf(node.selectionSet, fragments)].map(({ name }) => name.value);
    return names.some((name) => !name.startsWith('__') && root?.getFields()[name]?.extensions.isOpen !== true);
  });
}
