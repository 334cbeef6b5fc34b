import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, gzipSync } from 'node:zlib';
import type { Answer } from './upstream.ts';

const megabyte = 1024 * 1024;

/** The size of the announced or inflated bodies. */
const hugeBytes = 50 * megabyte;

/** A record whose end is megabytes away, so that it looks like JSON all the time. */
function* endlessRecord(): Generator<Buffer> {
  yield Buffer.from('{"id":"e1","subject":"');
  for (const chunk = Buffer.alloc(64 * 1024, 'x'); ; ) yield chunk;
}

/** The same record, complete, in some 50 kB. */
const bomb = gzipSync(
  Buffer.concat([Buffer.from('{"id":"e1","subject":"'), Buffer.alloc(hugeBytes, 'x'), Buffer.from('"}')]),
  {
    level: constants.Z_BEST_COMPRESSION,
  },
);

/** Writes only as fast as the reader reads, and stops when it disconnects. */
function pour(headers: Record<string, string | number>, statusCode: number): Answer {
  return (_request, response) => {
    response.writeHead(statusCode, { 'content-type': 'application/json', ...headers });
    pipeline(Readable.from(endlessRecord()), response).catch(() => {});
  };
}

/** The ways to answer more than `MAX_UPSTREAM_BYTES`, each with the number of attempts of a delete. */
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
    way: 'that is small until it is inflated',
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
