import { useDeferStream } from '@graphql-yoga/plugin-defer-stream';
import { useDisableIntrospection } from '@graphql-yoga/plugin-disable-introspection';
import { type DocumentNode, type GraphQLSchema, OverlappingFieldsCanBeMergedRule } from 'graphql';
import { createYoga, type Plugin, useReadinessCheck, type YogaLogger } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Context, GivenResults } from '../graphql/core/context.ts';
import type { TrustedDocuments } from '../graphql/documents.ts';
import type { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import type { Log } from '../log/log.ts';
import { type Admission, type ContextOptions, createContext } from './context.ts';
import { maskError, useGatewayStatus } from './mask-error.ts';
import { type Metrics, useMetrics } from './metrics.ts';
import { admissionOf, useAdmitCallers } from './use-admit-callers.ts';
import { useBoundErrors } from './use-bound-errors.ts';
import { useCheckAccept } from './use-check-accept.ts';
import { useCheckRequest } from './use-check-request.ts';
import { useCheckVariables } from './use-check-variables.ts';
import { useCountFields } from './use-count-fields.ts';
import { useDeliverChunks } from './use-deliver-chunks.ts';
import { useLimitDocuments } from './use-limit-documents.ts';
import { useResultStreams } from './use-result-streams.ts';
import { useTrustedDocuments } from './use-trusted-documents.ts';

/** Yoga's words to pino's: it hands over any number of arguments, the error first when there is one. */
function yogaLogger(log: Log): YogaLogger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (first: unknown, ...rest: unknown[]) =>
      first instanceof Error
        ? log[level]({ err: first }, 'unexpected error')
        : log[level]([first, ...rest].map(String).join(' '));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/**
 * Has each operation prepared that comes as far as its execution: it has passed every check of the plugins before this
 * one, so that the front door can run it the next time without asking again.
 */
function useNoteOperations(operations: PreparedOperations): Plugin<Context> {
  return {
    onExecute({ args }) {
      const { caller, params } = args.contextValue;
      const { query, operationName } = params;
      // Memory is for operations of somebody who may have them executed.
      if (query && caller !== null) operations.note({ query, operationName });
    },
  };
}

/**
 * How many characters of parsed documents are kept: as part of one, a character takes up to 300 bytes. Yoga counts documents
 * instead, of which a thousand long ones take a gigabyte.
 */
const maxDocumentCharacters = 128 * 1024;

/** What a document takes besides, however short it is, in as many characters. */
const documentCharacters = 20;

/**
 * Yoga's memory of documents, and the plugin that fills it with those that are valid. Anybody can send any amount of others, and
 * each error of theirs holds on to all that validation had at hand: some 60 kilobytes for a document of five characters.
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
  const caches = {
    documentCache: { get: (text: string) => valid.get(text), set: () => {} },
    errorCache: { get: () => undefined, set: () => {} },
  };
  return { caches, keepValid };
}

/**
 * Yoga's plugin for `@defer` and `@stream`, without its rule about fields that cannot be merged: that one compares all fields of a
 * fragment anew in each place, and prints all arguments anew for each pair, for seconds. graphql-js' own, which is there in any
 * case, remembers both. It lets the same field have two `@stream`s: the executor takes the first.
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

/** What is known of a request before Yoga has it. */
export interface ServerContext {
  /** What node:http hands over; the front door may have put into it who asks, and what deletes have come to. */
  readonly req?: { readonly admission?: Promise<Admission>; readonly given?: GivenResults };
  /** Who asks, from before the document is parsed. */
  admission?: Admission;
}

/** The GraphQL endpoint as a request listener. */
export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>;

/** The GraphQL endpoint, for everything that the front door does not answer itself. The plugin list is the pipeline, in order. */
export function createGraphQLHandler(
  schema: GraphQLSchema,
  operations: PreparedOperations,
  metrics: Metrics,
  trusted: TrustedDocuments | undefined,
  options: ContextOptions,
) {
  const { exposeSchema, trustedDocuments, subgraph, upstream, metrics: scrapes } = options.config;
  const { caches, keepValid } = createDocumentCaches();
  return createYoga<ServerContext>({
    schema,
    context: (initial) => createContext(initial, options, admissionOf(initial), initial.req?.given),
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
      useCheckRequest(),
      useCheckAccept(),
      useAdmitCallers(schema, options),
      useCheckVariables(),
      useTrustedDocuments(trusted, trustedDocuments?.only === true),
      useLimitDocuments(),
      keepValid,
      ...(exposeSchema ? [] : [useDisableIntrospection()]),
      useDeferAndStream(),
      useNoteOperations(operations),
      useCountFields(metrics),
      useDeliverChunks(options.log, options.config.requestTimeoutMs),
      useBoundErrors(!exposeSchema),
      useResultStreams(),
      ...(subgraph === 'none' ? [] : [useGatewayStatus()]),
    ],
  });
}
