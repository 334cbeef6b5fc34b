import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { hugeBodies } from '../support/huge-bodies.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { type Answer, json, startUpstream } from '../support/upstream.ts';

const megabyte = 1024 * 1024;

async function post({ endpoint }: ServerProcess, query: string) {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer canary-of-a-caller' };
  const body = JSON.stringify({ query });
  for (;;) {
    const response = await fetch(endpoint, { method: 'POST', headers, body });
    if (response.status !== 503) return await response.json();
    // On a busy machine it takes itself for overloaded. Nothing was executed then.
    await response.text();
    await sleep(100);
  }
}

const remove = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a") {
  __typename ... on DeleteEngagementSuccess { engagement { id subject } } ... on Error { message } } }`;
const read = '{ engagement(id: "e1", integratedAccountId: "a") { id subject } }';

it.each(hugeBodies)(
  'S14 an upstream body beyond MAX_UPSTREAM_BYTES $way is given up, and memory grows by less than 20 MB',
  async ({ answer: huge }) => {
    // Warm: the code is compiled, and the heap is what it is in any server that is in use.
    let answer: Answer = json(200, { id: 'e1', subject: 'x'.repeat(300_000) });
    await using upstream = await startUpstream((...args) => answer(...args), 'capsule');
    const env = { TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' };
    await using server = await startServerProcess(env);
    for (let round = 0; round < 20; round += 1) for (const query of [remove, read]) await post(server, query);
    const warmBytes = await server.peakBytes();

    answer = huge();
    for (let round = 0; round < 5; round += 1) {
      const { data } = await post(server, remove);
      expect(data.deleteEngagement).toMatchObject({ __typename: 'OutcomeUnknownError' });
      const { errors } = await post(server, read);
      expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
    }
    const grownBytes = (await server.peakBytes()) - warmBytes;
    process.stdout.write(`10 bodies: peak memory grew by ${(grownBytes / megabyte).toFixed(1)} MB\n`);
    expect(grownBytes).toBeLessThan(20 * megabyte);
  },
);

/** A record of the largest size, of which each chunk has one byte. It is written as fast as it is read. */
const inSmallChunks: Answer = ({ path }, response) => {
  const record = Buffer.from(JSON.stringify({ id: path.split('/').at(-1), subject: 'x'.repeat(megabyte - 100) }));
  async function* chunks() {
    yield 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    for (let from = 0; from < record.length; from += 10_000)
      yield record.toString('latin1', from, from + 10_000).replace(/./g, '1\r\n$&\r\n');
    yield '0\r\n\r\n';
  }
  response.socket && pipeline(Readable.from(chunks()), response.socket, { end: false }).catch(() => {});
};

it('S14 an upstream body of MAX_UPSTREAM_BYTES in chunks of one byte takes less than 60 MB', async () => {
  let answer: Answer = json(200, { id: 'e1', subject: 'x'.repeat(megabyte - 100) });
  await using upstream = await startUpstream((...args) => answer(...args), 'capsule');
  const env = { TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' };
  await using server = await startServerProcess(env);
  const query = '{ engagement(id: "e1", integratedAccountId: "a") { subject } }';
  for (let round = 0; round < 5; round += 1) await post(server, query);
  const warmBytes = await server.peakBytes();

  answer = inSmallChunks;
  const { data } = await post(server, query);
  expect(data.engagement.subject).toHaveLength(megabyte - 100);
  expect((await server.peakBytes()) - warmBytes).toBeLessThan(60 * megabyte);
});
