import { Writable } from 'node:stream';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { defaultLoadLimits, type LoadLimits } from '../../src/http/connections/overload.ts';
import { openFacade } from '../../src/http/server.ts';
import { createLog, type Log, secretsOf } from '../../src/log/log.ts';
import { sandboxToken } from '../../src/sandbox/accounts.ts';
import { expectNoSecrets } from './canary.ts';
import { keepCaptured, keepSecrets } from './captured.ts';
import { type Post, postTo } from './fetch-graphql.ts';
import { schema } from './schema.ts';
import { tapServers } from './tap.ts';

/** The facade under test, on a real port. */
export interface TestFacade extends AsyncDisposable {
  readonly url: string;
  /** The URL of its metrics, if they have their own port. */
  readonly metricsUrl: string | undefined;
  /** Its whole log, as text. */
  logged(): string;
  /** Posts a document as a GraphQL client does. */
  readonly post: Post;
  /**
   * Closes it, and searches its log and its responses for the tokens it knew (S01): its own, and those
   * of its callers. A test may do that before its end.
   * @throws when it finds one.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Many tests share few cores, so a facade in the test's process would shed requests. */
const withoutShedding: LoadLimits = { ...defaultLoadLimits, maxDelayMs: Number.POSITIVE_INFINITY };

/** True for the schema of most tests, which they share: the others prove that a facade makes the schema of its settings. */
const hasPlainSchema = ({ subgraph, additionalFields }: Config) => subgraph === 'none' && !additionalFields;

/** The tokens of a facade with that configuration. */
function tokensOf(config: Config): readonly string[] {
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  return config.auth.mode === 'open' ? [sandboxToken, ...secrets] : secrets;
}

/**
 * Starts the facade against an upstream.
 * @param env configuration as users give it. Without `AUTH_MODE`, callers need no token, as with the embedded sandbox.
 * @param prepareLog changes its log before it is used.
 */
export async function startTestFacade(
  upstreamUrl: string,
  env: Record<string, string> = {},
  prepareLog: (log: Log) => void = () => {},
  loadLimits: LoadLimits = withoutShedding,
): Promise<TestFacade> {
  const config = parseConfig({ PORT: '0', ...env });
  const lines: string[] = [];
  // Each piece once: some tests send the same page of nine megabytes many times.
  const answers = new Set<string>();
  const tokens = new Set(tokensOf(config));
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  // Unlike the real server's log, it does not get the secrets: a token that only redaction hides was logged.
  const log = createLog({ destination });
  prepareLog(log);
  let port: number | undefined;
  const untap = tapServers({
    isOurs: (socket) => socket.localPort === port,
    onAnswer: (piece) => void answers.add(piece),
    onToken: (token) => void tokens.add(token),
  });
  const shared = hasPlainSchema(config) && { schema };
  const facade = await openFacade({ config, log, upstream: new URL(upstreamUrl), loadLimits, ...shared });
  const url = await facade.listen();
  port = Number(new URL(url).port);
  let isClosed = false;
  return {
    url,
    metricsUrl: facade.metricsUrl,
    logged: () => lines.join(''),
    post: postTo(`${url}/graphql`),
    async [Symbol.asyncDispose]() {
      if (isClosed) return;
      isClosed = true;
      await facade.close();
      untap();
      const captured = [...lines, ...answers].join('\n');
      expectNoSecrets(captured, [...tokens]);
      keepCaptured(captured);
      // An address of this machine is no secret any more: another server may get its port.
      keepSecrets([...tokens].filter((token) => !/^\w+:\/\/127\.0\.0\.1:\d+\/?$/.test(token)));
    },
  };
}
