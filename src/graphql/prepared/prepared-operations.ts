import { type GraphQLSchema, parse } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type PreparedOperation, prepareOperation } from './prepare.ts';
import { Uncovered } from './uncovered.ts';

/**
 * How many operations are kept, and how many characters of documents: the least recently used make room. One that selects
 * every field takes 44 KB.
 */
const maxOperations = 2_000;
const maxCharacters = 4 * 1024 * 1024;

/** A document's text and which of its operations is meant. */
export interface OperationText {
  readonly query: string;
  readonly operationName?: string | null | undefined;
}

/** The prepared operations of a server. */
export interface PreparedOperations {
  /** Finds an operation that was prepared; undefined when it is unknown or not one that can be. */
  find(text: OperationText): PreparedOperation | undefined;
  /** Prepares an operation, if that can be done, when the executor takes it: it has passed every check then. */
  note(text: OperationText): void;
}

/** A name cannot hold a line break, so the first one parts it from the document. */
function keyOf({ query, operationName }: OperationText): string {
  return `${operationName ?? ''}\n${query}`;
}

function prepare(schema: GraphQLSchema, { query, operationName }: OperationText) {
  try {
    // Without places, which take a third of its memory: whoever reports an error has a document of his own.
    return prepareOperation(schema, parse(query, { noLocation: true }), operationName);
  } catch (error) {
    if (error instanceof Uncovered) return undefined;
    throw error;
  }
}

/** Makes the store of prepared operations. It also remembers which cannot be prepared. */
export function createPreparedOperations(schema: GraphQLSchema): PreparedOperations {
  const operations = new LRUCache<string, { readonly prepared: PreparedOperation | undefined }>({
    max: maxOperations,
    maxSize: maxCharacters,
    sizeCalculation: (_operation, key) => key.length,
  });
  return {
    find: (text) => operations.get(keyOf(text))?.prepared,
    note(text) {
      const key = keyOf(text);
      if (!operations.has(key)) operations.set(key, { prepared: prepare(schema, text) });
    },
  };
}
