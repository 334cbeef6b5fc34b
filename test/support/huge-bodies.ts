import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, gzipSync } from 'node:zlib';
import type { Answer } from './upstream.ts';

const megabyte = 1024 * 1024;

/** What the bodies come to that are announced, or inflated. */
const hugeBytes = 50 * megabyte;

/** A record whose end is megabytes away: whoever reads on hopes for JSON. */
function* endlessRecord(): Generator<Buffer> {
  yield Buffer.from('{"id":"e1","subject":"');
  for (const chunk = Buffer.alloc(64 * 1024, 'x'); ; ) yield chunk;
}

/** The same record, whole, in some 50 kB. */
const bomb = gzipSync(
  Buffer.concat([Buffer.from('{"id":"e1","subject":"'), Buffer.alloc(hugeBytes, 'x'), Buffer.from('"}')]),
  {
    level: constants.Z_BEST_COMPRESSION,
  },
);

/** Writes only as fast as the reader takes it, and stops when that leaves. */
function pour(headers: Record<string, string | number>, statusCode: number): Answer {
  return (_request, response) => {
    response.writeHead(statusCode, { 'content-type': 'application/json', ...headers });
    pipeline(Readable.from(endlessRecord()), response).catch(() => {});
  };
}

/** The ways to answer more than `MAX_UPSTREAM_BYTES`, each with how often a delete is attempted then. */
export const hugeBodies: readonly {
  readonly way: string;
  readonly attempts: number;
  readonly answer: (statusCode?: number) => Answer;
}[] = [
  {
    way: 'that says how large it is',
    attempts: 2,
    answer: (statusCode = 200) => pour({ 'content-length': hugeBytes }, statusCode),
  },
  {
    way: 'in chunks without end',
    attempts: 2,
    answer: (statusCode = 200) => pour({}, statusCode),
  },
  {
    way: 'that is small until somebody inflates it',
    attempts: 1,
    answer:
      (statusCode = 200) =>
      (_request, response) =>
        response
          .writeHead(statusCode, {
            'content-type': 'application/json',
            'content-encoding': 'gzip',
            'content-length': bomb.length,
          })
          .end(bomb),
  },
];
