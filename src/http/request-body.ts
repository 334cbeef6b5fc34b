import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseNoUtf8, refuseTooLarge } from './refuse.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/**
 * Calls back when everything has been read that has come in by now. A socket's bytes and its end are read in two turns of
 * the event loop; an immediate is run at the end of its turn.
 */
function afterNextTurn(callback: () => void): void {
  setImmediate(() => setImmediate(callback));
}

/**
 * Reads a request's body as text, up to 256 KiB; a larger one is refused as soon as that is known, one that is no UTF-8 when it
 * is there, and `use` is not called. Nor is it for a client that has closed, reset or half-closed its connection.
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
    const { socket } = request;
    // A busy process reads a request long after it came, and only a turn later that its client has left. Begun before
    // that, it would delete what its caller, asking again under the same key, has been told is not deleted.
    afterNextTurn(() => {
      if (response.destroyed || socket.destroyed || socket.readableEnded) return void response.destroy();
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      if (isUtf8(bytes)) use(bytes.toString());
      else refuseNoUtf8(request, response);
    });
  });
}
