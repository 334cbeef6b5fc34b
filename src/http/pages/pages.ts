import { createHash } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import { createBulkPage } from './bulk-page.ts';
import { createGraphiQL, isEndpoint } from './graphiql.ts';
import { acceptsPage, isRead, pageHeaders, type ServePage } from './page-files.ts';

const style = `
:root { color-scheme: light dark; }
body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
`;

const hidden = `The server does not expose its schema: GraphiQL, the page of bulk deletes and introspection are off. To turn them on,
      start the server with <code>EXPOSE_SCHEMA=1</code>. The page of bulk deletes needs <code>REDIS_URL</code> too.`;

const onlyTrusted = `The server executes only trusted documents, which clients name by their ids. It does not expose its schema.`;

const noRedis = `The page of bulk deletes is off, because the server has no Redis. To turn it on, start the server with
      <code>REDIS_URL</code>. <a href="graphql">GraphiQL</a> works without Redis.`;

const buildPage = (access: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Engagements</title>
    <style>${style}</style>
  </head>
  <body>
    <h1>Engagements over GraphQL</h1>
    <p>
      This server reads and deletes the engagements of CRMs: calls, chats, emails, meetings and notes. It uses Truto's Unified CRM
      API. Send an operation by <code>POST</code> to <code>/graphql</code>, as JSON, with
      <code>Content-Type: application/json</code>.
    </p>
    <p>
      ${access} Its package has the schema in <code>schema/schema.graphql</code>.
    </p>
    <ul>
      <li><a href="https://truto.one/docs/api-reference/unified-crm-api/engagements/delete/">Engagements in Truto's API</a></li>
      <li><a href="https://graphql.org/learn/serving-over-http/">GraphQL over HTTP</a></li>
    </ul>
  </body>
</html>
`;

const headers = {
  ...pageHeaders,
  // Nothing is loaded, and nothing runs. The one style is known by its content.
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
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
  const page = buildPage(off);
  const serveGraphiQL = exposeSchema ? createGraphiQL(config, log) : undefined;
  const serveBulkPage = exposeSchema && shared ? createBulkPage(config, log) : undefined;

  return (request, response) => {
    if (serveGraphiQL?.(request, response) || serveBulkPage?.(request, response)) return true;
    const [path] = (request.url ?? '').split('?', 1);
    const isPage = path === '/' || path === '/bulk' || isEndpoint(path);
    if (!isRead(request) || !acceptsPage(request) || !isPage) return false;
    // Relative, for proxies that serve this server below a prefix.
    if (serveGraphiQL && path === '/') response.writeHead(302, { ...headers, location: 'graphql' }).end();
    else response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(page);
    return true;
  };
}
