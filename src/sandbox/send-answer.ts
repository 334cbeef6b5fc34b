import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Answer, PlainAnswer } from './answer.ts';

const jsonType = 'application/json; charset=utf-8';
const pieceBytes = 64 * 1024;
/** Small, so that even a short provider answer arrives as several chunks. */
const streamPieceCharacters = 16;

/** Sends the answer, after `delayMs`. Settles when it is sent, or when the client is gone; never rejects for the latter. */
export async function sendAnswer(response: ServerResponse, answer: Answer, delayMs = 0): Promise<void> {
  if (delayMs > 0 && !(await wait(response, delayMs))) {
    return;
  }
  switch (answer.kind) {
    case 'plain':
      return sendPlain(response, answer);
    case 'huge':
      return sendHuge(response, answer);
    case 'reset':
      response.req.socket.resetAndDestroy();
      return;
    case 'stranger':
      response.writeHead(answer.statusCode, { 'content-type': answer.contentType }).end(answer.text);
      return;
    case 'continue':
      response.writeContinue();
      return sendPlain(response, answer.answer);
    case 'cut':
      sendHalf(response, answer.answer);
      return;
    case 'late':
      if (await wait(response, answer.delayMs)) {
        return sendPlain(response, answer.answer);
      }
  }
}

async function sendPlain(response: ServerResponse, answer: PlainAnswer): Promise<void> {
  if (answer.body === undefined) {
    response.writeHead(answer.status, { ...answer.headers, ...(answer.status !== 204 && { 'content-length': '0' }) });
    response.end();
    return;
  }
  const text = JSON.stringify(answer.body);
  if (answer.isChunked) {
    response.writeHead(answer.status, { ...answer.headers, 'content-type': jsonType });
    return sendPieces(response, piecesOf(text));
  }
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-type': jsonType,
    'content-length': String(Buffer.byteLength(text)),
  });
  response.end(text);
}

/** The filler is made while the client reads: its memory costs the client, not the sandbox. */
async function sendHuge(response: ServerResponse, answer: Extract<Answer, { kind: 'huge' }>): Promise<void> {
  const start = `{"id":${JSON.stringify(answer.id)},"content":"`;
  const end = '"}';
  const length = Buffer.byteLength(start) + answer.sizeBytes + end.length;
  response.writeHead(200, {
    'content-type': jsonType,
    ...(!answer.isChunked && { 'content-length': String(length) }),
  });
  return sendPieces(response, hugePieces(start, answer.sizeBytes, end));
}

function* hugePieces(start: string, sizeBytes: number, end: string): Generator<Buffer> {
  yield Buffer.from(start);
  const filler = Buffer.alloc(pieceBytes, 'x');
  for (let sent = 0; sent < sizeBytes; sent += pieceBytes) {
    yield filler.subarray(0, Math.min(pieceBytes, sizeBytes - sent));
  }
  yield Buffer.from(end);
}

function* piecesOf(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += streamPieceCharacters) {
    yield bytes.subarray(start, start + streamPieceCharacters);
  }
}

async function sendPieces(response: ServerResponse, pieces: Iterable<Buffer>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), response);
  } catch {
    // The client left in the middle: nobody to tell.
    response.destroy();
  }
}

function sendHalf(response: ServerResponse, answer: PlainAnswer): void {
  const text = JSON.stringify(answer.body ?? { id: 'cut' });
  response.writeHead(answer.body === undefined ? 200 : answer.status, {
    ...answer.headers,
    'content-type': jsonType,
    'content-length': String(Buffer.byteLength(text)),
  });
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
