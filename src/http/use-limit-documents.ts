import { costLimitRule } from '@escape.tech/graphql-armor-cost-limit';
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives';
import {
  type ASTVisitor,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  getNullableType,
  isListType,
  Kind,
  parse,
  type SelectionSetNode,
  TypeInfo,
  type ValidationContext,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type ErrorCode, fieldError } from '../errors.ts';

/**
 * What a document may hold at most. Generous for what people write, and small enough that reading it costs no more than
 * a few milliseconds. Aliases count `__typename` too, which attackers like to repeat.
 *
 * Cost is armor's: 1 for a field, 2 for one that has fields, which count 1.5 times at each level, and all of it for each
 * record of a page. It bounds what one document can make of upstream. Measured: the dearest of `schema/operations` has
 * 2,150; a delete with every field of every member 368, and of all related records too 2,008; a page of 100 with every
 * field of an engagement 11,938, and with what people show of its related records 18,688; a page of 50 with every
 * field of those 46,975, of 100 twice that: 700 reads and more, which no account's rate limit allows within a deadline.
 */
const limits = { tokens: 1_000, depth: 8, aliases: 10, directives: 5, rootMutations: 10, cost: 50_000 } as const;

/** The largest page, and the longest list of deletes: what one counts as whose size is not written in the document. */
const maxPageSize = '100';

/**
 * How many records the field will have, as far as the document says: `first`, or as many as a list that it takes. Undefined
 * for a field that has one.
 */
function pageSize(node: FieldNode, field: GraphQLField<unknown, unknown> | undefined | null): string | undefined {
  const sizing = field?.args.find(({ name, type }) => name === 'first' || isListType(getNullableType(type)));
  if (!sizing) return undefined;
  const given = node.arguments?.find(({ name }) => name.value === sizing.name)?.value;
  if (given?.kind === Kind.INT) return given.value;
  return given?.kind === Kind.LIST ? String(given.values.length) : maxPageSize;
}

/** Reports the limit's own error in place of armor's, which has no code. */
function reporting(code: ErrorCode, message: string) {
  const onReject = [(context: ValidationContext | null) => context?.reportError(fieldError(code, message))];
  return { onReject, propagateOnRejection: false };
}

/** graphql-js has no other sign of it than these words. */
const tooManyTokens = /^Syntax Error: Document contains more tha[nt] \d+ tokens/;

/** graphql-js counts tokens while it parses, so a longer document is not even read to its end. */
function useLimitTokens(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => {
        try {
          return parse(source, { ...options, maxTokens: limits.tokens });
        } catch (error) {
          if (!(error instanceof Error && tooManyTokens.test(error.message))) throw error;
          throw fieldError('TOO_MANY_TOKENS', `A document may have at most ${limits.tokens} tokens.`);
        }
      });
    },
  };
}

/**
 * How many fields the set selects, with those of its fragments: each a mutation of its own, when they are root fields.
 * @param counted what each fragment came to: one that is spread again and again is walked once.
 */
function countFields(set: SelectionSetNode, context: ValidationContext, counted = new Map<string, number>()): number {
  return set.selections.reduce((sum, selection) => {
    if (selection.kind === Kind.FIELD) return sum + 1;
    if (selection.kind === Kind.INLINE_FRAGMENT) return sum + countFields(selection.selectionSet, context, counted);
    const name = selection.name.value;
    const fragment = counted.has(name) ? undefined : context.getFragment(name);
    if (fragment) {
      counted.set(name, 0);
      counted.set(name, countFields(fragment.selectionSet, context, counted));
    }
    return sum + (counted.get(name) ?? 0);
  }, 0);
}

function rootMutationsRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition({ operation, selectionSet }) {
      const count = operation === 'mutation' ? countFields(selectionSet, context) : 0;
      if (count <= limits.rootMutations) return;
      const message = `An operation may have at most ${limits.rootMutations} mutations, this one has ${count}.`;
      context.reportError(fieldError('TOO_MANY_MUTATIONS', message));
    },
  };
}

/**
 * The document with the size of every page in it. Armor takes a size that it cannot read for 1, and so a variable would get
 * a whole page for the price of one record.
 */
function withPageSizes(document: DocumentNode, context: ValidationContext): DocumentNode {
  const typeInfo = new TypeInfo(context.getSchema());
  const name = { kind: Kind.NAME, value: 'first' } as const;
  return visit(
    document,
    visitWithTypeInfo(typeInfo, {
      Field(node) {
        const value = pageSize(node, typeInfo.getFieldDef());
        if (value === undefined) return undefined;
        const others = node.arguments?.filter((argument) => argument.name.value !== 'first') ?? [];
        return { ...node, arguments: [...others, { kind: Kind.ARGUMENT, name, value: { kind: Kind.INT, value } }] };
      },
    }),
  );
}

function costRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      const sized = withPageSizes(document, context);
      const fragments = new Map(
        sized.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])),
      );
      const message = `A document may cost at most ${limits.cost}: select less, or write a smaller \`first\` into it.`;
      const rule = costLimitRule({ maxCost: limits.cost, flattenFragments: true, ...reporting('TOO_COSTLY', message) });
      visit(sized, rule(Object.create(context, { getFragment: { value: (name: string) => fragments.get(name) } })));
    },
  };
}

/** Refuses documents beyond the limits before they are executed, each by a code of its own. */
export function useLimitDocuments(): Plugin {
  const { depth, aliases, directives } = limits;
  const tooDeep = `A document may be at most ${depth} fields deep.`;
  const tooManyAliases = `A document may have at most ${aliases} aliases.`;
  const tooManyDirectives = `A document may have at most ${directives} directives.`;
  return {
    onPluginInit({ addPlugin }) {
      addPlugin(useLimitTokens());
      addPlugin(maxDepthPlugin({ n: depth, flattenFragments: true, ...reporting('TOO_DEEP', tooDeep) }));
      addPlugin(maxAliasesPlugin({ n: aliases, allowList: [], ...reporting('TOO_MANY_ALIASES', tooManyAliases) }));
      addPlugin(maxDirectivesPlugin({ n: directives, ...reporting('TOO_MANY_DIRECTIVES', tooManyDirectives) }));
    },
    onValidate({ addValidationRule }) {
      addValidationRule(rootMutationsRule);
      addValidationRule(costRule);
    },
  };
}
