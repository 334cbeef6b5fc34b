import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Refusal, refusals, refuse } from './refuse.ts';

/** The largest request body, in bytes: enough for a long document with its variables. */
export const maxRequestBytes = 256 * 1024;

/** In how many small pieces a body may arrive. A slow line splits 256 KiB into some 200, and each costs as much as a short request. */
const maxPieces = 1_000;

/** A body whose pieces are this large on average, in bytes, may have more: a refused body of any size is skipped. */
const minPieceBytes = 256;

/** How many values a body may have: twice the longest list, the 5,000 ids of a bulk delete. */
const maxValues = 10_000;

const [comma, bracket, brace] = Buffer.from(',[{');

/** Why a body must not be parsed; undefined for one that may. In more values than any operation has, parsing alone costs too much. */
export function findBadBody(body: Buffer): Refusal | undefined {
  if (!isUtf8(body)) return refusals.notUtf8;
  if (body.length <= maxValues) return undefined;
  let count = 0;
  // Commas and opening brackets, also in strings. By index: an iterator takes four times as long.
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (byte === comma || byte === bracket || byte === brace) count += 1;
  }
  return count > maxValues ? refusals.tooManyValues : undefined;
}

/** True for a body in more pieces than any honest client sends. */
export function isInTooManyPieces(pieceCount: number, byteCount: number): boolean {
  return pieceCount > maxPieces && byteCount < pieceCount * minPieceBytes;
}

/** Calls back when a body arrives in more pieces than any honest client sends. Skipped bodies of refused requests count too. */
export function watchPieces(request: IncomingMessage, onTooMany: () => void): void {
  let [pieceCount, byteCount] = [0, 0];
  function count(chunk: Buffer): void {
    pieceCount += 1;
    byteCount += chunk.length;
    if (!isInTooManyPieces(pieceCount, byteCount)) return;
    request.off('data', count);
    onTooMany();
  }
  request.on('data', count);
}

/** Reads a body, and refuses a larger one. `onBytes` gets how many bytes are held. Returns how to give up the body: the rest is skipped. */
export function readRequestBody(
  request: IncomingMessage,
  response: ServerResponse,
  onBytes: (byteCount: number) => void,
  onEnd: (body: Buffer) => void,
): () => void {
  let chunks: Buffer[] | undefined = [];
  let byteCount = 0;
  function giveUp(): void {
    chunks = undefined;
    onBytes(0);
  }
  function refuseTooLarge(): void {
    giveUp();
    refuse(request, response, refusals.tooLarge);
  }
  request.on('data', (chunk: Buffer) => {
    if (!chunks) return;
    byteCount += chunk.length;
    if (byteCount > maxRequestBytes) return refuseTooLarge();
    chunks.push(chunk);
    onBytes(byteCount);
  });
  request.on('end', () => {
    if (chunks) onEnd(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
  });
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) refuseTooLarge();
  return giveUp;
}
