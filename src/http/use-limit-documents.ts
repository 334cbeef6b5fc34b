import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives';
import { type ASTVisitor, Kind, parse, type SelectionSetNode, type ValidationContext } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type ErrorCode, fieldError } from '../errors.ts';

/**
 * What a document may hold at most. Generous for what people write, and small enough that reading it costs no more than
 * a few milliseconds. Aliases count `__typename` too, which attackers like to repeat.
 */
const limits = { tokens: 1_000, depth: 8, aliases: 10, directives: 5, rootMutations: 10 } as const;

/** Reports the limit's own error in place of armor's, which has no code. */
function reporting(code: ErrorCode, message: string) {
  const onReject = [(context: ValidationContext | null) => context?.reportError(fieldError(code, message))];
  return { onReject, propagateOnRejection: false };
}

/** graphql-js counts tokens while it parses, so a longer document is not even read to its end. */
function useLimitTokens(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: limits.tokens }));
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

/** Refuses documents beyond the limits before they are executed, each by a code of its own. */
export function useLimitDocuments(): Plugin {
  const { depth, aliases, directives } = limits;
  const tooDeep = `A document may be at most ${depth} fields deep.`;
  const tooManyAliases = `A document may have at most ${aliases} aliases.`;
  const tooManyDirectives = `A document may have at most ${directives} directives.`;
  return {
    onPluginInit({ addPlugin }) {
      addPlugin(useLimitTokens());
      addPlugin(maxDepthPlugin({ n: depth, ...reporting('TOO_DEEP', tooDeep) }));
      addPlugin(maxAliasesPlugin({ n: aliases, allowList: [], ...reporting('TOO_MANY_ALIASES', tooManyAliases) }));
      addPlugin(maxDirectivesPlugin({ n: directives, ...reporting('TOO_MANY_DIRECTIVES', tooManyDirectives) }));
    },
    onValidate: ({ addValidationRule }) => addValidationRule(rootMutationsRule),
  };
}
