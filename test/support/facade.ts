import { Writable } from 'node:stream';
import type { DocumentNode } from 'graphql';
import { print } from 'graphql';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { defaultLoadLimits, type LoadLimits } from '../../src/http/connections/overload.ts';
import { startFacade } from '../../src/http/server.ts';
import { createLog, type Log, secretsOf } from '../../src/log/log.ts';
import { sandboxToken } from '../../src/sandbox/accounts.ts';
import { expectNoSecrets } from './canary.ts';
import { keepCaptured, keepSecrets } from './captured.ts';
import { tapServers } from './tap.ts';

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
  /** Where its metrics are, if they have a port of their own. */
  readonly metricsUrl: string | undefined;
  /** Everything it logged, as text. */
  logged(): string;
  /** Posts a document the way a GraphQL client does. */
  post(query: string | DocumentNode, variables?: object, headers?: Record<string, string>): Promise<GraphQLAnswer>;
  /**
   * Closes it, and searches all that it logged, or wrote to any client, for the tokens it knew (S01): its own, and those
   * of its callers. A test may do that before its end.
   * @throws when one shows.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Many tests share few cores: a facade in a test's own process would take itself for overloaded, and refuse. */
const patient: LoadLimits = { ...defaultLoadLimits, maxDelayMs: Number.POSITIVE_INFINITY };

/** The tokens that a facade with that configuration works with. */
function tokensOf(config: Config): readonly string[] {
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  return config.auth.mode === 'open' ? [sandboxToken, ...secrets] : secrets;
}

/**
 * Starts the facade against an upstream.
 * @param env configuration as users give it. Without `AUTH_MODE`, callers need no token, as with the embedded sandbox.
 * @param prepareLog does to its log what a test wants, before it is used.
 */
export async function startTestFacade(
  upstreamUrl: string,
  env: Record<string, string> = {},
  prepareLog: (log: Log) => void = () => {},
  loadLimits: LoadLimits = patient,
): Promise<TestFacade> {
  const config = parseConfig({ PORT: '0', ...env });
  const lines: string[] = [];
  // Pieces, each once: some tests have the same page of nine megabytes sent again and again.
  const answers = new Set<string>();
  const tokens = new Set(tokensOf(config));
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  // It is not told the secrets, as the real server's is: a token that only redaction hides has been logged.
  const log = createLog({ destination });
  prepareLog(log);
  let port: number | undefined;
  const untap = tapServers({
    isOurs: (socket) => socket.localPort === port,
    onAnswer: (piece) => void answers.add(piece),
    onToken: (token) => void tokens.add(token),
  });
  const facade = await startFacade({
    config,
    log,
    upstream: new URL(upstreamUrl),
    openToken: sandboxToken,
    loadLimits,
  });
  port = Number(new URL(facade.url).port);
  let isClosed = false;
  return {
    url: facade.url,
    metricsUrl: facade.metricsUrl,
    logged: () => lines.join(''),
    async post(query, variables = {}, headers = {}) {
      const response = await fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: typeof query === 'string' ? query : print(query), variables }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      isClosed = true;
      await facade.close();
      untap();
      const captured = [...lines, ...answers].join('\n');
      expectNoSecrets(captured, [...tokens]);
      keepCaptured(captured);
      // A bare address of this machine is no secret any more: another server may get its port.
      keepSecrets([...tokens].filter((token) => !/^\w+:\/\/127\.0\.0\.1:\d+\/?$/.test(token)));
    },
  };
}
