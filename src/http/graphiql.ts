import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { readExample } from '../graphql/documents.ts';
import type { Log } from '../log/log.ts';
import type { BuiltFile, BuiltFiles, GraphiQLSetup } from './graphiql-build.ts';

/** The prepared tabs, in order: `schema/operations/<name>.graphql` with its example variables beside it. */
const tabs = [
  'delete-engagement',
  'delete-with-snapshot',
  'delete-engagement-raw',
  'delete-engagement-stream',
  'delete-engagements',
  'break-a-rule',
  'dry-run',
  'list-engagements',
  'list-with-people',
  'integrations',
];

/**
 * Nothing but this server's own files runs, or is asked for anything, and no other page has this one in a frame. Monaco, the
 * editor, makes style sheets and style attributes as it goes; they, and its fonts and images, are the only ones from elsewhere.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'font-src data:',
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const securityHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Answers a request for GraphiQL's page, or for a file of it. False: the request is for something else. */
export type ServeGraphiQL = (request: IncomingMessage, response: ServerResponse) => boolean;

function runBuild(workerData: GraphiQLSetup): Promise<BuiltFiles> {
  return new Promise((resolve, reject) => {
    // As TypeScript in the project, as JavaScript in the package.
    const code = new URL(`./graphiql-build${extname(import.meta.url)}`, import.meta.url);
    // Without what the process preloads: that is for what it serves.
    const worker = new Worker(code, { workerData, execArgv: [] });
    worker.once('message', resolve).once('error', reject);
    worker.once('exit', () => reject(new Error('GraphiQL was not built.')));
    worker.unref();
  });
}

/** The file that a request is for: the page for a client that accepts HTML, another by its name. */
function nameOf({ method, url = '', headers }: IncomingMessage): string | undefined {
  const [path, query] = url.split('?', 2);
  if (method !== 'GET' || (path !== '/graphql' && path !== '/graphql/')) return undefined;
  return new URLSearchParams(query).get('asset') ?? (headers.accept?.includes('text/html') ? 'page' : undefined);
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
  const body = isGzipped ? gzipped : bytes;
  response
    .writeHead(200, {
      ...headers,
      'content-type': type,
      'content-length': body.length,
      ...(isGzipped && { 'content-encoding': 'gzip' }),
    })
    .end(body);
}

/**
 * Serves GraphiQL: everything that it needs comes from this server, at the endpoint's own path, so that it works behind any
 * prefix and without any other host. Its files are built when somebody first asks for one, and every answer shares them.
 */
export function createGraphiQL({ auth, typePrefix }: Config, log: Log): ServeGraphiQL {
  let built: Promise<BuiltFiles> | undefined;
  function build(): Promise<BuiltFiles> {
    const examples = tabs.map((name) => readExample(name, typePrefix));
    built ??= runBuild({ tabs: examples, takesToken: auth.mode !== 'open' }).catch((error) => {
      built = undefined;
      throw error;
    });
    return built;
  }

  return (request, response) => {
    const name = nameOf(request);
    if (name === undefined) return false;
    build().then(
      (files) => {
        const file = files.get(name);
        if (file) send(name, file, request, response);
        else response.writeHead(404, securityHeaders).end();
      },
      (error) => {
        log.error({ err: error }, 'GraphiQL cannot be built');
        response.writeHead(500, securityHeaders).end();
      },
    );
    return true;
  };
}
