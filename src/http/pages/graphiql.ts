import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../../config/config.ts';
import { readExample } from '../../graphql/documents.ts';
import type { Log } from '../../log/log.ts';
import type { BuiltFile, BuiltFiles, GraphiQLSetup } from './graphiql-build.ts';

/** Tabs that delete nothing, in order: `schema/operations/<name>.graphql`. GraphiQL shows the names of the operations. */
const safeTabs = ['list-engagements', 'list-with-people', 'integrations', 'dry-run'];

/** Tabs that delete or create. Their variables name records of the sandbox. */
const deleteTabs = [
  'break-a-rule',
  'delete-engagement',
  'delete-with-snapshot',
  'delete-engagement-raw',
  'delete-engagement-stream',
  'delete-engagements',
  'fault',
  'unknown-outcome',
  'create-engagement',
];

/** Tabs of bulk deletes, which need Redis. */
const bulkTabs = ['start-bulk-delete', 'follow-bulk-delete'];

/** The variables that a person has to fill, left blank: the sandbox's ids mean nothing to a real upstream. */
function blank(variables: string): string {
  const names = Object.keys(JSON.parse(variables)).filter((name) => name === 'id' || name === 'integratedAccountId');
  return `${JSON.stringify(Object.fromEntries(names.map((name) => [name, ''])), null, 2)}\n`;
}

/** The prepared tabs. With a real upstream, none deletes or creates. */
function readTabs({ upstream, typePrefix, shared }: Config): GraphiQLSetup['tabs'] {
  const read = (name: string) => readExample(name, typePrefix);
  if (upstream === 'sandbox') return [...safeTabs, ...deleteTabs, ...(shared ? bulkTabs : [])].map(read);
  return safeTabs.map(read).map(({ query, variables }) => ({ query, variables: blank(variables) }));
}

/** True for GET, and for HEAD, whose body Node leaves out. */
export const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

/** True for the endpoint's path, in both spellings that Yoga takes. */
export const isEndpoint = (path: string | undefined): boolean => path === '/graphql' || path === '/graphql/';

/** True for a browser that opens an address. Clients of the API do not name HTML. */
export const acceptsPage = ({ headers }: IncomingMessage): boolean => headers.accept?.includes('text/html') ?? false;

/** Headers of every page, besides its own policy. No other page may have it in a frame. */
export const pageHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Only this server's own files run, and the page connects to this server only. The exceptions are for Monaco, the editor: it adds
 * style sheets and style attributes while it runs, and brings fonts and images.
 */
const securityHeaders = {
  ...pageHeaders,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' data:; font-src data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

function runBuild(workerData: GraphiQLSetup): Promise<BuiltFiles> {
  return new Promise((resolve, reject) => {
    // As TypeScript in the project, as JavaScript in the package.
    const code = new URL(`./graphiql-build${extname(import.meta.url)}`, import.meta.url);
    // Without the modules that the process preloads.
    const worker = new Worker(code, { workerData, execArgv: [] });
    worker.once('message', resolve).once('error', reject);
    worker.once('exit', () => reject(new Error('GraphiQL was not built.')));
    worker.unref();
  });
}

/** The name of the requested file: the page for a client that accepts HTML. Undefined: the request is for something else. */
function requestedFile(request: IncomingMessage): string | undefined {
  const [path, query] = (request.url ?? '').split('?', 2);
  if (!isRead(request) || !isEndpoint(path)) return undefined;
  return new URLSearchParams(query).get('asset') ?? (acceptsPage(request) ? 'page' : undefined);
}

function send(name: string, file: BuiltFile, request: IncomingMessage, response: ServerResponse): void {
  const { type, hash, bytes, gzipped } = file;
  const isNamedByContent = name !== 'page' && request.url?.endsWith(`&v=${hash}`);
  const headers = {
    ...securityHeaders,
    'cache-control': isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: `W/"${hash}"`,
    vary: 'Accept, Accept-Encoding',
  };
  if (request.headers['if-none-match']?.includes(`"${hash}"`)) return void response.writeHead(304, headers).end();
  const isGzipped = request.headers['accept-encoding']?.toString().includes('gzip') ?? false;
  if (isGzipped) response.setHeader('content-encoding', 'gzip');
  const body = isGzipped ? gzipped : bytes;
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': body.length }).end(body);
}

/**
 * Serves GraphiQL. All of its files come from this server, at the endpoint's own path, so that it works below any prefix and without
 * other hosts. They are built at the first request, and all responses share them.
 * @returns a function that answers a request for GraphiQL's page or a file of it. False: the request is for something else.
 */
export function createGraphiQL(
  config: Config,
  log: Log,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  let built: Promise<BuiltFiles> | undefined;

  async function answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      built ??= runBuild({
        tabs: readTabs(config),
        takesToken: config.auth.mode !== 'open',
      });
      const file = (await built).get(name);
      if (file) send(name, file, request, response);
      else response.writeHead(404, securityHeaders).end();
    } catch (error) {
      built = undefined;
      log.error({ err: error }, 'GraphiQL cannot be built');
      response.writeHead(500, securityHeaders).end();
    }
  }

  return (request, response) => {
    const name = requestedFile(request);
    if (name === undefined) return false;
    void answer(name, request, response);
    return true;
  };
}
