import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseTooLarge } from './refuse.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/** Who hears of a body. */
export interface BodyReader {
  /** How many bytes are held of it by now. */
  onBytes(byteCount: number): void;
  /** All of it is there. */
  onEnd(body: Buffer): void;
}

/**
 * Reads a request's body, up to 256 KiB; a larger one is refused as soon as that is known, and has no end.
 * @returns what gives up the body: it is read past from then on.
 */
export function readRequestBody(
  request: IncomingMessage,
  response: ServerResponse,
  { onBytes, onEnd }: BodyReader,
): () => void {
  let chunks: Buffer[] | undefined = [];
  let byteCount = 0;
  const giveUp = () => {
    chunks = undefined;
    onBytes(0);
  };
  const refuse = () => {
    giveUp();
    refuseTooLarge(request, response);
  };
  request.on('data', (chunk: Buffer) => {
    if (!chunks) return;
    byteCount += chunk.length;
    if (byteCount > maxRequestBytes) return refuse();
    chunks.push(chunk);
    onBytes(byteCount);
  });
  request.on('end', () => {
    if (chunks) onEnd(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
  });
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) refuse();
  return giveUp;
}
