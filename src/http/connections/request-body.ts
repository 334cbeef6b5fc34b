import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseTooLarge } from './refuse.ts';

/** The largest request body, in bytes: a generous document with its variables. */
const maxRequestBytes = 256 * 1024;

/**
 * In how many small pieces a body may come. Over a slow line there are some 200 of 256 KiB; each costs as much as all that is
 * done with a short request.
 */
const maxPieces = 1_000;

/** Pieces as large as this on average, in bytes, may be more: a body that was refused is read past however large it is. */
const minPieceBytes = 256;

/** How many values a body may have: twice as many as the longest list, 5,000 ids of a bulk delete. */
const maxValues = 10_000;

const [comma, bracket, brace] = Buffer.from(',[{');

/**
 * True for a body with more values than any operation has, counted by its commas and opening brackets, in texts too: to parse
 * so many would cost more than to do what they could say.
 */
export function hasTooManyValues(body: Buffer): boolean {
  if (body.length <= maxValues) return false;
  let count = 0;
  // By index: an iterator takes four times as long.
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (byte === comma || byte === bracket || byte === brace) count += 1;
  }
  return count > maxValues;
}

/** Called as a body arrives. */
export interface BodyReader {
  /** How many bytes are held of it by now. */
  onBytes(byteCount: number): void;
  /** All of it is there. */
  onEnd(body: Buffer): void;
}

/**
 * Hears when a body comes in more pieces than any honest client's, whether it is read or read past: that of a request that was
 * refused too.
 */
export function watchPieces(request: IncomingMessage, onTooMany: () => void): void {
  let pieceCount = 0;
  let byteCount = 0;
  function count(chunk: Buffer): void {
    pieceCount += 1;
    byteCount += chunk.length;
    if (pieceCount <= maxPieces || byteCount >= pieceCount * minPieceBytes) return;
    request.off('data', count);
    onTooMany();
  }
  request.on('data', count);
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
