import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import { acceptsPage, createGraphiQL, isEndpoint, isRead, pageHeaders } from './graphiql.ts';

/** Answers a request for a page. False: the request is for something else. */
export type ServePage = (request: IncomingMessage, response: ServerResponse) => boolean;

const style = `
:root { color-scheme: light dark; }
body { max-width: 40rem; margin: 4rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
`;

const hidden = `The server does not expose its schema: GraphiQL and introspection are off. To turn them on, start the server with
      <code>EXPOSE_SCHEMA=1</code>.`;

const onlyTrusted = `The server executes only trusted documents, which clients name by their ids. It does not expose its schema.`;

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
 * Serves pages to browsers at `/` and `/graphql`: GraphiQL where the schema is exposed, else one page that says what runs here.
 * A client that does not name `text/html` gets the API's own answers.
 */
export function createPages(config: Config, log: Log): ServePage {
  const page = buildPage(config.trustedDocuments?.only ? onlyTrusted : hidden);
  const serveGraphiQL = config.exposeSchema ? createGraphiQL(config, log) : undefined;

  return (request, response) => {
    if (serveGraphiQL?.(request, response)) return true;
    const [path] = (request.url ?? '').split('?', 1);
    if (!isRead(request) || !acceptsPage(request) || (path !== '/' && !isEndpoint(path))) return false;
    // Relative, for proxies that serve this server below a prefix.
    if (serveGraphiQL) response.writeHead(302, { ...headers, location: 'graphql' }).end();
    else response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(page);
    return true;
  };
}
