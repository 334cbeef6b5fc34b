import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { Client, request } from 'undici';
import { describe, expect, test } from 'vitest';
import { sandboxAccount, sandboxAccounts, sandboxToken } from '../src/sandbox/accounts.ts';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import { parseQuery } from '../src/sandbox/request.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, seededEngagement } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { runs } from './support/runs.ts';
import { shared } from './support/shared.ts';

/** Sends targets as they are, where `fetch` would normalise them. */
const sandbox = await shared(startSandbox());
const client = await shared(new Client(sandbox.url));

const account = sandboxAccount('Pipedrive');
const headers = { authorization: `Bearer ${sandboxToken}` };

/** Sends bytes as they are and gives back all that comes until the connection ends. */
async function exchange(bytes: string): Promise<string> {
  const { hostname, port } = new URL(sandbox.url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.write(bytes);
  await once(socket, 'close');
  return received;
}

function parse(received: string): { readonly status: number; readonly body: unknown } {
  const [head = '', body = ''] = received.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), body: JSON.parse(body) };
}

async function answersInShape(method: string, target: string, sent?: string): Promise<void> {
  const reply = await client.request({ method, path: target, headers, ...(sent !== undefined && { body: sent }) });
  const text = await reply.body.text();
  const body = JSON.parse(text);
  if (reply.statusCode >= 400) {
    expect(body).toMatchObject({ statusCode: reply.statusCode, error: expect.any(String) });
  }
  expect(reply.statusCode).not.toBe(500);
}

describe('malformed input', () => {
  test.each([
    ['a path that is no percent-encoding', 'GET /unified/crm/engagements/%E0%A4%A HTTP/1.1\r\nHost: x\r\n'],
    ['a missing Host', 'GET /unified/crm/engagements/1 HTTP/1.1\r\n'],
    ['something that is not HTTP', 'nonsense\r\n'],
    ['an unknown method', 'FROB / HTTP/1.1\r\nHost: x\r\n'],
    ['a broken header', 'GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n'],
  ])('is answered with 400: %s', async (_what, head) => {
    const received = await exchange(`${head}Authorization: Bearer ${sandboxToken}\r\nConnection: close\r\n\r\n`);
    expect(parse(received)).toMatchObject({ status: 400, body: { statusCode: 400, message: expect.any(String) } });
  });

  test('headers that are too long are answered with 431', async () => {
    const received = await exchange(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(parse(received)).toMatchObject({ status: 431, body: { statusCode: 431 } });
  });

  test.each([
    ['too many parameters', 'a&'.repeat(5001)],
    ['an index out of bounds', 'contact[100000][id]=7'],
    ['too many elements', 'c[]=x&'.repeat(1100)],
    ['too deep', `remote_query${'[a]'.repeat(40)}=x`],
  ])('a query with %s is refused and not cut', async (_what, queryText) => {
    const target = `/unified/crm/engagements/1?integrated_account_id=${account.id}&${queryText}`;
    const reply = await client.request({ method: 'DELETE', path: target, headers });
    expect({ status: reply.statusCode, body: await reply.body.json() }).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('query string') },
    });
  });

  test.each([
    'contact[][id]=7&contact[][id]=8',
    'contact%5B%5D%5Bid%5D=7&contact%5B%5D%5Bid%5D=8',
    'contact[0][id]=7&contact[1][id]=8',
    'truto_exclude_fields[]=content&truto_exclude_fields[]=subject',
    'truto_exclude_fields[]=',
  ])('a list as %s is taken', async (queryText) => {
    const target = `/unified/crm/engagements/no-such-id?integrated_account_id=${account.id}&${queryText}`;
    const reply = await client.request({ method: 'DELETE', path: target, headers });
    await reply.body.dump();
    expect(reply.statusCode).toBe(404);
  });

  test.each([
    ['a[][id]=7&a[][id]=8', { a: [{ id: '7' }, { id: '8' }] }],
    [
      'a[][id]=7&a[][name]=x&b=1&a[][id]=8&a[][name]=y',
      {
        a: [
          { id: '7', name: 'x' },
          { id: '8', name: 'y' },
        ],
        b: '1',
      },
    ],
    ['a[][b][]=1&a[][b][]=2', { a: [{ b: ['1', '2'] }] }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[][id]', { a: [{ id: '' }] }],
  ])('the list %s has its items', (text, expected) => {
    expect(JSON.parse(JSON.stringify(parseQuery(text)))).toEqual(expected);
  });

  test('names of the object prototype are names like any other', async () => {
    const query = 'remote_query[__proto__][x]=1&remote_query[sandbox_fault][toString]=1&constructor[prototype]=1';
    for (const id of ['__proto__', 'constructor', 'toString']) {
      const target = `/unified/crm/engagements/${id}?integrated_account_id=${account.id}`;
      await answersInShape('DELETE', target);
      await answersInShape('DELETE', `${target}&${query}`);
    }
    await answersInShape('GET', '/integrated-account/__proto__');
  });

  test('a body on a delete is ignored, and the connection is used further', async () => {
    const head = `Host: x\r\nAuthorization: Bearer ${sandboxToken}\r\n`;
    const target = `/integrated-account/${account.id}`;
    const received = await exchange(
      `GET ${target} HTTP/1.1\r\n${head}Content-Length: 4\r\n\r\nbody` +
        `GET ${target} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
    );
    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  test('a body that ends early creates nothing, and the server keeps running', async () => {
    const { hostname, port } = new URL(sandbox.url);
    const socket = connect(Number(port), hostname);
    const target = `/unified/crm/engagements?integrated_account_id=${account.id}`;
    const head = `Host: x\r\nAuthorization: Bearer ${sandboxToken}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    socket.write(`POST ${target} HTTP/1.1\r\n${head}`);
    await once(socket, 'data'); // "100 Continue"
    socket.end('{}');
    await once(socket, 'close');
    expect(sandbox.engagementsOf(account.id)).toHaveLength(30);
    const read = engagementCall('GET', account, seededEngagement(account));
    expect((await callSandbox(sandbox, read)).status).toBe(200);
  });

  test('a client may disconnect in the middle of a huge response', async () => {
    const { path, query } = engagementCall('DELETE', account, { id: 'fault-huge', engagement_type: 'call' });
    const reply = await request(`${sandbox.url}${path}`, { method: 'DELETE', headers, ...(query && { query }) });
    reply.body.on('error', () => {});
    reply.body.destroy();
    const call = engagementCall('GET', account, seededEngagement(account));
    expect((await callSandbox(sandbox, call)).status).toBe(200);
  });

  test('any path and query get a JSON response, an error has its statusCode, and the server keeps running', async () => {
    const reservedNames = new Set(sandboxFaults.map(({ name }) => name));
    const segment = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !reservedNames.has(text));
    const queryName = fc.oneof(
      fc.constantFrom(
        'integrated_account_id',
        'engagement_type',
        'contact',
        'account',
        'sort_by',
        'limit',
        'remote_query',
      ),
      fc.constantFrom(
        'truto_exclude_fields',
        'truto_response_format',
        'created_at',
        'next_cursor',
        'owner',
        '__proto__',
      ),
      fc.string({ maxLength: 6 }),
    );
    const brackets = fc.constantFrom('', '[]', '[0]', '[id]', '[0][id]', '[gt]', '[', ']', '[a][b][c]', '[__proto__]');
    const pair = fc
      .tuple(
        queryName,
        brackets,
        fc.oneof(fc.constantFrom(account.id, 'email', 'unified', ''), fc.string({ maxLength: 8 })),
      )
      .map(([name, suffix, value]) => `${encodeURIComponent(name)}${suffix}=${encodeURIComponent(value)}`);
    const rawTail = fc.stringMatching(/^[!-~]{0,10}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'DELETE', 'PUT', 'POST'),
        fc.oneof(
          segment.map((text) => `/unified/crm/engagements/${encodeURIComponent(text)}`),
          fc.constantFrom('/unified/crm/engagements', '/unified/crm/contacts', `/integrated-account/${account.id}`),
          segment.map((text) => `/unified/crm/notes/${encodeURIComponent(text)}`),
          rawTail.map((text) => `/${text}`),
        ),
        fc.option(fc.constant(`integrated_account_id=${account.id}`), { nil: '' }),
        fc.array(fc.oneof(pair, rawTail), { maxLength: 4 }),
        async (method, path, accountPair, pairs) => {
          await answersInShape(method, `${path}?${[accountPair, ...pairs].join('&')}`);
        },
      ),
      { numRuns: runs(400) },
    );
    expect((await callSandbox(sandbox, { path: `/integrated-account/${account.id}` })).status).toBe(200);
  });
});

test('any body of a create gets a JSON response, and the records stay readable', async () => {
  const value = fc.oneof(fc.jsonValue(), fc.constant([{ id: '7', __proto__: 1 }]), fc.constant('2026-01-01'));
  const names =
    'subject content owner account contact phone_numbers custom_fields start_time status __proto__ remote_data';
  const body = fc.oneof(
    fc.dictionary(fc.constantFrom(...names.split(' ')), value).map((fields) => JSON.stringify(fields)),
    fc.json(),
    fc.string({ unit: 'grapheme' }),
  );
  const creating = sandboxAccounts.filter(({ provider }) => provider.creates);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...creating), body, async ({ id, provider }, text) => {
      const type = provider.creates?.includes('engagement_type!') ? '&engagement_type=call' : '';
      const target = `/unified/crm/engagements?integrated_account_id=${id}`;
      await answersInShape('POST', target + type, text);
      await answersInShape('GET', `${target}&limit=100&contact=7&start_time=2026-01-01`);
    }),
    { numRuns: runs(200) },
  );
});

describe('starting', () => {
  test('is rejected when the port is taken', async () => {
    await expect(startSandbox({ port: Number(new URL(sandbox.url).port) })).rejects.toThrow('EADDRINUSE');
  });

  test('with a token accepts that one alone', async () => {
    await using guarded = closing(await startSandbox({ token: 'another' }));
    const path = `/integrated-account/${account.id}`;
    expect((await callSandbox(guarded, { path })).status).toBe(401);
    expect((await callSandbox(guarded, { path, headers: { authorization: 'Bearer another' } })).status).toBe(200);
  });
});
