import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { mutation, truto } from './support/outcome.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { json, startUpstream } from './support/upstream.ts';

const body = JSON.stringify({ query: mutation });
const request = requestHead('POST', '/graphql', [
  'content-type: application/json',
  `content-length: ${Buffer.byteLength(body)}`,
]);

/** A facade whose upstream answers deletes only after `release()`. */
async function startHeld() {
  const released = Promise.withResolvers<void>();
  const upstream = await startUpstream(async (seen, response) => {
    await released.promise;
    json(204, undefined)(seen, response);
  });
  const facade = await startTestFacade(upstream.url);
  return { upstream, facade, release: () => released.resolve() };
}

describe('a delete in flight returns its outcome', () => {
  it.each([
    ['a body that is longer than it said', '}'],
    ['something that is no HTTP', 'XX\r\n\r\n'],
  ])('although %s follows, at once or later', async (_what, rest) => {
    for (const isAtOnce of [true, false]) {
      const { upstream, facade, release } = await startHeld();
      using client = await connectRaw(facade.url);
      client.send(isAtOnce ? request + body + rest : request + body);
      await expect.poll(() => upstream.deletes().length).toBe(1);
      if (!isAtOnce) client.send(rest);
      // By the time that another request is answered, what followed has been read.
      await facade.post('{ __typename }');
      release();
      await client.closed;
      expect(client.received()).toMatch(/^HTTP\/1\.1 200 /);
      expect(client.received()).toContain('DELETED');
      expect(client.received()).not.toMatch(/HTTP\/1\.1 4/);
      await facade[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    }
  });

  it('R11 R12 or is logged, when its client disconnected and the server drains between two attempts', async () => {
    await using upstream = await startUpstream(truto(429, {}, { 'retry-after': '1' }));
    const answered = new Promise((resolve) => upstream.onDelete((response) => response.once('finish', resolve)));
    const facade = await startTestFacade(upstream.url);
    const client = await connectRaw(facade.url);
    client.send(request + body);
    await answered;
    // By the time that this is answered, the 429 has been read.
    await facade.post('{ __typename }');
    client.socket.destroy();
    await once(client.socket, 'close');
    await facade[Symbol.asyncDispose]();
    expect(facade.logged()).toMatch(/"attempts":[01],.*"msg":"delete"/);
  });
});
