import { blockFieldSuggestionsPlugin } from '@escape.tech/graphql-armor-block-field-suggestions';
import { useDeferStream } from '@graphql-yoga/plugin-defer-stream';
import { useDisableIntrospection } from '@graphql-yoga/plugin-disable-introspection';
import { createYoga, useReadinessCheck, type YogaLogger } from 'graphql-yoga';
import { schema } from '../graphql/schema.ts';
import type { Log } from '../log.ts';
import { type ContextOptions, createContext } from './context.ts';
import { graphiqlOptions } from './graphiql.ts';
import { maskError } from './mask-error.ts';
import { useCheckAccept } from './use-check-accept.ts';
import { useCheckNumbers } from './use-check-numbers.ts';
import { useCheckRequest } from './use-check-request.ts';
import { useDeliverChunks } from './use-deliver-chunks.ts';
import { useLimitDocuments } from './use-limit-documents.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/** Yoga's words to pino's: it hands over any number of arguments, the error first when there is one. */
function yogaLogger(log: Log): YogaLogger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (first: unknown, ...rest: unknown[]) =>
      first instanceof Error
        ? log[level]({ err: first }, first.message)
        : log[level]([first, ...rest].map(String).join(' '));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** The GraphQL endpoint as a request listener. The plugin list is the pipeline, in order. */
export function createGraphQLHandler(options: ContextOptions) {
  const { auth, exposeSchema } = options.config;
  return createYoga({
    schema,
    context: ({ request }) => createContext(request, options),
    logging: yogaLogger(options.log),
    maskedErrors: { maskError },
    graphiql: exposeSchema && graphiqlOptions(auth),
    // Nine megabytes of page: loaded when somebody opens it, not at every start.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    maxRequestBodySize: maxRequestBytes,
    plugins: [
      useReadinessCheck({ endpoint: '/ready', check: () => true }),
      useCheckRequest(),
      useCheckAccept(),
      useCheckNumbers(),
      useLimitDocuments(),
      ...(exposeSchema ? [] : [useDisableIntrospection(), blockFieldSuggestionsPlugin()]),
      useDeferStream(),
      useDeliverChunks(),
    ],
  });
}
