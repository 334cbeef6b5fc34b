import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

/** A file of a page, ready to send. */
export interface PageFile {
  readonly type: string;
  /** The hash of its content. */
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly gzipped: Uint8Array;
}

/** A page's files by their names; the page itself is `page`. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Answers a request for a page. False: the request is for something else. */
export type ServePage = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Makes a file ready to send. */
export function createFile(type: string, content: string | Uint8Array): PageFile {
  const bytes = Buffer.from(content);
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
  return { type, hash, bytes, gzipped: gzipSync(bytes) };
}

/** The address of a file, relative to its page: a proxy may forward only the page's own path. */
export const assetAddress = (name: string, { hash }: PageFile): string => `?asset=${name}&v=${hash}`;

/** True for GET, and for HEAD, whose body Node leaves out. */
export const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

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
 * The name of the requested file: the page for a client that accepts HTML.
 * @returns undefined when the request is for something else.
 */
export function requestedFile(
  request: IncomingMessage,
  isPath: (path: string | undefined) => boolean,
): string | undefined {
  const [path, query] = (request.url ?? '').split('?', 2);
  if (!isRead(request) || !isPath(path)) return undefined;
  return new URLSearchParams(query).get('asset') ?? (acceptsPage(request) ? 'page' : undefined);
}

/** Sends one of the files, or 404. A file that is named by its content is cached for good; the page is revalidated. */
export function sendFile(
  files: PageFiles,
  name: string,
  policy: Readonly<Record<string, string>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const file = files.get(name);
  if (!file) return void response.writeHead(404, policy).end();
  const { type, hash, bytes, gzipped } = file;
  const isNamedByContent = name !== 'page' && request.url?.endsWith(`&v=${hash}`);
  const headers = {
    ...policy,
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
