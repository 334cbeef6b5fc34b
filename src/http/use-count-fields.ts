import { type ExecutionResult, getOperationAST, Kind } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Metrics } from './metrics.ts';

/** Deletes are counted one by one, whatever asked for them. */
const countedElsewhere = new Set(['deleteEngagement', 'deleteEngagements']);

/** The code of the error that a root field has, if it has one. */
function resultOf(key: string, { data, errors = [] }: ExecutionResult): string {
  const error = errors.find(({ path }) => path === undefined || path[0] === key);
  if (!error || (data?.[key] ?? null) !== null) return 'ok';
  return typeof error.extensions.code === 'string' ? error.extensions.code : 'INTERNAL_SERVER_ERROR';
}

/** Counts the root fields of what is executed, and how long they took together. Only names of the schema's are counted. */
export function useCountFields({ countField }: Pick<Metrics, 'countField'>): Plugin {
  return {
    onExecute({ args: { document, operationName, schema } }) {
      const startMs = performance.now();
      return {
        onExecuteDone({ result }) {
          const operation = getOperationAST(document, operationName);
          if (!operation || isAsyncIterable(result)) return;
          const fields = schema.getRootType(operation.operation)?.getFields() ?? {};
          for (const node of operation.selectionSet.selections) {
            if (node.kind !== Kind.FIELD || countedElsewhere.has(node.name.value) || !fields[node.name.value]) continue;
            const key = node.alias?.value ?? node.name.value;
            countField(node.name.value, resultOf(key, result as ExecutionResult), performance.now() - startMs);
          }
        },
      };
    },
  };
}
