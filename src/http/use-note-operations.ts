import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.ts';
import type { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';

/**
 * Has each operation prepared that comes as far as its execution: it has passed every check of the plugins before this
 * one, so that the front door can run it the next time without asking again.
 */
export function useNoteOperations(operations: PreparedOperations): Plugin<Context> {
  return {
    onExecute({ args }) {
      const { caller, params } = args.contextValue;
      const { query, operationName } = params;
      // Memory is for operations of somebody who may have them executed.
      if (query && caller !== null) operations.note({ query, operationName });
    },
  };
}
