import { blockFieldSuggestionsPlugin } from '@escape.tech/graphql-armor-block-field-suggestions';
import { useDeferStream } from '@graphql-yoga/plugin-defer-stream';
import { useDisableIntrospection } from '@graphql-yoga/plugin-disable-introspection';
import { createYoga, useReadinessCheck, type YogaLogger } from 'graphql-yoga';
import type { Config } from '../config.ts';
import type { FindAccountIntegration } from '../engagement/integrated-account.ts';
import type { LimitReads } from '../engagement/read-limit.ts';
import type { ReadNote } from '../engagement/snapshot.ts';
import type { Context } from '../graphql/context.ts';
import { createRelatedRecords } from '../graphql/related-records.ts';
import { schema } from '../graphql/schema.ts';
import type { Log } from '../log.ts';
import type { Send } from '../upstream/attempt.ts';
import type { Authenticate } from './auth.ts';
import { graphiqlOptions } from './graphiql.ts';
import { maskError } from './mask-error.ts';
import { useCheckAccept } from './use-check-accept.ts';
import { useDeliverChunks } from './use-deliver-chunks.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/** The ways to upstream, which all operations of the process share. */
export interface UpstreamPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly limitReads: LimitReads;
}

/** What the pipeline is made with. */
export interface YogaOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: UpstreamPorts;
  readonly upstreamUrl: string;
}

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
export function createGraphQLHandler({ config, log, authenticate, ports, upstreamUrl }: YogaOptions) {
  const { exposeSchema, requestTimeoutMs, maxUpstreamBytes } = config;
  return createYoga({
    schema,
    context: async ({ request }): Promise<Context> => {
      const deadlineAt = Date.now() + requestTimeoutMs;
      const caller = await authenticate(request.headers.get('authorization'));
      const relatedRecords = createRelatedRecords({ caller, deadlineAt, ...ports });
      const readNote: ReadNote = (key, fields) => relatedRecords.read('notes', key, fields);
      return {
        ...ports,
        readNote,
        relatedRecords,
        deadlineAt,
        caller,
        upstreamUrl,
        maxUpstreamBytes,
        chunkDeliveries: [],
      };
    },
    logging: yogaLogger(log),
    maskedErrors: { maskError },
    graphiql: exposeSchema && graphiqlOptions(config.auth),
    // Nine megabytes of page: loaded when somebody opens it, not at every start.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    maxRequestBodySize: maxRequestBytes,
    plugins: [
      useReadinessCheck({ endpoint: '/ready', check: () => true }),
      useCheckAccept(),
      ...(exposeSchema ? [] : [useDisableIntrospection(), blockFieldSuggestionsPlugin()]),
      useDeferStream(),
      useDeliverChunks(),
    ],
  });
}
