import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type Config, parseConfig } from '../config/config.ts';
import { isLoopback, withoutFinalSlash } from '../config/settings.ts';
import { version } from '../config/version.ts';
import { addressOf } from '../http/connections/listener.ts';
import { openFacade } from '../http/server.ts';
import { createLog, secretsOf } from '../log/log.ts';
import { addTools, type McpFacade } from './mcp-tools.ts';
import { type ExitCode, exitCodes, UsageError } from './output.ts';
import { findCredential, onInterruption, type SessionOptions } from './session.ts';

const sdkName = '@modelcontextprotocol/sdk';
/** The largest message, in bytes: a record to restore may be long. */
const maxMessageBytes = 1024 * 1024;
/** How long the last answers of a server that ends may take to leave, in milliseconds. */
const lastAnswersMs = 1_000;

/** Loads the SDK. It is no dependency: most users have no use for its many packages. @throws {UsageError} */
async function loadSdk() {
  try {
    const [server, stdio, http] = await Promise.all([
      import('@modelcontextprotocol/sdk/server/mcp.js'),
      import('@modelcontextprotocol/sdk/server/stdio.js'),
      import('@modelcontextprotocol/sdk/server/streamableHttp.js'),
    ]);
    return { ...server, ...stdio, ...http };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(`mcp needs ${sdkName}, which is not installed: npm install ${sdkName}`);
  }
}

type Sdk = Awaited<ReturnType<typeof loadSdk>>;

/** The settings of the server behind the tools: nothing is deleted without a token. The tools have their own documents and names. */
function behindTools(config: Config): Config {
  const plain = { trustedDocuments: undefined, subgraph: 'none', typePrefix: '', metrics: undefined } as const;
  return { ...config, ...plain, confirmation: { ...config.confirmation, isRequired: true } };
}

async function connect(sdk: Sdk, facade: McpFacade, authorization: string | undefined, transport: object) {
  const server = new sdk.McpServer({ name: 'truto-engagements', version });
  addTools(server, facade, authorization);
  // The SDK's own transports do not fit its interface with `exactOptionalPropertyTypes`.
  await server.connect(transport as Transport);
  return server;
}

/** Why a request is refused: its status and a message. Undefined when it is not. */
function findRefusal({ url, method, headers }: IncomingMessage, { host, auth }: Config): [number, string] | undefined {
  if (url !== '/mcp') return [404, 'Nothing exists at this path. Send messages by POST to /mcp.'];
  // A page of any site could resolve its own name to this machine (DNS rebinding). Programs send no Origin.
  if (headers.origin !== undefined) return [403, 'Web pages may not call this server.'];
  if (isLoopback(host) && !isLoopback(URL.parse(`http://${headers.host}`)?.hostname ?? ''))
    return [403, 'The Host header must be localhost, 127.0.0.1 or [::1].'];
  if (method !== 'POST') return [405, 'Send messages by POST. There is no stream of events and no session.'];
  const needsToken = auth.mode !== 'open' && headers.authorization === undefined;
  return needsToken ? [401, 'Send your token in the Authorization header, as "Bearer <token>".'] : undefined;
}

const headersOf: Readonly<Record<number, object>> = { 401: { 'www-authenticate': 'Bearer' }, 405: { allow: 'POST' } };

/** Answers one message over HTTP. Each is a session of its own, for the caller of its `Authorization` header. */
async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  { sdk, facade, config }: { readonly sdk: Sdk; readonly facade: McpFacade; readonly config: Config },
): Promise<void> {
  const [status, message] = findRefusal(request, config) ?? [];
  if (status !== undefined) {
    response.writeHead(status, { 'content-type': 'application/json', ...headersOf[status] });
    response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null }));
    return;
  }
  const options = { enableJsonResponse: true, maxRequestBodySize: maxMessageBytes };
  const transport = new sdk.StreamableHTTPServerTransport(options);
  const server = await connect(sdk, facade, request.headers.authorization, transport);
  response.once('close', () => void server.close());
  await transport.handleRequest(request, response);
}

/**
 * `mcp`: serves the tools for agents, on standard input and output, or over HTTP. Logs on standard error. Ends when its client closes
 * standard input, or by a signal; deletes in flight are finished. @throws {ConfigError} or {@link UsageError}.
 */
export async function mcpCommand({ http, tokenFile }: SessionOptions & { http?: boolean }): Promise<ExitCode> {
  const sdk = await loadSdk();
  const found = http
    ? { config: parseConfig(process.env), token: undefined }
    : await findCredential(process.env, tokenFile);
  const { token } = found;
  const auth = http ? found.config.auth : ({ mode: token ? 'passthrough' : 'open' } as const);
  const config = { ...behindTools(found.config), auth };
  const secrets = [...secretsOf(config), ...(token ? [token] : [])];
  const log = createLog({ secrets, destination: process.stderr });
  const interruption = onInterruption();
  // Before anything else: a signal may come during the start.
  const ended = once(interruption.signal, 'abort');
  const facade = await openFacade({ config, log, ownToken: token }).catch((error) => {
    interruption.forget();
    throw error;
  });
  const upstream = withoutFinalSlash(facade.upstreamUrl);
  let server: Server | undefined;
  try {
    // A client that is gone reads nothing. That must not end the deletes that are in flight.
    for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
    if (!http) {
      await connect(sdk, facade, token && `Bearer ${token.reveal()}`, new sdk.StdioServerTransport());
      log.info({ transport: 'stdio', upstream }, 'listening');
      await Promise.race([ended, new Promise((resolve) => process.stdin.once('close', resolve).once('end', resolve))]);
      return exitCodes.done;
    }
    server = createServer((request, response) => {
      receive(request, response, { sdk, facade, config }).catch((error) => {
        log.error({ err: error }, 'unexpected error');
        response.destroy();
      });
    });
    await once(server.listen(config.port, config.host), 'listening').catch(({ message }: Error) => {
      throw new UsageError(`Cannot listen: ${message}. Set HOST or PORT.`);
    });
    log.info({ url: `${addressOf(server)}/mcp`, upstream }, 'listening');
    await ended;
    server.close();
    server.closeIdleConnections();
    return exitCodes.done;
  } finally {
    interruption.forget();
    await facade.close();
    // Neither an open standard input nor a client that never ends its request may keep the process alive.
    process.stdin.destroy();
    setTimeout(() => server?.closeAllConnections(), lastAnswersMs).unref();
  }
}
