import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../../config/config.ts';
import { readExample } from '../../graphql/documents.ts';
import type { Log } from '../../log/log.ts';
import { createBulkPage } from './bulk-page.ts';
import type { GraphiQLSetup } from './graphiql-build.ts';
import { htmlPage, opensPage, type PageFiles, pageHeaders, type ServePage, servePage } from './page-files.ts';

/** GraphiQL's tabs that delete nothing, in order: `schema/operations/<name>.graphql`. It shows the names of the operations. */
const safeTabs = ['list-engagements', 'list-with-people', 'integrations', 'dry-run'];

/** Tabs that delete. Their variables name records of the sandbox. */
const deleteTabs = [
  ...['break-a-rule', 'delete-engagement', 'delete-with-snapshot', 'delete-engagement-raw', 'delete-engagement-stream'],
  ...['delete-engagements', 'fault', 'unknown-outcome'],
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

async function buildGraphiQL(config: Config): Promise<PageFiles> {
  const { auth, shared } = config;
  const workerData: GraphiQLSetup = {
    tabs: readTabs(config),
    takesToken: auth.mode !== 'open',
    hasBulkPage: shared !== undefined,
  };
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

/** The endpoint's path, in both spellings that Yoga takes. */
const isEndpoint = (path: string | undefined): boolean => path === '/graphql' || path === '/graphql/';

/**
 * Serves GraphiQL at the endpoint's own path, so that it works below any prefix and without other hosts. Only this server's own files
 * run, and the page connects to this server only. The exceptions are for Monaco, the editor: it adds style sheets and style attributes
 * while it runs, and brings fonts and images.
 */
function createGraphiQL(config: Config, log: Log): ServePage {
  const policy =
    "script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' data:; font-src data:; object-src 'none'";
  const build = () => buildGraphiQL(config);
  const page = { isPath: isEndpoint, build, headers: pageHeaders(policy), failure: 'GraphiQL cannot be built' };
  return servePage(page, log);
}

const style = `
:root { color-scheme: light dark; }
body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
`;

const hidden = `The server does not expose its schema: GraphiQL, the page of bulk deletes and introspection are off. To turn them on,
      start the server with <code>EXPOSE_SCHEMA=1</code>. The page of bulk deletes needs <code>REDIS_URL</code> too.`;

const onlyTrusted = `The server executes only trusted documents, which clients name by their ids. It does not expose its schema.`;

const noRedis = `The page of bulk deletes is off, because the server has no Redis. To turn it on, start the server with
      <code>REDIS_URL</code>. <a href="graphql">GraphiQL</a> works without Redis.`;

const bodyOf = (access: string) => `<body>
    <h1>Engagements over GraphQL</h1>
    <p>
      This server reads and deletes the engagements of CRMs: calls, chats, emails, meetings and notes. It uses Truto's Unified CRM
      API. Send an operation by <code>POST</code> to <code>/graphql</code>, as JSON, with
      <code>Content-Type: application/json</code>.
    </p>
    <p>
      ${access} The server's package has the schema in
      <code>schema/schema.graphql</code>.
    </p>
    <ul>
      <li><a href="https://truto.one/docs/api-reference/unified-crm-api/engagements/delete/">Engagements in Truto's API</a></li>
      <li><a href="https://graphql.org/learn/serving-over-http/">GraphQL over HTTP</a></li>
    </ul>
  </body>`;

const headers = {
  // Nothing is loaded, and nothing runs. The one style is known by its content.
  ...pageHeaders(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`),
  'cache-control': 'no-cache',
  vary: 'Accept',
};

/**
 * Serves pages to browsers. Where the schema is exposed, `/graphql` is GraphiQL and, with Redis, `/bulk` the page of bulk deletes. In
 * their place, one page says what runs here. A client that does not name `text/html` gets the API's own answers.
 */
export function createPages(config: Config, log: Log): ServePage {
  const { exposeSchema, shared, trustedDocuments } = config;
  const off = exposeSchema ? noRedis : trustedDocuments?.only ? onlyTrusted : hidden;
  const page = htmlPage('Engagements', `<style>${style}</style>`, bodyOf(off));
  const serveGraphiQL = exposeSchema ? createGraphiQL(config, log) : undefined;
  const serveBulkPage = exposeSchema && shared ? createBulkPage(config, log) : undefined;

  return (request, response) => {
    if (serveGraphiQL?.(request, response) || serveBulkPage?.(request, response)) return true;
    const [path] = (request.url ?? '').split('?', 1);
    if (!opensPage(request) || (path !== '/' && path !== '/bulk' && !isEndpoint(path))) return false;
    // Relative, for proxies that serve this server below a prefix.
    if (serveGraphiQL && path === '/') response.writeHead(302, { ...headers, location: 'graphql' }).end();
    else response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(page);
    return true;
  };
}
