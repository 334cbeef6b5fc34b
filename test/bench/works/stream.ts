import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../../support/listen.ts';
import { requestHeaders } from '../ask.ts';
import { startTarget } from '../targets/start-target.ts';
import { targets } from '../targets/targets.ts';

const megabyte = 1024 * 1024;

/** A body of a sixteenth comes first: V8 grows its young generation, as in any server that is in use. */
const warmUpShare = 1 / 16;

/** The cost of one streamed body. */
export interface StreamResult {
  readonly bodyBytes: number;
  /** How many bytes of it came out, decoded. */
  readonly deliveredBytes: number;
  /** How much the server's peak memory grew, in bytes. Undefined if it is unknown. */
  readonly grownBytes: number | undefined;
  /** How much of the body was read from upstream while the client slept. */
  readonly pulledAsleepBytes: number;
}

/** What is measured, for the report. */
export const streamWork = {
  name: 'stream',
  title: 'A body of 256 MB for a client that sleeps',
  equal: `One delete with format \`STREAM\` in parts, after one of 16 MB. The client reads the head, sleeps for 3 s, then reads
the rest.`,
  differs:
    'The facade alone: no other target streams a body through GraphQL. Its parts are base64, so the client reads a third more.',
} as const;

async function startBodies() {
  const state = { bodyBytes: 0, writtenBytes: 0 };
  const chunk = Buffer.alloc(64 * 1024, 'x');
  function* chunks() {
    for (state.writtenBytes = 0; state.writtenBytes < state.bodyBytes; state.writtenBytes += chunk.length) yield chunk;
  }
  const server = createServer((incoming, response) => {
    if (incoming.method !== 'DELETE') return void response.end('{"integration":{"name":"pipedrive"}}');
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': state.bodyBytes });
    return void pipeline(Readable.from(chunks()), response).catch(() => {});
  });
  return Object.assign(await listen(server), { state });
}

const query = `mutation { deleteEngagement(id: "e", integratedAccountId: "a", format: STREAM) {
  ... on DeleteEngagementSuccess { stream { chunks @stream } } } }`;

/** Needs no upstream, whose every answer here is a stream. */
const anyQuestion = { body: '{"query":"{ __typename }"}', answers: [{ data: { __typename: 'Query' } }] };

async function openStream(url: string): Promise<IncomingMessage> {
  const outgoing = request(url, { method: 'POST', headers: { ...requestHeaders, accept: 'multipart/mixed' } });
  outgoing.end(JSON.stringify({ query }));
  const [response] = await once(outgoing, 'response');
  return response;
}

/** Counts what the parts carry, without keeping them. */
async function countBytes(response: IncomingMessage): Promise<number> {
  let rest = '';
  let byteCount = 0;
  for await (const text of response.setEncoding('latin1')) {
    const parts = (rest + text).split('\r\n---');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      for (const [, item = ''] of part.matchAll(/"items":\["([^"]*)"\]/g))
        byteCount += Buffer.byteLength(item, 'base64');
    }
  }
  return byteCount;
}

/** Streams one body of that size through the facade. */
export async function measureStream({
  megabytes,
  sleepMs,
}: {
  readonly megabytes: number;
  /** How long the client sleeps once the answer has begun. */
  readonly sleepMs: number;
}): Promise<StreamResult> {
  const facade = targets.find(({ name }) => name === 'facade');
  if (!facade) throw new Error('there is no facade among the targets');
  await using bodies = await startBodies();
  const { state } = bodies;
  await using running = await startTarget(facade, bodies.url, { question: anyQuestion });
  state.bodyBytes = megabytes * warmUpShare * megabyte;
  await countBytes(await openStream(running.url));
  const idle = running.figures();
  state.bodyBytes = megabytes * megabyte;
  const response = await openStream(running.url);
  response.pause();
  await sleep(sleepMs);
  const pulledAsleepBytes = state.writtenBytes;
  const deliveredBytes = await countBytes(response);
  const after = running.figures();
  const grownBytes = idle && after && after.peakRssBytes - idle.peakRssBytes;
  return { bodyBytes: state.bodyBytes, deliveredBytes, grownBytes, pulledAsleepBytes };
}
