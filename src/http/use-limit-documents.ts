import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  NoFragmentCyclesRule,
  parse,
  validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type ErrorCode, fieldError } from '../graphql/core/top-level-errors.ts';
import { longestName, measureDocument } from './document-size.ts';

/**
 * What a document may hold at most. Generous for what people write, and small enough that reading it costs no more than
 * a few milliseconds. Aliases count `__typename` too, which attackers like to repeat.
 *
 * Characters and lines, since what is between tokens is free: graphql-js looks for the line of every error from the start of
 * the document, and of 200,000 lines that took half a second. Names, since each is part of every record of an answer.
 *
 * Cost is 1 for a field, 2 for one that has fields, which count 1.5 times at each level, and all of it for each
 * record of a page. It bounds what one document can make of upstream. Measured: the dearest of `schema/operations` has
 * 2,188; a delete with every field of every member 297, and of all related records too 4,336; a page of 100 with every
 * field of an engagement 6,688; a page of 50 with every field of its related records too 18,756, and of those that these refer
 * to 104,313: 700 reads and more, which no account's rate limit allows within a deadline.
 *
 * Merges are what validation compares: every pair of fields with the same name in the same place, and of fragments. The delete with all records
 * above has 1,547, the schema as tools ask for it 228.
 */
const limits = {
  characters: 64 * 1024,
  lines: 1_000,
  tokens: 1_000,
  nameCharacters: 256,
  depth: 8,
  aliases: 10,
  directives: 5,
  rootMutations: 10,
  cost: 50_000,
  merges: 10_000,
} as const;

/** graphql-js has no other sign of it than these words. */
const tooManyTokens = /^Syntax Error: Document contains more tha[nt] \d+ tokens/;

/** Lines as graphql-js counts them: each ends with CR, LF or both. */
function countLines(text: string): number {
  return text.split(/\r\n|[\n\r]/).length;
}

/** @throws {GraphQLError} `TOO_LONG` for a text that is not even worth to be parsed. */
function checkText(text: string): void {
  const { characters, lines } = limits;
  const advice = 'Send long texts as variables.';
  if (text.length > characters)
    throw fieldError('TOO_LONG', `A document may have at most ${characters} characters. ${advice}`);
  if (countLines(text) > lines) throw fieldError('TOO_LONG', `A document may have at most ${lines} lines. ${advice}`);
}

/** Parses a document within the limits. graphql-js counts tokens while it parses, so a longer document is not even read to its end. */
const parseWithin: typeof parse = (source, options) => {
  checkText(typeof source === 'string' ? source : source.body);
  try {
    return parse(source, { ...options, maxTokens: limits.tokens });
  } catch (error) {
    if (!(error instanceof Error && tooManyTokens.test(error.message))) throw error;
    throw fieldError('TOO_MANY_TOKENS', `A document may have at most ${limits.tokens} tokens.`);
  }
};

/** One error for each limit that the document is beyond. */
function findExcesses(schema: GraphQLSchema, document: DocumentNode): readonly GraphQLError[] {
  const { nameCharacters, depth, aliases, directives, rootMutations, cost, merges } = limits;
  const size = measureDocument(schema, document, merges);
  // What it takes to merge such fragments has no bound, and validation would try.
  if (size.hasCycle) return validate(schema, document, [NoFragmentCyclesRule]);
  const checks: readonly [isBeyond: boolean, code: ErrorCode, message: string][] = [
    [
      longestName(document) > nameCharacters,
      'TOO_LONG',
      `A name in a document may have at most ${nameCharacters} characters.`,
    ],
    [size.depth > depth, 'TOO_DEEP', `A document may be at most ${depth} fields deep.`],
    [size.aliases > aliases, 'TOO_MANY_ALIASES', `A document may have at most ${aliases} aliases.`],
    [size.directives > directives, 'TOO_MANY_DIRECTIVES', `A document may have at most ${directives} directives.`],
    [
      size.rootMutations > rootMutations,
      'TOO_MANY_MUTATIONS',
      `An operation may have at most ${rootMutations} mutations, this one has ${size.rootMutations}.`,
    ],
    [
      size.cost > cost,
      'TOO_COSTLY',
      `A document may cost at most ${cost}: select less, or write a smaller \`first\` into it.`,
    ],
    [
      size.merges > merges,
      'TOO_REPETITIVE',
      `A document may repeat fields only so often that merging them takes ${merges} comparisons: select each field once in each place.`,
    ],
  ];
  return checks.flatMap(([isBeyond, code, message]) => (isBeyond ? [fieldError(code, message)] : []));
}

/** Refuses documents beyond the limits before they are validated, each limit by a code of its own. */
export function useLimitDocuments(): Plugin {
  const known = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  return {
    onParse: ({ setParseFn }) => setParseFn(parseWithin),
    onValidate({ params: { schema, documentAST }, setResult }) {
      const excesses = known.get(documentAST) ?? findExcesses(schema, documentAST);
      known.set(documentAST, excesses);
      if (excesses.length > 0) setResult(excesses);
    },
  };
}
