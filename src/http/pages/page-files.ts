import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Log } from '../../log/log.ts';

/** A file of a page, ready to send. `hash` is that of its content. */
type PageFile = Readonly<Record<'type' | 'hash', string> & Record<'bytes' | 'gzipped', Uint8Array>>;

/** A page's files by their names; the page itself is `page`. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Answers a request for a page. False: the request is for something else. */
export type ServePage = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The files of a page, as they are added. */
export class FileSet extends Map<string, PageFile> {
  /** Adds a file. Returns its address, relative to its page: a proxy may forward only the page's own path. */
  addFile(name: string, type: string, content: string | Uint8Array): string {
    const bytes = Buffer.from(content);
    const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
    this.set(name, { type, hash, bytes, gzipped: gzipSync(bytes) });
    return `?asset=${name}&v=${hash}`;
  }

  /** Adds the page itself. @param body its body, with the element. */
  addPage(title: string, icon: string, style: string, body: string): void {
    const head = `<link rel="icon" href="${icon}" />\n    <link rel="stylesheet" href="${style}" />`;
    this.addFile('page', 'text/html; charset=utf-8', htmlPage(title, head, body).replaceAll('&v=', '&amp;v='));
  }
}

/** The HTML of a page. @param head further elements of its head. @param body its body, with the element. */
export const htmlPage = (title: string, head: string, body: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title}</title>
    ${head}
  </head>
  ${body}
</html>
`;

/** True for a browser that opens an address, by GET, or by HEAD, whose body Node leaves out. Clients of the API do not name HTML. */
export const opensPage = (request: IncomingMessage): boolean =>
  isRead(request) && (request.headers.accept?.includes('text/html') ?? false);

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

/** The headers of a page. No other page may have it in a frame. @param policy what it may load: nothing else. */
export const pageHeaders = (policy: string): Readonly<Record<string, string>> => ({
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': `default-src 'none'; ${policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
});

/** Sends one of the files, or 404. A file that is named by its content is cached for good; the page is revalidated. */
function sendFile(
  files: PageFiles,
  name: string,
  ownHeaders: Readonly<Record<string, string>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const file = files.get(name);
  if (!file) return void response.writeHead(404, ownHeaders).end();
  const { type, hash, bytes, gzipped } = file;
  const isNamedByContent = name !== 'page' && request.url?.endsWith(`&v=${hash}`);
  const headers = {
    ...ownHeaders,
    'cache-control': isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: `W/"${hash}"`,
    vary: 'Accept, Accept-Encoding',
  };
  if (request.headers['if-none-match']?.includes(`"${hash}"`)) return void response.writeHead(304, headers).end();
  // With `q=0`, the client refuses it (RFC 9110 section 12.4.2).
  const isGzipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(request.headers['accept-encoding']));
  if (isGzipped) response.setHeader('content-encoding', 'gzip');
  const body = isGzipped ? gzipped : bytes;
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': body.length }).end(body);
}

/** How a page is served. */
interface ServedPage {
  readonly isPath: (path: string | undefined) => boolean;
  /** Builds its files, at the first request. After a failure, the next request builds them again. */
  readonly build: () => Promise<PageFiles>;
  readonly headers: Readonly<Record<string, string>>;
  /** The log line for a build that fails. */
  readonly failure: string;
}

/** Serves a page to clients that accept HTML, and its files, all of them at the page's own path. */
export function servePage({ isPath, build, headers, failure }: ServedPage, log: Log): ServePage {
  let built: Promise<PageFiles> | undefined;
  return (request, response) => {
    const [path, query] = (request.url ?? '').split('?', 2);
    const asset = isRead(request) && isPath(path) ? new URLSearchParams(query).get('asset') : undefined;
    const name = asset === null && opensPage(request) ? 'page' : asset;
    if (typeof name !== 'string') return false;
    built ??= build();
    built
      .then((files) => sendFile(files, name, headers, request, response))
      .catch((error) => {
        built = undefined;
        log.error({ err: error }, failure);
        if (response.headersSent) response.destroy();
        else response.writeHead(500, headers).end();
      });
    return true;
  };
}
