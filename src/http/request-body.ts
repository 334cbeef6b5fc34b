import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseTooLarge } from './refuse.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/**
 * Reads a request's body as text, up to 256 KiB; a larger one is refused as soon as that is known, and `use` is not
 * called. Nor is it for a client that leaves before its end.
 */
export function readRequestBody(request: IncomingMessage, response: ServerResponse, use: (text: string) => void): void {
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) {
    refuseTooLarge(request, response);
    return;
  }
  const chunks: Buffer[] = [];
  let byteCount = 0;
  request.on('data', (chunk: Buffer) => {
    byteCount += chunk.length;
    if (byteCount <= maxRequestBytes) chunks.push(chunk);
    else if (!response.headersSent) refuseTooLarge(request, response);
  });
  request.on('end', () => {
    if (byteCount > maxRequestBytes) return;
    use((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString());
  });
}
