import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { jsonLines } from './support/json-lines.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

/** An error in our own code that every delete runs into. Only the log may have its message and stack. */
const planted = 'planted: canary at https://internal.example';

let upstream: FakeUpstream;
let facade: TestFacade;
beforeEach(async () => {
  upstream = await startUpstream(json(204, undefined), 'capsule');
  facade = await startTestFacade(upstream.url, {}, (log) => {
    log.info = () => {
      throw new TypeError(planted);
    };
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await facade[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

it.each(['production', 'development', 'test'])(
  'S11 an unexpected error shows nothing of itself with NODE_ENV=%s, and is logged whole',
  async (environment) => {
    vi.stubEnv('NODE_ENV', environment);
    // Again, when the server knows the document.
    for (let round = 0; round < 2; round += 1) {
      const { body } = await facade.post(
        'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }',
      );
      expect(body).toEqual({
        data: { deleteEngagement: null },
        errors: [
          {
            message: 'Unexpected error.',
            path: ['deleteEngagement'],
            locations: expect.anything(),
            extensions: { code: 'INTERNAL_SERVER_ERROR' },
          },
        ],
      });
    }
    const entries = jsonLines(facade.logged());
    expect(entries.map(({ err }) => err.stack)).toEqual([
      expect.stringContaining(planted),
      expect.stringContaining(planted),
    ]);
  },
);

it.each(['<!', 'a:99999', '[', 'a b', '%', 'a/b', 'a?b', 'a#b', 'a@b'])(
  'S11 an invalid Host header (%s) is refused without a stack',
  async (host) => {
    for (const [method, path] of [
      ['POST', '/graphql'],
      ['GET', '/ready'],
    ]) {
      const outgoing = request(facade.url + path, { method, agent: false, headers: { host } });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      const body = await text(response);
      expect(body).not.toMatch(/stack|Error|node_modules|\.js|\.ts/);
      expect(JSON.parse(body).errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
      expect(response.statusCode).toBe(400);
    }
  },
);

it.each(['canary', '{"query":"canary', '{"query":"{__typename}","canary"}', '"canary', '[canary]'])(
  'S11 an invalid JSON body (%s) is refused with a code, without any part of it',
  async (body) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body });
    const answer = await response.text();
    expect(response.status).toBe(400);
    expect(JSON.parse(answer)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    expect(answer).not.toMatch(/canary|token|JSON at|position|originalError/i);
  },
);
