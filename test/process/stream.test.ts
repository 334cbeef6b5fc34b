import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { type Answer, startUpstream } from '../support/upstream.ts';

const megabyte = 1024 * 1024;

/** An upstream body of the given size, written only as fast as it is read; counts what has been taken. */
function bigBody(totalBytes: number) {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const state = { writtenBytes: 0, closedEarly: false };
  function* chunks() {
    for (state.writtenBytes = 0; state.writtenBytes < totalBytes; state.writtenBytes += chunk.length) yield chunk;
  }
  const answer: Answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': totalBytes });
    pipeline(Readable.from(chunks()), response).catch(() => {
      state.closedEarly = true;
    });
  };
  return { answer, state };
}

function openStream(endpoint: string, id: string): ClientRequest {
  const query = `mutation { deleteEngagement(id: "${id}", integratedAccountId: "a", format: STREAM) {
    __typename ... on DeleteEngagementSuccess { stream { contentLength chunks @stream } } } }`;
  const headers = {
    'content-type': 'application/json',
    accept: 'multipart/mixed',
    authorization: 'Bearer canary-of-a-caller',
  };
  const outgoing = request(endpoint, { method: 'POST', headers });
  outgoing.end(JSON.stringify({ query }));
  return outgoing;
}

async function postStream(endpoint: string, id: string): Promise<IncomingMessage> {
  const outgoing = openStream(endpoint, id);
  const [response] = await once(outgoing, 'response');
  return response as IncomingMessage;
}

const dataBytes = (part: string) =>
  part
    .match(/"items":\["([^"]*)"\]/g)
    ?.reduce((sum, item) => sum + Buffer.from(item.slice(10, -2), 'base64').length, 0) ?? 0;

/** Reads to the end and counts the decoded bytes, part by part, so that the test itself keeps nothing. */
async function countBytes(response: IncomingMessage): Promise<{ bytes: number; end: string }> {
  let rest = '';
  let bytes = 0;
  for await (const text of response.setEncoding('latin1')) {
    const parts = (rest + text).split('\r\n---');
    rest = parts.pop() ?? '';
    for (const part of parts) bytes += dataBytes(part);
    if (parts.length > 0) rest = (parts.at(-1)?.includes('"hasNext":false') ? parts.at(-1) : '') + rest;
  }
  return { bytes, end: rest };
}

/** Settles when no more has come while the server answered a hundred other requests: what it can take, it has taken. */
async function nothingFlows(endpoint: string, countBytes: () => number): Promise<void> {
  for (let before = -1; before !== countBytes(); ) {
    before = countBytes();
    for (let count = 0; count < 100; count += 1) await fetch(new URL('/health', endpoint));
  }
}

const start = (upstreamUrl: string): Promise<ServerProcess> =>
  startServerProcess({ TRUTO_BASE_URL: upstreamUrl, AUTH_MODE: 'passthrough' });

describe('a streamed delete', () => {
  it('passes 256 MB on to a client that sleeps, and keeps less than 96 MB of it in memory', async () => {
    // Warm: V8 has grown its young generation and compiled what is hot, as in any server that is in use.
    let body = bigBody(16 * megabyte);
    await using upstream = await startUpstream((...args) => body.answer(...args));
    await using server = await start(upstream.url);
    await countBytes(await postStream(server.endpoint, 'warm-up'));
    const idleBytes = await server.peakBytes();

    body = bigBody(256 * megabyte);
    const response = await postStream(server.endpoint, 'big');
    response.pause();
    await nothingFlows(server.endpoint, () => body.state.writtenBytes);
    expect(body.state.writtenBytes).toBeLessThan(32 * megabyte);

    const { bytes, end } = await countBytes(response);
    expect(bytes).toBe(256 * megabyte);
    expect(end).toContain('"hasNext":false');
    const grownBytes = (await server.peakBytes()) - idleBytes;
    process.stdout.write(`256 MB streamed: peak memory grew by ${Math.round(grownBytes / megabyte)} MB\n`);
    expect(grownBytes).toBeLessThan(96 * megabyte);
    expect(server.output()).not.toMatch(/MaxListenersExceeded|leak/i);
    expect(upstream.deletes()).toHaveLength(2);
  }, 120_000);

  it("closes upstream's body when the client disconnects, and continues to serve", async () => {
    const body = bigBody(256 * megabyte);
    await using upstream = await startUpstream(body.answer);
    await using server = await start(upstream.url);
    for (let round = 0; round < 12; round += 1) {
      body.state.closedEarly = false;
      const closed = new Promise((resolve) => upstream.onDelete((response) => response.on('close', resolve)));
      const response = await postStream(server.endpoint, String(round));
      await once(response, 'data');
      response.destroy();
      await closed;
      await expect.poll(() => body.state.closedEarly).toBe(true);
    }
    expect(server.output()).not.toMatch(/MaxListenersExceeded|Unhandled|uncaught/i);
    const alive = await fetch(new URL('/health', server.endpoint));
    expect(alive.status).toBe(200);
  }, 120_000);

  it("closes upstream's body also when the client left before it began", async () => {
    const body = bigBody(256 * megabyte);
    const begin = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (...args) => {
      await begin.promise;
      body.answer(...args);
    });
    await using server = await start(upstream.url);
    const closed = new Promise((resolve) => upstream.onDelete((response) => response.on('close', resolve)));
    const outgoing = openStream(server.endpoint, 'early');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    outgoing.on('error', () => {});
    outgoing.destroy();
    // The facade learns of it from the socket; its next answer proves that it has had the time to.
    await fetch(new URL('/health', server.endpoint));
    begin.resolve();
    await closed;
    await expect.poll(() => body.state.closedEarly).toBe(true);
  }, 60_000);
});
