import { once } from 'node:events';
import { type IncomingMessage, request as requestByNode } from 'node:http';
import { text } from 'node:stream/consumers';
import { request } from 'undici';
import { describe, expect, test } from 'vitest';
import { type SandboxAccount, sandboxAccount, sandboxAccounts, sandboxToken } from '../src/sandbox/accounts.ts';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, type SandboxReply, seededEngagement } from './sandbox-call.ts';
import { shared } from './support/shared.ts';

const slowMs = 40;
const hugeBytes = 300_000;
const sandbox = await shared(startSandbox({ slowMs, hugeBytes }));

const account = sandboxAccount('Highlevel');

function engagementNamed(fault: string, at: SandboxAccount = account) {
  return { id: fault, engagement_type: seededEngagement(at).engagement_type };
}

function provoke(fault: string, query: Readonly<Record<string, unknown>> = {}, at: SandboxAccount = account) {
  return callSandbox(sandbox, engagementCall('DELETE', at, engagementNamed(fault, at), query));
}

/** By node:http: undici ends a connection on which an interim answer comes that it did not ask for. */
async function sendByNode(fault: string) {
  const { path, query } = engagementCall('DELETE', account, engagementNamed(fault));
  const headers = { authorization: `Bearer ${sandboxToken}` };
  const target = `${sandbox.url}${path}?${new URLSearchParams(query as Record<string, string>)}`;
  const sent = requestByNode(target, { method: 'DELETE', headers }).end();
  let interims = 0;
  sent.on('continue', () => {
    interims += 1;
  });
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { interims, status: response.statusCode, text: await text(response) };
}

describe('a reserved id answers', () => {
  test.each([
    ['fault-401', 401, { remote_error: {} }],
    ['fault-403', 403, { forbidden_error: { value: { missing_scopes: [expect.any(String)] } } }],
    ['fault-409', 409, { remote_error: {} }],
    ['fault-422', 422, { remote_error: {} }],
    ['fault-429', 429, { rate_limit_error: {} }],
    ['fault-500', 500, { remote_error: {} }],
  ])('%s as a remote error in the shape of the provider', async (fault, status, insights) => {
    const reply = await provoke(fault);
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({
      statusCode: status,
      truto_is_remote_error: true,
      raw_response: { statusCode: status },
      truto_error_insight: insights,
    });
  });

  test.each([
    ['fault-405', 405],
    ['fault-429-truto', 429],
    ['fault-502', 502],
    ['fault-503', 503],
    ['fault-504', 504],
    ['fault-504-after', 504],
  ])('%s as an error of Truto itself', async (fault, status) => {
    const reply = await provoke(fault);
    expect(reply.status).toBe(status);
    expect(reply.body).toEqual({ statusCode: status, error: expect.any(String), message: expect.any(String) });
  });

  test('a 429 with Retry-After, and nothing remaining where the provider documents a limit', async () => {
    const reply = await provoke('fault-429');
    expect(reply.headers.get('retry-after')).toBe('2');
    expect(reply.headers.get('ratelimit-remaining')).toBe('0');
    expect((await provoke('fault-429-truto')).headers.get('retry-after')).toBe('10');
  });

  test('fault-202 with the id alone', async () => {
    expect(await provoke('fault-202')).toMatchObject({ status: 202, body: { id: 'fault-202' } });
    expect(await provoke('fault-202', { truto_response_format: 'raw' })).toMatchObject({ status: 202, text: '' });
  });

  test('fault-empty with a 200 and nothing', async () => {
    expect(await provoke('fault-empty')).toMatchObject({ status: 200, text: '' });
  });

  test('fault-bad-json with a 200 that claims to be JSON', async () => {
    await expect(provoke('fault-bad-json')).rejects.toThrow(SyntaxError);
  });

  test.each([
    ['fault-page', 200, /^<!doctype html>/],
    ['fault-page-after', 200, /^<!doctype html>/],
    ['fault-firewall', 403, /^<!doctype html>/],
    ['fault-firewall-after', 403, /^<!doctype html>/],
    ['fault-refused-200', 200, /"success":false/],
    ['fault-other-record', 200, /"id":"the-id-of-another-record"/],
    ['fault-206', 206, /^{}$/],
  ])('%s as a proxy or another server would', async (fault, status, expected) => {
    const reply = await sendByNode(fault);
    expect([reply.status, reply.text]).toEqual([status, expect.stringMatching(expected)]);
  });

  test('fault-continue after an interim answer', async () => {
    const reply = await sendByNode('fault-continue');
    expect(reply).toMatchObject({ interims: 1, status: 200, text: expect.stringContaining('"succeeded":true') });
  });

  test('fault-slow late, with what would have been the answer', async () => {
    const startMs = performance.now();
    expect(await provoke('fault-slow')).toMatchObject({ status: 200, body: { remote_data: { succeeded: true } } });
    // Timers may fire up to a millisecond early.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(slowMs - 2);
  });

  test('fault-huge with the requested number of bytes', async () => {
    const whole = await provoke('fault-huge');
    expect(whole.body).toEqual({ id: 'fault-huge', content: 'x'.repeat(hugeBytes) });
    expect(Number(whole.headers.get('content-length'))).toBe(whole.text.length);
    const streamed = await provoke('fault-huge', { truto_response_format: 'stream' });
    expect(streamed.text).toBe(whole.text);
    expect(streamed.headers.get('content-length')).toBeNull();
  });

  test.each(['fault-reset-before', 'fault-reset-after'])('%s with no answer at all', async (fault) => {
    await expect(provoke(fault)).rejects.toThrow();
  });

  test('fault-reset-during with a status, and the connection ends in the middle of the body', async () => {
    const { path, query } = engagementCall('DELETE', account, engagementNamed('fault-reset-during'));
    const response = await request(`${sandbox.url}${path}`, {
      method: 'DELETE',
      ...(query && { query }),
      headers: { authorization: `Bearer ${sandboxToken}` },
    });
    expect(response.statusCode).toBe(200);
    await expect(response.body.text()).rejects.toThrow();
  });
});

describe('every fault', () => {
  test.each(sandboxAccounts.filter(({ rule }) => rule))('is reserved at $integration.label, reads too', async (at) => {
    for (const { name } of sandboxFaults.filter(({ effect }) => effect.kind === 'failure')) {
      const deleted = await provoke(name, {}, at);
      const read = await callSandbox(sandbox, engagementCall('GET', at, engagementNamed(name, at)));
      expect(deleted.status).toBeGreaterThanOrEqual(400);
      expect(read.status).toBe(deleted.status);
    }
  });

  test.each(sandboxFaults.map((fault, index) => [fault.name, fault, index] as const))(
    'by header on a real id: %s deletes exactly when the table says so',
    async (name, fault, index) => {
      const engagement = seededEngagement(account, index);
      await send(engagementCall('DELETE', account, engagement), { 'x-sandbox-fault': name });
      expect(await exists(index)).toBe(!fault.strikesAfter);
    },
  );

  test('can be requested by remote_query, for clients that cannot set headers', async () => {
    const query = { remote_query: { sandbox_fault: 'fault-503' } };
    const reply = await callSandbox(sandbox, engagementCall('DELETE', account, seededEngagement(account, 25), query));
    expect(reply.status).toBe(503);
    expect(await exists(25)).toBe(true);
  });

  test('works on the other routes by header', async () => {
    const headers = { 'x-sandbox-fault': 'fault-500' };
    const lookup = await callSandbox(sandbox, { path: `/integrated-account/${account.id}`, headers });
    expect(lookup).toMatchObject({ status: 500, body: { statusCode: 500 } });
    const list = await callSandbox(sandbox, { query: { integrated_account_id: account.id }, headers });
    expect(list).toMatchObject({ status: 500, body: { truto_is_remote_error: true } });
  });

  test('has a name of its own and a description', () => {
    expect(new Set(sandboxFaults.map(({ name }) => name)).size).toBe(sandboxFaults.length);
    expect(sandboxFaults.every(({ description }) => description.endsWith('.'))).toBe(true);
  });

  test('that does not exist is a 400 that names those that do', async () => {
    const headers = { 'x-sandbox-fault': 'fault-418' };
    const reply = await callSandbox(sandbox, {
      ...engagementCall('DELETE', account, seededEngagement(account, 26)),
      headers,
    });
    expect(reply.status).toBe(400);
    expect(reply.body?.message).toContain('fault-reset-after');
  });
});

/** Sends a call that may fail by design: the fault's effect itself is tested above. */
async function send(
  call: ReturnType<typeof engagementCall>,
  headers: Readonly<Record<string, string>>,
): Promise<SandboxReply | undefined> {
  return callSandbox(sandbox, { ...call, headers }).catch(() => undefined);
}

async function exists(place: number): Promise<boolean> {
  return (await callSandbox(sandbox, engagementCall('GET', account, seededEngagement(account, place)))).status === 200;
}

test('close ends a request that waits for fault-slow, at once', async () => {
  const patient = await startSandbox({ slowMs: 3_600_000 });
  const call = engagementCall('DELETE', account, engagementNamed('fault-slow'));
  const waiting = callSandbox(patient, call);
  const ended = expect(waiting).rejects.toThrow();
  await expect.poll(() => patient.requests.length).toBe(1);
  await patient.close();
  await patient.close();
  await ended;
});
