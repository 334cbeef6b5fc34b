import type { GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type OperationText, type PlanSize, type PreparedOperation, prepareOperation } from './prepare.ts';
import { SharedParts } from './shared-parts.ts';
import { Uncovered } from './uncovered.ts';

/** How much memory operations may take, in bytes as estimated: the least recently used make room. */
const maxBytes = 80 * 1024 * 1024;

/**
 * What an operation takes besides its text, and each field of a plan that it shares with none, and each node of its
 * arguments. Measured, and rounded up.
 */
const bytesOfEach = 3_500;
const bytesOfField = 400;
const bytesOfNode = 100;

interface Entry {
  prepared: PreparedOperation | undefined;
  bytes: number;
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

/** Makes the store of prepared operations. It also remembers which cannot be prepared. */
export function createPreparedOperations(schema: GraphQLSchema): PreparedOperations {
  const shared = new SharedParts();
  const entries = new LRUCache<string, Entry>({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes });

  function prepare(key: string, text: OperationText): Entry {
    // The text is there twice: as the key, and for further plans.
    const entry: Entry = { prepared: undefined, bytes: bytesOfEach + 2 * key.length };
    const onPlan = ({ fieldCount, nodeCount }: PlanSize) => {
      // Response keys are kept by each plan for itself.
      entry.bytes += bytesOfField * fieldCount + bytesOfNode * nodeCount + key.length;
      // It may have been put out since somebody found it. The store takes another size only for what is new to it.
      if (entries.delete(key)) entries.set(key, entry);
    };
    try {
      entry.prepared = prepareOperation(schema, text, shared, onPlan);
    } catch (error) {
      if (!(error instanceof Uncovered)) throw error;
    }
    return entry;
  }

  return {
    find: (text) => entries.get(keyOf(text))?.prepared,
    note(text) {
      const key = keyOf(text);
      if (!entries.has(key)) entries.set(key, prepare(key, text));
    },
  };
}
