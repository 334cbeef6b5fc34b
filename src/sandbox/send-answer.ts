import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Answer, HugeAnswer, PlainAnswer } from './answer.ts';

const json = { 'content-type': 'application/json; charset=utf-8' };
const pieceBytes = 64 * 1024;
/** Small, so that even a short provider answer arrives as several chunks. */
const streamPieceBytes = 16;

/** Sends the answer, after `delayMs`. Settles when it is sent, or when the client is gone; never rejects for the latter. */
export async function sendAnswer(response: ServerResponse, answer: Answer, delayMs = 0): Promise<void> {
  if (delayMs > 0 && !(await wait(response, delayMs))) return;
  switch (answer.kind) {
    case 'plain':
      return sendPlain(response, answer);
    case 'stranger':
      response.writeHead(answer.statusCode, { 'content-type': answer.contentType }).end(answer.text);
      return;
    case 'huge':
      return sendHuge(response, answer);
    case 'reset':
      response.req.socket.resetAndDestroy();
  }
}

async function sendPlain(response: ServerResponse, answer: PlainAnswer): Promise<void> {
  const { status, headers, body, isChunked, damage, delayMs } = answer;
  if (delayMs !== undefined && !(await wait(response, delayMs))) return;
  if (damage === 'cut') return sendHalf(response, answer);
  if (damage === 'continue') response.writeContinue();
  if (body === undefined) {
    response.writeHead(status, { ...headers, ...(status !== 204 && { 'content-length': '0' }) }).end();
    return;
  }
  const text = JSON.stringify(body);
  if (isChunked) {
    response.writeHead(status, { ...headers, ...json });
    return sendPieces(response, cut(Buffer.from(text)));
  }
  response.writeHead(status, { ...headers, ...json, 'content-length': String(Buffer.byteLength(text)) }).end(text);
}

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += streamPieceBytes) {
    yield bytes.subarray(start, start + streamPieceBytes);
  }
}

/** The filler is made while the client reads: its memory costs the client, not the sandbox. */
async function sendHuge(response: ServerResponse, { id, sizeBytes, isChunked }: HugeAnswer): Promise<void> {
  const start = Buffer.from(`{"id":${JSON.stringify(id)},"content":"`);
  const end = Buffer.from('"}');
  const length = String(start.length + sizeBytes + end.length);
  response.writeHead(200, { ...json, ...(!isChunked && { 'content-length': length }) });
  return sendPieces(response, fill(start, sizeBytes, end));
}

function* fill(start: Buffer, sizeBytes: number, end: Buffer): Generator<Buffer> {
  yield start;
  const filler = Buffer.alloc(pieceBytes, 'x');
  for (let sent = 0; sent < sizeBytes; sent += pieceBytes) {
    yield filler.subarray(0, Math.min(pieceBytes, sizeBytes - sent));
  }
  yield end;
}

async function sendPieces(response: ServerResponse, pieces: Iterable<Buffer>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), response);
  } catch {
    response.destroy(); // the client left in the middle
  }
}

function sendHalf(response: ServerResponse, { status, headers, body }: PlainAnswer): void {
  const text = JSON.stringify(body ?? { id: 'cut' });
  const length = String(Buffer.byteLength(text));
  response.writeHead(body === undefined ? 200 : status, { ...headers, ...json, 'content-length': length });
  // The reset waits until the half is handed to the system, or the client would not see it at all.
  response.write(text.slice(0, text.length / 2), () => response.req.socket.destroy());
}

/** Resolves to true after the delay, to false when the connection ends before. */
function wait(response: ServerResponse, delayMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), delayMs);
    response.once('close', () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
