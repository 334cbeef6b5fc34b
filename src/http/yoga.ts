import { useDeferStream } from '@graphql-yoga/plugin-defer-stream';
import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  OverlappingFieldsCanBeMergedRule,
} from 'graphql';
import { createYoga, isAsyncIterable, type Plugin, useReadinessCheck, type YogaLogger } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Context } from '../graphql/core/context.ts';
import { requestError } from '../graphql/core/top-level-errors.ts';
import { documentIdOf, namesPersistedQuery, type TrustedDocuments } from '../graphql/documents.ts';
import type { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import type { Log } from '../log/log.ts';
import { maskError, useBoundErrors, useGatewayStatus } from './answers/errors.ts';
import { useIncremental } from './answers/incremental.ts';
import { useSubscriptions } from './answers/subscriptions.ts';
import { type Metrics, useMetrics } from './metrics.ts';
import {
  admissionOf,
  type ContextOptions,
  createContext,
  type ServerContext,
  useAdmitRequests,
} from './requests/admit.ts';
import { useCheckVariables } from './requests/check-variables.ts';
import { fieldsOf, fragmentsOf, useLimitDocuments } from './requests/document-limits.ts';

/** Writes Yoga's log lines to our log: any number of values, the error first when there is one. */
function yogaLogger(log: Log): YogaLogger {
  const write =
    (level: keyof YogaLogger) =>
    (first: unknown, ...rest: unknown[]) =>
      first instanceof Error
        ? log[level]({ err: first }, 'unexpected error')
        : log[level]([first, ...rest].map(String).join(' '));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Executes trusted documents by their ids, or refuses ids: Apollo's links then send the query. @param only refuse documents sent as text. */
function useTrustedDocuments(documents: TrustedDocuments | undefined, only: boolean): Plugin {
  return {
    onParams({ params, setParams }) {
      const isPersistedQuery = namesPersistedQuery(params);
      if (!documents && isPersistedQuery) throw requestError('PERSISTED_QUERY_NOT_SUPPORTED');
      if (only && params.query) throw requestError('UNTRUSTED_DOCUMENT');
      if (!documents || params.query) return;
      const id = documentIdOf(params);
      const query = id === null ? undefined : documents.get(id);
      const { operationName, variables, extensions } = params;
      // Without other parameters, such as the ids of clients, which Yoga would refuse.
      if (query !== undefined) return setParams({ query, operationName, variables, extensions } as typeof params);
      // Where only trusted documents are executed, the query would be refused too.
      if (!only && id !== null) throw requestError('PERSISTED_QUERY_NOT_FOUND');
      // Yoga says that the query is missing.
      if (!only) return;
      const lack =
        id === null ? 'The request has neither a documentId nor a query.' : 'No trusted document has that id.';
      throw requestError('UNTRUSTED_DOCUMENT', `${lack} Nothing was executed.`);
    },
  };
}

/** How many characters of parsed documents are cached: a character takes up to 300 bytes, so Yoga's thousand documents take a gigabyte. */
const maxDocumentCharacters = 128 * 1024;

/** The memory that a document takes besides its text, in characters. */
const documentCharacters = 20;

/**
 * Yoga's cache of documents, and the plugin that fills it with valid ones only. Clients can send any number of invalid documents,
 * and each error keeps the data of its validation: some 60 kilobytes for a document of five characters.
 */
function createDocumentCaches() {
  const valid = new LRUCache<string, DocumentNode>({
    maxSize: maxDocumentCharacters,
    sizeCalculation: (_document, text) => text.length + documentCharacters,
  });
  const keepValid: Plugin = {
    onValidate:
      ({ params: { documentAST } }) =>
      ({ valid: isValid }) => {
        const text: string | undefined = documentAST.loc?.source.body;
        if (isValid && text !== undefined) valid.set(text, documentAST);
      },
  };
  const set = () => {};
  const caches = {
    documentCache: { get: (text: string) => valid.get(text), set },
    errorCache: { get: () => undefined, set },
  };
  return { caches, keepValid };
}

/**
 * Yoga's plugin for `@defer` and `@stream`, without its rule about fields that cannot be merged. That rule compares all fields of a
 * fragment again wherever it is spread, and prints all arguments again for each pair, which takes seconds. The rule of graphql-js,
 * which always runs, caches both. It allows two `@stream`s on one field: the executor takes the first.
 */
function useDeferAndStream(): Plugin {
  const plugin: Plugin = useDeferStream();
  return {
    ...plugin,
    onValidate: (payload) =>
      plugin.onValidate?.({
        ...payload,
        addValidationRule(rule) {
          if (rule.name !== OverlappingFieldsCanBeMergedRule.name) payload.addValidationRule(rule);
        },
      }),
  };
}

/** Refuses introspection. */
const hideSchema: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
};

/** Prepares each operation that is executed, for the front door: it has passed the checks of all plugins before this one. */
function useNoteOperations(operations: PreparedOperations): Plugin<Context> {
  return {
    onExecute({ args }) {
      const { caller, params } = args.contextValue;
      const { query, operationName, variables } = params;
      // Only operations of callers with access are cached.
      if (query && caller !== null) operations.note({ query, operationName, variables: variables ?? {} });
    },
  };
}

/** Deletes are counted one by one, in lists and in bulk deletes too. */
export const countedElsewhere = new Set(['deleteEngagement', 'deleteEngagements']);

/** `ok`, or the code of the error that a root field has. */
function codeOfRootField(key: string, { data, errors = [] }: ExecutionResult): string {
  const error = errors.find(({ path }) => path === undefined || path[0] === key);
  if (!error || (data?.[key] ?? null) !== null) return 'ok';
  return typeof error.extensions.code === 'string' ? error.extensions.code : 'INTERNAL_SERVER_ERROR';
}

/** Counts known root fields, and the time since the operation was admitted: a prepared operation may have run its fields before. */
function useCountFields({ countField }: Pick<Metrics, 'countField'>, requestTimeoutMs: number): Plugin<Context> {
  return {
    onExecute({ args: { document, operationName, schema, contextValue } }) {
      return {
        onExecuteDone({ result }) {
          const operation = getOperationAST(document, operationName);
          if (!operation || isAsyncIterable(result)) return;
          const durationMs = performance.now() - (contextValue.deadlineAt - requestTimeoutMs);
          const fields = schema.getRootType(operation.operation)?.getFields() ?? {};
          const selected = [...fieldsOf(operation.selectionSet, fragmentsOf(document))];
          const names = new Map(selected.map(({ alias, name }) => [(alias ?? name).value, name.value]));
          for (const [key, name] of names) {
            const isSkipped = result.data && !Object.hasOwn(result.data, key);
            if (!isSkipped && !countedElsewhere.has(name) && fields[name])
              countField(name, codeOfRootField(key, result as ExecutionResult), durationMs);
          }
        },
      };
    },
  };
}

/** The GraphQL endpoint as a request listener. */
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>;

/** The GraphQL endpoint, for all requests that the front door does not answer itself. The plugin list is the pipeline, in order. */
export function createGraphQLHandler(
  schema: GraphQLSchema,
  operations: PreparedOperations,
  metrics: Metrics,
  trusted: TrustedDocuments | undefined,
  options: ContextOptions,
) {
  const { exposeSchema, trustedDocuments, subgraph, upstream, requestTimeoutMs, metrics: scrapes } = options.config;
  const { caches, keepValid } = createDocumentCaches();
  return createYoga<ServerContext>({
    schema,
    context: (initial) => {
      if (initial.req?.context) return initial.req.context;
      const { headers, signal } = initial.request;
      const header = (name: string) => headers.get(name);
      const { extensions } = initial.params;
      const asked = { header, hasCallerLeft: () => signal.aborted, extensions };
      return createContext(asked, options, admissionOf(initial));
    },
    logging: yogaLogger(options.log),
    maskedErrors: { maskError },
    graphiql: false,
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    ...(trusted && { extraParamNames: ['documentId'] }),
    parserAndValidationCache: caches,
    // The front door reads bodies; Yoga's own limit costs more than half of its speed.
    maxRequestBodySize: false,
    plugins: [
      useReadinessCheck({ endpoint: '/ready', check: () => true }),
      ...(upstream === 'sandbox' && !scrapes ? [useMetrics(metrics)] : []),
      useAdmitRequests(schema, options),
      useCheckVariables(),
      useTrustedDocuments(trusted, trustedDocuments?.only === true),
      useLimitDocuments(),
      keepValid,
      ...(exposeSchema ? [] : [hideSchema]),
      useDeferAndStream(),
      useNoteOperations(operations),
      useCountFields(metrics, requestTimeoutMs),
      useIncremental(options.log, requestTimeoutMs),
      useBoundErrors(!exposeSchema),
      useSubscriptions(),
      ...(subgraph === 'none' ? [] : [useGatewayStatus()]),
    ],
  });
}
