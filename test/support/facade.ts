import { Writable } from 'node:stream';
import type { DocumentNode } from 'graphql';
import { print } from 'graphql';
import { parseConfig } from '../../src/config.ts';
import { startFacade } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { sandboxToken } from '../../src/sandbox/accounts.ts';

/** What came back over HTTP. */
export interface GraphQLAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body. Loose on purpose: tests look at what they expect and fail on the rest. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of a document it wrote itself.
  readonly body: any;
}

/** The facade under test, on a real port. */
export interface TestFacade extends AsyncDisposable {
  readonly url: string;
  /** Everything it logged, as text. */
  logged(): string;
  /** Posts a document the way a GraphQL client does. */
  post(query: string | DocumentNode, variables?: object, headers?: Record<string, string>): Promise<GraphQLAnswer>;
}

/**
 * Starts the facade against an upstream.
 * @param env configuration as users give it. Without `AUTH_MODE`, callers need no token, as with the embedded sandbox.
 */
export async function startTestFacade(upstreamUrl: string, env: Record<string, string> = {}): Promise<TestFacade> {
  const config = parseConfig({ PORT: '0', ...env });
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const facade = await startFacade({
    config,
    log: createLog(destination),
    upstream: new URL(upstreamUrl),
    openToken: sandboxToken,
  });
  return {
    url: facade.url,
    logged: () => lines.join(''),
    async post(query, variables = {}, headers = {}) {
      const response = await fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: typeof query === 'string' ? query : print(query), variables }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    [Symbol.asyncDispose]: () => facade.close(),
  };
}
