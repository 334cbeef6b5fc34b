import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../../config/config.ts';
import { readExample } from '../../graphql/documents.ts';
import type { Log } from '../../log/log.ts';
import type { GraphiQLSetup } from './graphiql-build.ts';
import { type PageFiles, pageHeaders, requestedFile, type ServePage, sendFile } from './page-files.ts';

/** Tabs that delete nothing, in order: `schema/operations/<name>.graphql`. GraphiQL shows the names of the operations. */
const safeTabs = ['list-engagements', 'list-with-people', 'integrations', 'dry-run'];

/** Tabs that delete. Their variables name records of the sandbox. */
const deleteTabs = [
  'break-a-rule',
  'delete-engagement',
  'delete-with-snapshot',
  'delete-engagement-raw',
  'delete-engagement-stream',
  'delete-engagements',
  'fault',
  'unknown-outcome',
];

/** Tabs of bulk deletes, which need Redis. */
const bulkTabs = ['start-bulk-delete', 'follow-bulk-delete'];

/** The variables that a person has to fill, left blank: the sandbox's ids mean nothing to a real upstream. */
function blank(variables: string): string {
  const names = Object.keys(JSON.parse(variables)).filter((name) => name === 'id' || name === 'integratedAccountId');
  return `${JSON.stringify(Object.fromEntries(names.map((name) => [name, ''])), null, 2)}\n`;
}

/** The prepared tabs. With a real upstream, none deletes. */
function readTabs({ upstream, typePrefix, shared }: Config): GraphiQLSetup['tabs'] {
  const read = (name: string) => readExample(name, typePrefix);
  if (upstream === 'sandbox') return [...safeTabs, ...deleteTabs, ...(shared ? bulkTabs : [])].map(read);
  return safeTabs.map(read).map(({ query, variables }) => ({ query, variables: blank(variables) }));
}

/** True for the endpoint's path, in both spellings that Yoga takes. */
export const isEndpoint = (path: string | undefined): boolean => path === '/graphql' || path === '/graphql/';

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

function runBuild(workerData: GraphiQLSetup): Promise<PageFiles> {
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

/**
 * Serves GraphiQL. All of its files come from this server, at the endpoint's own path, so that it works below any prefix and without
 * other hosts. They are built at the first request, and all responses share them.
 * @returns a function that answers a request for GraphiQL's page or a file of it. False: the request is for something else.
 */
export function createGraphiQL(config: Config, log: Log): ServePage {
  let built: Promise<PageFiles> | undefined;

  async function answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      built ??= runBuild({
        tabs: readTabs(config),
        takesToken: config.auth.mode !== 'open',
        hasBulkPage: config.shared !== undefined,
      });
      sendFile(await built, name, securityHeaders, request, response);
    } catch (error) {
      built = undefined;
      log.error({ err: error }, 'GraphiQL cannot be built');
      response.writeHead(500, securityHeaders).end();
    }
  }

  return (request, response) => {
    const name = requestedFile(request, isEndpoint);
    if (name === undefined) return false;
    void answer(name, request, response);
    return true;
  };
}
