import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CapturedRun, folderVariable, keepCaptured, keepSecrets, startCapturedRun } from './support/captured.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { collect, postForParts, streamedDelete } from './support/parts.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { startServerProcess } from './support/server-process.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** A run within the run: what is planted here must not fail the outer one. */
let run: CapturedRun;
const outer = process.env[folderVariable];
beforeEach(() => {
  run = startCapturedRun();
});
afterEach(() => {
  run.clear();
  process.env[folderVariable] = outer;
});

const token = 'canary-of-a-caller';
const read = '{ engagement(id: "e1", integratedAccountId: "a") { subject } }';
const init = {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  body: JSON.stringify({ query: read }),
};

/** An upstream that answers with the request's `Authorization` header. */
const echo: Answer = (request, response) =>
  json(200, { id: 'e1', subject: request.headers.authorization })(request, response);

describe('S01 the end of a test run', () => {
  it('begins with an empty folder, and finds what one server knows in what another said', () => {
    expect(run.search()).toEqual([]);
    expect(readdirSync(String(process.env[folderVariable]))).toEqual([]);
    keepSecrets(['canary-of-the-server', 'canary-of-nobody']);
    keepCaptured('nothing');
    expect(run.search()).toEqual([]);
    keepCaptured(`a line with ${Buffer.from('Bearer canary-of-the-server').toString('base64')}`);
    expect(run.search()).toEqual([expect.stringContaining('canary-of-the-server shows in base64')]);
  });

  it("searches a facade's answers and log for its own secrets and those of others", async () => {
    await using upstream = await startUpstream(json(200, { id: 'e1', subject: 'Hello, this is a caller' }));
    const facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    expect(await (await fetch(`${facade.url}/graphql`, init)).text()).toContain('a caller');
    await facade[Symbol.asyncDispose]();
    expect(run.search()).toEqual([]);
    keepSecrets(['this is a caller']);
    expect(run.search()).toEqual([expect.stringContaining('shows plain')]);
  });
});

it.each<[string, (facade: TestFacade) => Promise<unknown>]>([
  ['fetch', async ({ url }) => (await fetch(`${url}/graphql`, init)).text()],
  [
    'a bare socket',
    async ({ url }) => {
      using client = await connectRaw(url);
      const headers = [
        ...Object.entries(init.headers).map(([name, value]) => `${name}: ${value}`),
        ...[`content-length: ${init.body.length}`, 'connection: close'],
      ];
      client.send(requestHead('POST', '/graphql', headers) + init.body);
      await client.closed;
    },
  ],
  [
    'a reader of parts',
    async (facade) => collect(await postForParts(facade, `mutation { ${streamedDelete('chunks @stream')} }`)),
  ],
])('S01 a test facade fails at its end when it tells a token to %s', async (client, send) => {
  await using upstream = await startUpstream(echo);
  // A reader of parts sends no token: there it is the sandbox's own that shows.
  const env: Record<string, string> = client === 'a reader of parts' ? {} : { AUTH_MODE: 'passthrough' };
  const facade = await startTestFacade(upstream.url, env);
  await send(facade);
  await expect(facade[Symbol.asyncDispose]()).rejects.toThrow('shows');
});

it("S01 a server process fails at its end when an answer of it holds a caller's token, even if it is killed", async () => {
  await using upstream = await startUpstream(echo);
  const server = await startServerProcess({ TRUTO_BASE_URL: upstream.url, AUTH_MODE: 'passthrough' });
  const ended = expect(server.exited).rejects.toThrow(token);
  await expect.poll(async () => (await fetch(server.endpoint, init)).text()).toContain(token);
  server.signal('SIGKILL');
  await ended;
  expect(run.search()).not.toEqual([]);
});
