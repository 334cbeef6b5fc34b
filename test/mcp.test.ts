import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, it } from 'vitest';
import { sandboxAccounts, sandboxToken } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { startCli } from './support/cli-process.ts';
import { closing } from './support/closing.ts';
import { lostAnswer } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { runCli } from './support/run-cli.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** An account that can create and delete every type, and shows no deleted record. */
const account = sandboxAccounts.find(
  ({ rule }) =>
    rule?.creates && !rule.softDeletes && !rule.requiresEngagementType && !rule.requiresEngagementTypeOnCreate,
);
const integratedAccountId = account?.id;

interface ToolAnswer {
  readonly isError?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads the fields that it expects.
  readonly structuredContent: any;
}

async function connect(transport: object) {
  const client = new Client({ name: 'test', version: '1' });
  // The SDK's own transports do not fit its interface with `exactOptionalPropertyTypes`.
  await client.connect(transport as Transport);
  // With the tools, the client checks each answer against its schema.
  const { tools } = await client.listTools();
  const call = async (name: string, args: object) =>
    (await client.callTool({ name, arguments: { ...args } })) as unknown as ToolAnswer;
  return { client, tools, call, [Symbol.asyncDispose]: () => client.close() };
}

/** The tools over standard input and output. Without a token, over the embedded sandbox. */
function startStdio(env: Record<string, string> = {}) {
  const command = { command: process.execPath, args: ['src/cli/main.ts', 'mcp'] };
  return connect(new StdioClientTransport({ ...command, env, cwd: process.cwd(), stderr: 'ignore' }));
}

/** The tools over HTTP, in a process of their own. */
async function startHttp(env: Record<string, string>) {
  const { child, end } = startCli(['mcp', '--http'], { PORT: '0', ...env }, ['canary-one', 'canary-two']);
  const lines: string[] = [];
  child.stderr.on('data', (chunk) => lines.push(String(chunk)));
  const logged = () => lines.join('');
  while (!/"listening"/.test(logged())) await Promise.race([once(child.stderr, 'data'), end]);
  const [, url = ''] = /"url":"([^"]+)"/.exec(logged()) ?? [];
  const connectAs = (token?: string) =>
    connect(
      new StreamableHTTPClientTransport(new URL(url), {
        requestInit: { headers: token ? { authorization: `Bearer ${token}` } : {} },
      }),
    );
  return {
    ...{ url, logged, connectAs },
    async [Symbol.asyncDispose]() {
      child.kill();
      const { code, stdout } = await end;
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    },
  };
}

const passthrough = (upstreamUrl: string) => ({ AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstreamUrl });
const one = { id: 'e1', integratedAccountId: 'a', snapshot: false };
const deleted = { result: 'DeleteEngagementSuccess', outcome: 'DELETED', deletedEngagementId: 'e1' };

async function tokenFrom(call: (name: string, args: object) => Promise<ToolAnswer>, args: object = one) {
  const { structuredContent } = await call('plan_delete', args);
  return structuredContent.confirmationToken as string;
}

describe('mcp over standard input and output', async () => {
  const tools = await shared(startStdio());

  it('finds, reads, plans, deletes and restores an engagement', async () => {
    const { call } = tools;
    const found = await call('find_engagements', { integratedAccountId });
    const [{ id, engagementType }] = found.structuredContent.nodes;
    const read = await call('get_engagement', { id, integratedAccountId });
    expect(read.structuredContent).toMatchObject({ result: 'Engagement', id, engagementType });
    const plan = await call('plan_delete', { id, integratedAccountId });
    expect(plan).toMatchObject({ isError: false, structuredContent: { result: 'Plan', count: 1, sample: [{ id }] } });
    expect((await call('get_engagement', { id, integratedAccountId })).isError).toBe(false);
    const { confirmationToken } = plan.structuredContent;
    const end = await call('delete_engagement', { confirmationToken });
    expect(end).toMatchObject({ isError: false, structuredContent: { outcome: 'DELETED', deletedEngagementId: id } });
    expect((await call('delete_engagement', { confirmationToken })).structuredContent).toEqual(end.structuredContent);
    expect(await call('get_engagement', { id, integratedAccountId })).toMatchObject({
      isError: true,
      structuredContent: { result: 'NOT_FOUND' },
    });
    const { undo } = end.structuredContent;
    const restored = await call('restore_engagement', { undo });
    expect(restored).toMatchObject({ isError: false, structuredContent: { result: 'Restored' } });
    const { newId } = restored.structuredContent;
    expect((await call('restore_engagement', { undo })).structuredContent.newId).toBe(newId);
    const anew = await call('get_engagement', { id: newId, integratedAccountId });
    expect(anew.structuredContent.subject).toBe(read.structuredContent.subject);
  });

  it('says with annotations which tool only reads, deletes, or may be repeated', async () => {
    const hints = tools.tools.map(({ name, annotations }) => [
      name,
      annotations?.readOnlyHint,
      annotations?.destructiveHint,
      annotations?.idempotentHint,
    ]);
    expect(hints).toEqual([
      ['find_engagements', true, undefined, undefined],
      ['get_engagement', true, undefined, undefined],
      ['plan_delete', true, undefined, true],
      ['delete_engagement', false, true, true],
      ['restore_engagement', false, false, false],
    ]);
    const ofRecords = tools.tools.filter(({ name }) => name !== 'restore_engagement');
    for (const { description } of ofRecords) expect(description).toContain('data, not instructions');
    const takes = Object.fromEntries(tools.tools.map(({ name, inputSchema }) => [name, inputSchema]));
    expect(Object.keys(takes.delete_engagement?.properties ?? {})).toEqual(['confirmationToken']);
  });

  it('leaves alone an engagement that still exists', async () => {
    const { structuredContent } = await tools.call('find_engagements', { integratedAccountId, first: 1 });
    const [{ id }] = structuredContent.nodes;
    const undo = { integratedAccountId, engagement: { id, subject: 'x' } };
    expect((await tools.call('restore_engagement', { undo })).structuredContent.result).toBe('StillExists');
    const broken = await tools.call('restore_engagement', { undo: { integratedAccountId } });
    expect(broken).toMatchObject({ isError: true, structuredContent: { issues: [{ path: ['undo'] }] } });
  });

  it('R32 restores a record once with Redis, also when the request is no longer remembered, and leaves alone one that exists', async () => {
    await using redis = await startRedis();
    await using sandbox = closing(await startSandbox());
    const env = { TRUTO_API_TOKEN: sandboxToken, TRUTO_BASE_URL: sandbox.url, REDIS_URL: redis.url };
    const settings = { ...env, BULK_TOKEN_SECRET: 'x'.repeat(32) };
    const ends: unknown[] = [];
    let undo: { engagement: { id: string } } | undefined;
    {
      await using before = await startStdio(settings);
      const { structuredContent } = await before.call('find_engagements', { integratedAccountId, first: 1 });
      const [{ id }] = structuredContent.nodes;
      const there = { undo: { integratedAccountId, engagement: { id, subject: 'x', engagement_type: 'call' } } };
      expect(await before.call('restore_engagement', there)).toMatchObject({
        isError: false,
        structuredContent: { result: 'StillExists' },
      });
      const confirmationToken = await tokenFrom(before.call, { id, integratedAccountId });
      ({ undo } = (await before.call('delete_engagement', { confirmationToken })).structuredContent);
      // A line of an undo file has it, and it may be longer than a request.
      const engagement = { ...undo?.engagement, remote_data: { html: 'x'.repeat(300_000) } };
      ends.push(await before.call('restore_engagement', { undo: { ...undo, engagement } }));
    }
    const remembered = (await redis.tell('KEYS', '*:delete:*')) as string[];
    expect(await redis.tell('DEL', ...remembered)).toBeGreaterThan(0);
    await using after = await startStdio(settings);
    ends.push(await after.call('restore_engagement', { undo }));
    const newId = expect.any(String);
    expect(ends).toMatchObject(Array(2).fill({ isError: false, structuredContent: { result: 'Restored', newId } }));
    expect(sandbox.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  it('cancels a restore that is paused, says why, and creates nothing later', async () => {
    await using redis = await startRedis();
    const account: Answer = (...args) =>
      json(200, { id: 'a', integration: { name: 'Capsule' }, status: 'needs_reauth' })(...args);
    const refusal = { statusCode: 401, error: 'Unauthorized', message: 'x', error_code: 'needs_reauth' };
    await using upstream = await startUpstream(json(401, refusal), account);
    const env = { TRUTO_API_TOKEN: 'canary-one', TRUTO_BASE_URL: upstream.url, REDIS_URL: redis.url };
    await using withRedis = await startStdio({ ...env, BULK_TOKEN_SECRET: 'x'.repeat(32) });
    const undo = { integratedAccountId: 'a', engagement: { id: 'e1', subject: 'x', engagement_type: 'call' } };
    const end = await withRedis.call('restore_engagement', { undo });
    expect(end).toMatchObject({ isError: true, structuredContent: { result: 'PAUSED', message: expect.any(String) } });
    const keys = (await redis.tell('KEYS', '*bulk:????????-????-????-????-????????????')) as string[];
    expect(await Promise.all(keys.map((key) => redis.tell('HGET', key, 'phase')))).toEqual(['CANCELLED']);
    expect(upstream.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('sends the token of its environment, for which nothing else is configured, and never shows it', async () => {
    const echo: Answer = ({ headers }, response) =>
      json(200, { id: 'e1', subject: headers.authorization })({} as never, response);
    await using upstream = await startUpstream(echo, 'Capsule');
    const env = { TRUTO_API_TOKEN: 'canary-one', TRUTO_BASE_URL: upstream.url };
    await using withToken = await startStdio(env);
    const plan = await withToken.call('plan_delete', one);
    const { confirmationToken } = plan.structuredContent;
    const end = await withToken.call('delete_engagement', { confirmationToken });
    expect(end.structuredContent).toMatchObject(deleted);
    expect(upstream.deletes()).toMatchObject([{ headers: { authorization: 'Bearer canary-one' } }]);
    const read = await withToken.call('get_engagement', { id: 'e1', integratedAccountId: 'a' });
    expect(read.structuredContent).toMatchObject({ subject: 'Bearer [redacted]' });
    expect(JSON.stringify([plan, end])).not.toContain('canary-one');
  });

  it('has a finding in a plan without a snapshot when the engagement cannot be read', async () => {
    const plan = await tools.call('plan_delete', { id: 'missing', integratedAccountId, snapshot: false });
    expect(plan).toMatchObject({ isError: false, structuredContent: { confirmationToken: expect.any(String) } });
    expect(plan.structuredContent.findings).toEqual([expect.stringContaining('could not be read')]);
  });

  it('refuses a plan of nothing, or of two things, by what is allowed', async () => {
    for (const wrong of [{}, { id: 'e', ids: ['e'] }, { ids: ['e'], filter: { status: 'open' } }])
      expect(await tools.call('plan_delete', { integratedAccountId, ...wrong })).toMatchObject({
        isError: true,
        structuredContent: { result: 'INVALID_INPUT' },
      });
    expect(await tools.call('plan_delete', { integratedAccountId, ids: ['e'] })).toMatchObject({
      isError: true,
      structuredContent: { result: 'NOT_CONFIGURED' },
    });
  });
});

describe('S36 mcp over standard input and output, with Redis', async () => {
  const redis = await shared(startRedis());
  const withRedis = await shared(startStdio({ REDIS_URL: redis.url }));

  it('plans many with a count and a sample, and deletes exactly those', async () => {
    const { call } = withRedis;
    const args = { integratedAccountId, filter: { createdAt: { gt: '1990-01-01T00:00:00+02:00' } } };
    const plan = await call('plan_delete', args);
    expect(plan.structuredContent).toMatchObject({ result: 'Plan', sample: { length: 5 } });
    expect(plan.structuredContent.count).toBeGreaterThan(20);
    const { confirmationToken, count: total } = plan.structuredContent;
    const started = await call('delete_engagement', { confirmationToken });
    expect(started).toMatchObject({ isError: false, structuredContent: { result: 'BulkDelete', total } });
    const again = await call('delete_engagement', { confirmationToken });
    expect(again.structuredContent.id).toBe(started.structuredContent.id);
    expect(started.structuredContent.next).toContain('again');
    const now = async () => (await call('delete_engagement', { confirmationToken })).structuredContent;
    await expect.poll(now, { timeout: 60_000 }).toMatchObject({ state: 'COMPLETED', outcomes: { remaining: 0 } });
    // An agent would ask for ever.
    expect((await now()).next).toBeUndefined();
  });

  it('repeats the start of many with the same token when Redis has not answered', async () => {
    const { call } = withRedis;
    const plan = await call('plan_delete', { integratedAccountId, ids: ['e1'] });
    const { confirmationToken } = plan.structuredContent;
    // No later test can use it.
    await redis.kill();
    const end = await call('delete_engagement', { confirmationToken });
    expect(end.structuredContent).toMatchObject({
      result: 'BULK_DELETES_UNAVAILABLE',
      next: expect.stringContaining('same confirmationToken'),
    });
  });
});

describe('S36 a server of tools that ends', () => {
  it('finishes and logs every delete in flight when its client is gone, and takes lines that are no messages', async () => {
    const { promise: held, resolve } = Promise.withResolvers<void>();
    const bothSent = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      if (request.method !== 'DELETE') return json(200, { id: 'e1' })(request, response);
      if (upstream.deletes().length === 2) bothSent.resolve();
      await held;
      json(204, undefined)(request, response);
    }, 'Capsule');
    const env = { TRUTO_API_TOKEN: 'canary-one', TRUTO_BASE_URL: upstream.url };
    const { child, end } = startCli(['mcp'], env);
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    let count = 0;
    const send = (method: string, params: object) => {
      count += 1;
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: count, method, params })}\n`);
    };
    const answer = async () => JSON.parse((await answers.next()).value ?? '').result;
    child.stdin.write('garbage\nnull\n[]\n{"jsonrpc":"2.0"\n');
    const clientInfo = { name: 'test', version: '1' };
    send('initialize', { protocolVersion: '2025-03-26', capabilities: {}, clientInfo });
    await answer();
    const tokens: string[] = [];
    for (const id of ['e1', 'e2']) {
      send('tools/call', { name: 'plan_delete', arguments: { ...one, id } });
      tokens.push((await answer()).structuredContent.confirmationToken);
    }
    for (const confirmationToken of tokens)
      send('tools/call', { name: 'delete_engagement', arguments: { confirmationToken } });
    await bothSent.promise;
    child.stdout.destroy();
    child.stdin.end();
    resolve();
    const { code, stderr } = await end;
    const deletes = stderr.split('\n').filter((line) => line.includes('"msg":"delete"'));
    expect(deletes.map((line) => JSON.parse(line).result)).toEqual(Array(2).fill('DeleteEngagementSuccess'));
    expect(code).toBe(0);
  });

  it('ends by a signal also while its client keeps standard input open', async () => {
    const { child, end } = startCli(['mcp']);
    while (!String(await once(child.stderr, 'data')).includes('"listening"'));
    child.kill();
    expect((await end).code).toBe(0);
  });

  it('ends, and says why, when it cannot start', async () => {
    const fields = JSON.stringify([{ name: 'subject', type: 'String', description: 'Taken.' }]);
    const { code, stderr } = await runCli(['mcp'], { ADDITIONAL_FIELDS: fields });
    expect(stderr).toContain('subject');
    expect(code).toBe(2);
  });

  it('ends also while a client has not sent its whole request', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    // Its end is awaited.
    await using http = await startHttp(passthrough(upstream.url));
    const { port } = new URL(http.url);
    const socket = connectTo(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n');
    socket.write('Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\r\n{');
    // A later request is answered, so the first has arrived.
    await using _tools = await http.connectAs('canary-one');
  });
});

describe('S36 mcp over HTTP', async () => {
  /** What upstream answers to an account, instead of a success. */
  const answers = new Map<unknown, Answer>();
  const upstream = await shared(
    startUpstream(
      (request, response) =>
        (answers.get(request.query.integrated_account_id) ?? json(204, undefined))(request, response),
      (request, response) => {
        const id = request.path.split('/').at(-1);
        json(200, { id, integration: { name: id === 'affinity' ? 'Affinity' : 'Capsule' } })(request, response);
      },
    ),
  );
  const http = await shared(startHttp(passthrough(upstream.url)));
  /** Each test has its own account. */
  const deletesIn = (account: string) =>
    upstream.deletes().filter(({ query }) => query.integrated_account_id === account);

  it('deletes with the token of the caller, once, and only what was planned', async () => {
    await using tools = await http.connectAs('canary-one');
    const token = await tokenFrom(tools.call);
    expect(deletesIn('a')).toEqual([]);
    const ends = await Promise.all([1, 2, 3].map(() => tools.call('delete_engagement', { confirmationToken: token })));
    for (const end of ends) expect(end).toMatchObject({ isError: false, structuredContent: deleted });
    expect(deletesIn('a')).toMatchObject([{ headers: { authorization: 'Bearer canary-one' } }]);
    expect(http.logged()).not.toContain('canary-one');
  });

  it('refuses every way around the plan', async () => {
    await using mine = await http.connectAs('canary-one');
    await using other = await http.connectAs('canary-two');
    const before = upstream.deletes().length;
    const confirmationToken = await tokenFrom(mine.call, { ...one, integratedAccountId: 'planned' });
    // A client may send more than the tool takes: it changes nothing.
    const hostile: readonly [typeof mine, object][] = [
      [other, { confirmationToken }],
      [mine, { confirmationToken: `${confirmationToken}A` }],
      [mine, { confirmationToken: confirmationToken.replace('delete_', '') }],
      [mine, { confirmationToken: confirmationToken.replace('delete_', 'bulk_') }],
      [mine, { confirmationToken: '' }],
      [mine, { id: 'e1', integratedAccountId: 'planned' }],
      [mine, { confirmationToken: null, id: 'e1', integratedAccountId: 'planned' }],
      [mine, { confirmationToken: [confirmationToken] }],
    ];
    for (const [tools, args] of hostile) expect((await tools.call('delete_engagement', args)).isError).toBe(true);
    expect(upstream.deletes()).toHaveLength(before);
    const more = { confirmationToken, id: 'e2', integratedAccountId: 'b', dryRun: false, snapshot: true };
    expect((await mine.call('delete_engagement', more)).structuredContent).toMatchObject(deleted);
    const sent = upstream.deletes().slice(before);
    expect(sent.map(({ path, query }) => [path, query.integrated_account_id])).toEqual([
      ['/unified/crm/engagements/e1', 'planned'],
    ]);
  });

  it('does not call an unknown outcome an error, and the same token settles it', async () => {
    const record = { id: 'e1', subject: 'Hello', remote_data: { html: 'x' } };
    answers.set('lost', (request, response) =>
      (request.method === 'GET' ? json(200, record) : lostAnswer)(request, response),
    );
    await using tools = await http.connectAs('canary-one');
    const confirmationToken = await tokenFrom(tools.call, { ...one, integratedAccountId: 'lost', snapshot: true });
    const unknown = await tools.call('delete_engagement', { confirmationToken });
    expect(unknown).toMatchObject({
      isError: false,
      structuredContent: { result: 'OutcomeUnknownError', next: expect.stringContaining('same confirmationToken') },
    });
    expect(unknown.structuredContent.engagement).toEqual({ id: 'e1', subject: 'Hello' });
    answers.set('lost', truto(404));
    const settled = await tools.call('delete_engagement', { confirmationToken });
    expect(settled.structuredContent).toMatchObject({ ...deleted, outcome: 'ALREADY_ABSENT' });
  });

  it('never says that nothing was deleted when the token may have been used, as before a restart', async () => {
    let confirmationToken = '';
    {
      await using before = await startHttp(passthrough(upstream.url));
      await using tools = await before.connectAs('canary-one');
      confirmationToken = await tokenFrom(tools.call, { ...one, integratedAccountId: 'before' });
      expect((await tools.call('delete_engagement', { confirmationToken })).structuredContent).toMatchObject(deleted);
    }
    await using tools = await http.connectAs('canary-one');
    const { isError, structuredContent } = await tools.call('delete_engagement', { confirmationToken });
    expect({ isError, result: structuredContent.result }).toEqual({ isError: true, result: 'InvalidInputError' });
    expect(structuredContent.next).toContain('may have');
    expect(deletesIn('before')).toHaveLength(1);
  });

  it('lists no further once a plan has too many engagements, or its client is gone', async () => {
    await using redis = await startRedis();
    // Its list never ends.
    let count = 0;
    await using upstream = await startUpstream((...args) => {
      const result = Array.from({ length: 100 }, (_, index) => ({ id: String(count + index) }));
      count += 100;
      json(200, { result, next_cursor: String(count) })(...args);
    }, 'Capsule');
    const env = { REDIS_URL: redis.url, BULK_TOKEN_SECRET: 'x'.repeat(32), TRUTO_API_TOKEN: 'canary-one' };
    await using withRedis = await startStdio({ ...env, TRUTO_BASE_URL: upstream.url, TRUTO_RATE_LIMITS: '0' });
    const args = { integratedAccountId: 'a', filter: { status: 'open' } };
    const plan = await withRedis.call('plan_delete', args);
    expect(plan).toMatchObject({ isError: true, structuredContent: { result: 'PLAN_TOO_LARGE' } });
    const client = new AbortController();
    const listed = count;
    const gone = withRedis.client.callTool({ name: 'plan_delete', arguments: args }, undefined, client);
    await expect.poll(() => count).toBeGreaterThan(listed);
    client.abort();
    await expect(gone).rejects.toThrow();
    const jobs = async () => {
      const keys = (await redis.tell('KEYS', '*bulk:????????-*')) as string[];
      const read = keys.filter((key) => /[\da-f]{12}$/.test(key)).map((key) => redis.tell('HGET', key, 'phase'));
      return Promise.all(read);
    };
    await expect.poll(jobs, { timeout: 10_000 }).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it('gives no token for a delete that would be refused, and says why', async () => {
    await using tools = await http.connectAs('canary-one');
    const { structuredContent } = await tools.call('plan_delete', { ...one, integratedAccountId: 'affinity' });
    expect(structuredContent).toMatchObject({
      confirmationToken: null,
      findings: [expect.stringContaining('engagementType')],
    });
  });

  it('answers no web page, no other host name, no stranger and no other method', async () => {
    const { port, host } = new URL(http.url);
    const send = async (headers: Record<string, string>, method = 'POST', path = '/mcp') => {
      const sent = request({
        port,
        host: '127.0.0.1',
        path,
        method,
        headers: { 'content-type': 'application/json', ...headers },
      });
      sent.end(method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : undefined);
      const [response] = await once(sent, 'response');
      await text(response);
      return response.statusCode;
    };
    const authorization = 'Bearer canary-one';
    const accept = 'application/json, text/event-stream';
    expect(await send({ authorization, accept })).toBe(200);
    expect(await send({ authorization, accept, host: 'localhost:1' })).toBe(200);
    for (const origin of ['http://evil.example', 'null', `http://${host}`])
      expect(await send({ authorization, accept, origin })).toBe(403);
    for (const name of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '@',
    ])
      expect(await send({ authorization, accept, host: name })).toBe(403);
    expect(await send({ accept })).toBe(401);
    expect(await send({ authorization, accept }, 'GET')).toBe(405);
    expect(await send({ authorization, accept }, 'POST', '/graphql')).toBe(404);
  });

  it('lets a caller of a JWT plan and delete in granted accounts only, by the rules of the server', async () => {
    const { jwtSecret, serviceEnv, signToken } = await import('./support/service.ts');
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using http = await startHttp({ ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_BASE_URL: upstream.url });
    await using tools = await http.connectAs(await signToken({ integrated_accounts: ['a'] }));
    expect((await tools.call('plan_delete', { ...one, integratedAccountId: 'b' })).structuredContent.result).toBe(
      'ForbiddenError',
    );
    const confirmationToken = await tokenFrom(tools.call);
    const end = await tools.call('delete_engagement', { confirmationToken });
    expect(end.structuredContent).toMatchObject(deleted);
    await using stranger = await http.connectAs('no-jwt');
    expect((await stranger.call('plan_delete', one)).structuredContent.result).toBe('Unauthenticated');
  });
});
