import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { GraphQLSchema } from 'graphql';
import { createSchema, mergeSchemas } from 'graphql-yoga';
import { meros } from 'meros/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEngagementSchema, createEngagementServer, type EngagementServer } from '../../src/library.ts';
import { sandboxAccount, sandboxToken } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { blocks } from '../docs/markdown.ts';
import { closing } from '../support/closing.ts';
import { fetchGraphQL } from '../support/fetch-graphql.ts';
import { installPackages } from '../support/install-packages.ts';
import { streamedDelete } from '../support/parts.ts';
import { json, startUpstream } from '../support/upstream.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

interface Host {
  readonly url: string;
  close(): Promise<void>;
}

type Start = (engagements: EngagementServer, schema?: GraphQLSchema) => Promise<Host>;

const account = sandboxAccount('Capsule');
const remove = `mutation ($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) { __typename ... on DeleteEngagementSuccess { outcome } }
}`;

installPackages(folder, '50 MB');
// Two graphql modules in a program do not take each other's schemas: theirs gives way to the project's.
rmSync(new URL('node_modules/graphql', import.meta.url), { recursive: true, force: true });
// Not known to the compiler: their packages are installed for these tests only.
const servers: Readonly<Record<string, Start>> = await import(new URL('./servers.mjs', import.meta.url).href);

function post(url: string, body: object, headers: Record<string, string> = {}) {
  return fetch(`${url}/crm/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${sandboxToken}`, ...headers },
    body: JSON.stringify(body),
  });
}

it('docs/library.md shows how these servers mount it', () => {
  const lines = (text: string) => text.split('\n').map((line) => line.trim());
  const shown = blocks.filter(({ file, language }) => file === 'docs/library.md' && language === 'js');
  const here = lines(readFileSync(new URL('./servers.mjs', import.meta.url), 'utf8'));
  const documented = shown.flatMap(({ text }) => lines(text)).filter((line) => line !== '' && !line.startsWith('//'));
  expect(documented.length).toBeGreaterThan(6);
  expect(documented.filter((line) => !here.includes(line))).toEqual([]);
});

describe.each(['startExpress', 'startExpressWithParser', 'startFastify', 'startHono'])('mounted by %s', (name) => {
  let sandbox: Sandbox;
  let engagements: EngagementServer;
  let host: Host;
  beforeEach(async () => {
    sandbox = await startSandbox();
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: sandbox.url, REQUEST_TIMEOUT_MS: 5_000 };
    engagements = createEngagementServer(settings, { logTo: { write: () => {} } });
    host = await (servers[name] as Start)(engagements);
    return async () => {
      await host.close();
      await engagements.close();
      await sandbox.close();
    };
  });

  it('deletes an engagement, once under a key', async () => {
    const id = seedEngagements(account, 30)[0]?.id ?? '';
    const body = { query: remove, variables: { id, account: account.id } };
    for (let count = 0; count < 2; count += 1) {
      const response = await post(host.url, body, { 'idempotency-key': 'k1', 'x-request-id': 'r-1' });
      expect(await response.json()).toEqual({
        data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' } },
      });
      expect([response.status, response.headers.get('x-request-id')]).toEqual([200, 'r-1']);
    }
    expect(sandbox.wasDeleted(account.id, id)).toBe(true);
  });

  it('refuses who proves nothing, a document beyond the limits, and a body that is too large', async () => {
    const codeOf = async (response: Response) => [response.status, (await response.json()).errors[0].extensions.code];
    const noToken = await post(host.url, { query: remove }, { authorization: 'Basic x' });
    expect(await codeOf(noToken)).toEqual([401, 'UNAUTHENTICATED']);
    const deep = { query: `{ a${' { a'.repeat(20)}${' }'.repeat(20)} }` };
    expect(await codeOf(await post(host.url, deep))).toEqual([200, 'TOO_DEEP']);
    // Express' own parser refuses by itself what is larger than 100 KiB.
    if (name === 'startExpressWithParser') return;
    const large = await post(host.url, { query: `# ${'x'.repeat(300 * 1024)}\n${remove}` });
    expect(await codeOf(large)).toEqual([413, 'REQUEST_TOO_LARGE']);
  });

  it('sends deferred fields in a separate part', async () => {
    const query = `{ __typename ... @defer { integrations { name } } }`;
    const parts = await meros<Record<string, unknown>>(
      (await post(host.url, { query }, { accept: 'multipart/mixed' })) as never,
    );
    const bodies = [];
    for await (const { body } of parts as never as AsyncIterable<{ body: Record<string, unknown> }>) bodies.push(body);
    expect(bodies[0]).toMatchObject({ data: { __typename: 'Query' }, hasNext: true });
    expect(JSON.stringify(bodies.slice(1))).toContain('Capsule');
  });
});

describe.each(['startExpress', 'startExpressWithParser', 'startFastify', 'startHono'])('mounted by %s', (name) => {
  it('ends a streamed body at upstream when the client disconnects', async () => {
    const cut = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('begins');
    });
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, REQUEST_TIMEOUT_MS: 60_000 };
    await using engagements = closing(createEngagementServer(settings, { logTo: { write: () => {} } }));
    await using host = closing(await (servers[name] as Start)(engagements));
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
    const body = JSON.stringify({ query: `mutation { ${streamedDelete('chunks @stream')} }` });
    const head = ['POST /crm/graphql HTTP/1.1', 'host: x', 'content-type: application/json', 'accept: multipart/mixed'];
    socket.write([...head, 'authorization: Bearer t', `content-length: ${body.length}`, '', body].join('\r\n'));
    await once(socket, 'data');
    socket.destroy();
    await cut.promise;
  });
});

describe.each(['startApollo', 'startMercurius'])('executed by %s', (name) => {
  const own = createSchema({
    typeDefs: 'type Query { hello: String! }',
    resolvers: { Query: { hello: () => 'world' } },
  });
  let sandbox: Sandbox;
  let engagements: EngagementServer;
  let host: Host;
  beforeEach(async () => {
    sandbox = await startSandbox();
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: sandbox.url, REQUEST_TIMEOUT_MS: 5_000 };
    engagements = createEngagementServer(settings, { logTo: { write: () => {} } });
    host = await (servers[name] as Start)(engagements, mergeSchemas({ schemas: [own, createEngagementSchema()] }));
    return async () => {
      await host.close();
      await engagements.close();
      await sandbox.close();
    };
  });

  it('deletes an engagement, once under a key, together with fields of the other schema', async () => {
    const id = seedEngagements(account, 30)[0]?.id ?? '';
    for (let count = 0; count < 2; count += 1) {
      const headers = { 'idempotency-key': 'k1' };
      const { data } = await (
        await post(host.url, { query: remove, variables: { id, account: account.id } }, headers)
      ).json();
      expect(data.deleteEngagement).toEqual({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    }
    expect(sandbox.wasDeleted(account.id, id)).toBe(true);
    const { data } = await (await post(host.url, { query: '{ hello integrations { name } }' })).json();
    expect([data.hello, data.integrations.length]).toEqual(['world', 14]);
  });

  it('refuses a delete without a caller by its code, and a token that is none', async () => {
    const variables = { id: 'e1', account: account.id };
    const response = await fetchGraphQL(`${host.url}/crm/graphql`, remove, { variables });
    expect((await response.json()).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    const refused = await post(host.url, { query: remove, variables }, { authorization: 'Basic x' });
    expect(refused.status).toBe(401);
    expect(await refused.text()).toContain('Bearer <token>');
  });

  it('sends nothing for an id that lost digits as a number', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url };
    await using over = closing(createEngagementServer(settings, { logTo: { write: () => {} } }));
    await using executing = closing(await (servers[name] as Start)(over, createEngagementSchema()));
    const response = await post(executing.url, { query: remove, variables: { id: 2 ** 63, account: 'a' } });
    const { data, errors } = await response.json();
    expect([response.status, data ?? null, errors.length]).toEqual([400, null, 1]);
    expect(upstream.seen).toEqual([]);
  });
});
