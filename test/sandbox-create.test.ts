import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { type SandboxAccount, sandboxAccount, sandboxAccounts, sandboxToken } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, type SandboxCall } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox({ slowMs: 5, hugeBytes: 1000 }));

/** By integration: the required body fields, and fields that it drops. Those of the other integrations cannot be created. */
const creating: Readonly<Record<string, { readonly required: string; readonly dropped: string }>> = {
  Affinity: { required: 'content start_time contact', dropped: 'owner status' },
  Capsule: { required: 'content', dropped: 'status duration' },
  Close: { required: 'account', dropped: 'start_time custom_fields' },
  Copper: { required: 'content account', dropped: 'subject contact' },
  Freshsales: { required: 'subject contact', dropped: 'account duration' },
  OnePageCRM: { required: 'contact content', dropped: 'subject account' },
  Pipedrive: { required: '', dropped: 'end_time custom_fields' },
  Planhat: { required: 'account', dropped: 'status duration' },
  'Zendesk Sell': { required: 'content', dropped: 'account status' },
  'Zoho CRM': { required: 'subject start_time', dropped: 'internal_notes phone_numbers' },
};
const requiringType = ['Copper', 'OnePageCRM'];
const creators = sandboxAccounts.filter(({ integration }) => Object.hasOwn(creating, integration.label));
const others = sandboxAccounts.filter((account) => !creators.includes(account));
const pipedrive = sandboxAccount('Pipedrive');

function fullBody(account: SandboxAccount): Readonly<Record<string, unknown>> {
  const { id: _id, ...fields } = seedEngagements(account)[0] ?? { id: '' };
  return { ...fields, engagement_type: 'call' };
}

function createCall(account: SandboxAccount, body: unknown, query: object = {}): SandboxCall {
  const type = requiringType.includes(account.integration.label) && { engagement_type: 'call' };
  return {
    method: 'POST',
    query: { integrated_account_id: account.id, ...type, ...query },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

const create = (account: SandboxAccount, body: unknown, query: object = {}, headers: Record<string, string> = {}) =>
  callSandbox(sandbox, { ...createCall(account, body, query), headers });

const idsOf = (account: SandboxAccount) => sandbox.engagementsOf(account.id).map(({ id }) => id);

async function listedIds(account: SandboxAccount, query: object): Promise<readonly string[]> {
  const { body } = await callSandbox(sandbox, { query: { integrated_account_id: account.id, limit: 100, ...query } });
  const { result } = body as { readonly result: readonly { readonly id: string }[] };
  return result.map(({ id }) => id);
}

describe.each(creators)('a create at $integration.label', (account) => {
  const { required = '', dropped = '' } = creating[account.integration.label] ?? {};

  test('returns a record with a new id that can be read, listed and deleted', async () => {
    const before = idsOf(account);
    const body = fullBody(account);
    const startMs = Date.now();
    const created = await create(account, body);
    expect([created.status, created.body]).toEqual([200, expect.objectContaining({ engagement_type: 'call' })]);
    const record = created.body as { readonly id: string; readonly engagement_type: 'call' };
    expect(before).not.toContain(record.id);
    expect(idsOf(account)).toEqual([...before, record.id]);
    for (const name of ['created_at', 'updated_at']) {
      expect(Date.parse(String(created.body?.[name]))).toBeGreaterThanOrEqual(startMs);
    }
    for (const name of required.split(' ').filter((name) => name !== '')) {
      expect(created.body?.[name]).toEqual(body[name]);
    }
    for (const name of dropped.split(' ')) {
      expect(body).toHaveProperty(name);
      expect(created.body).not.toHaveProperty(name);
    }

    expect((await callSandbox(sandbox, engagementCall('GET', account, record))).body).toEqual(created.body);
    expect((await listedIds(account, {})).at(-1)).toBe(record.id);
    expect((await listedIds(account, { sort_by: { created_at: 'desc' } }))[0]).toBe(record.id);
    expect(await listedIds(account, { engagement_type: 'call' })).toContain(record.id);
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, record))).status).toBeLessThan(300);
    expect(sandbox.wasDeleted(account.id, record.id)).toBe(true);
    expect(idsOf(account)).toEqual(before);
  });

  test('names the required fields that are missing, and creates nothing', async () => {
    const before = idsOf(account);
    const reply = await create(account, { internal_notes: 'x' });
    if (required === '') {
      expect(reply.status).toBe(200);
      return;
    }
    expect(reply).toMatchObject({
      status: 400,
      body: { truto_error_insight: { missing_required_body_fields: { value: required.split(' ') } } },
    });
    expect(idsOf(account)).toEqual(before);
  });

  test('requires the type in the query where Truto documents that', async () => {
    const reply = await create(account, fullBody(account), { engagement_type: '' });
    const isRequired = requiringType.includes(account.integration.label);
    expect(reply.status).toBe(isRequired ? 400 : 200);
    if (isRequired) {
      const value = ['engagement_type'];
      expect(reply.body?.truto_error_insight).toMatchObject({ missing_required_query_parameters: { value } });
    }
    expect((await create(account, fullBody(account), { engagement_type: 'email' })).status).toBe(400);
  });
});

test.each(others)('$integration.label cannot create, and says so as for another missing method', async (account) => {
  const reply = await create(account, fullBody(account));
  expect(reply).toMatchObject({ status: 400, body: { message: expect.stringContaining('Method create') } });
  expect(idsOf(account)).toHaveLength(30);
});

describe('the body', () => {
  test.each([
    ['no body', ''],
    ['not JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['not UTF-8', Buffer.from('{"account":{"id":"x"},"subject":"\xff"}', 'latin1')],
    ['101 levels', `{"custom_fields":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`],
    ['a remote_data that is no object', '{"remote_data":"x"}'],
    ['a direction for a meeting', '{"engagement_type":"meeting","direction":"inbound"}'],
  ])('is refused with 400 if it is %s', async (_what, body) => {
    const close = sandboxAccount('Close');
    const call = createCall(close, '');
    const text = typeof body === 'string' ? body.replace('{"', '{"account":{"id":"x"},"') : body;
    const reply = await callSandbox(sandbox, { ...call, body: text });
    expect(reply).toMatchObject({ status: 400, body: { statusCode: 400 } });
    expect(reply.body).not.toHaveProperty('truto_error_insight');
    expect(idsOf(close)).toHaveLength(31);
  });

  test.each([
    ['subject', 7],
    ['start_time', {}],
    ['owner', 'x'],
    ['owner', { id: 7 }],
    ['owner', { id: 'unknown' }],
    ['contact', { id: 'unknown' }],
    ['contact', [{ id: 'unknown' }]],
    ['engagement_type', 'chat'],
    ['engagement_type', 7],
  ])('gets an error of the provider if %s is %j', async (name, value) => {
    const before = idsOf(pipedrive);
    const reply = await create(pipedrive, { [name]: value });
    expect(reply).toMatchObject({ status: 422, body: { truto_is_remote_error: true } });
    expect(JSON.stringify(reply.body?.raw_response)).toContain(name);
    expect(idsOf(pipedrive)).toEqual(before);
  });

  test('of a megabyte is accepted, and a larger one is a 413', async () => {
    const bodyOf = (length: number) => `{"content":"${'x'.repeat(length - 14)}"}`;
    const call = createCall(pipedrive, '');
    expect((await callSandbox(sandbox, { ...call, body: bodyOf(1024 * 1024) })).status).toBe(200);
    const reply = await callSandbox(sandbox, { ...call, body: bodyOf(1024 * 1024 + 1) });
    expect(reply).toMatchObject({ status: 413, body: { statusCode: 413 } });
  });

  test('may come in chunks and after "Expect: 100-continue"', async () => {
    const sent = request(`${sandbox.url}/unified/crm/engagements?integrated_account_id=${pipedrive.id}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${sandboxToken}`, expect: '100-continue' },
    });
    sent.flushHeaders();
    await once(sent, 'continue');
    const bytes = Buffer.from('{"subject":"Zürich"}');
    const cut = bytes.indexOf('ü') + 1;
    sent.write(bytes.subarray(0, cut));
    sent.end(bytes.subarray(cut));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(await json(response)).toMatchObject({ subject: 'Zürich' });
  });

  test('is kept for tests, with its remote_data, which has no effect', async () => {
    const reply = await create(pipedrive, { subject: 'x', remote_data: { id: 1, colour: 'red' } });
    expect(reply.body).toMatchObject({ subject: 'x', remote_data: { data: { id: Number(reply.body?.id) } } });
    expect(reply.text).not.toContain('colour');
    expect(sandbox.requests.at(-1)).toMatchObject({ method: 'POST', body: expect.stringContaining('"colour":"red"') });
  });
});

describe('the response', () => {
  test('has the format and the fields that the query names', async () => {
    const raw = await create(pipedrive, { subject: 'x' }, { truto_response_format: 'raw' });
    expect(raw.body).toMatchObject({ success: true, data: { subject: 'x' } });
    const query = { truto_ignore_remote_data: 'true', truto_exclude_fields: ['created_at', 'updated_at'] };
    const short = await create(pipedrive, { subject: 'x', engagement_type: 'meeting' }, query);
    expect(short.body).toEqual({ id: expect.any(String), engagement_type: 'meeting', subject: 'x' });
  });

  test('is repeated for the same Idempotency-Key in the same account, without a second record', async () => {
    const headers = { 'idempotency-key': 'key-1' };
    const affinity = sandboxAccount('Affinity');
    const lost = create(pipedrive, { subject: 'x' }, {}, { ...headers, 'x-sandbox-fault': 'fault-reset-after' });
    await expect(lost).rejects.toThrow();
    const [after, repeated] = [idsOf(pipedrive), await create(pipedrive, { subject: 'y' }, {}, headers)];
    expect(repeated.body).toMatchObject({ id: after.at(-1), subject: 'x' });
    const accepted = await create(pipedrive, {}, {}, { ...headers, 'x-sandbox-fault': 'fault-202' });
    expect([accepted.status, accepted.body]).toEqual([202, { id: repeated.body?.id }]);
    expect(idsOf(pipedrive)).toEqual(after);
    expect((await create(affinity, fullBody(affinity), {}, headers)).body?.id).not.toBe(repeated.body?.id);
    expect((await create(pipedrive, {}, {}, { 'idempotency-key': 'key-2' })).body?.id).not.toBe(repeated.body?.id);
  });

  test('of a refusal is not repeated', async () => {
    const headers = { 'idempotency-key': 'key-3' };
    expect((await create(pipedrive, { owner: { id: 'unknown' } }, {}, headers)).status).toBe(422);
    expect((await create(pipedrive, {}, {}, headers)).status).toBe(200);
  });
});

test.each([
  ['fault-500', 0],
  ['fault-reset-before', 0],
  ['fault-page', 0],
  ['fault-504-after', 1],
  ['fault-reset-after', 1],
  ['fault-slow', 1],
  ['fault-202', 1],
  ['fault-empty', 1],
  ['fault-huge', 1],
])('a fault %s creates %d records', async (fault, count) => {
  const before = idsOf(pipedrive).length;
  const query = { remote_query: { sandbox_fault: fault } };
  const reply = await create(pipedrive, {}, query).catch(() => undefined);
  expect(idsOf(pipedrive)).toHaveLength(before + count);
  if (fault === 'fault-202' || fault === 'fault-huge') expect(reply?.body?.id).toBe(idsOf(pipedrive).at(-1));
});

test("counts for Truto's own limits", async () => {
  await using limited = closing(await startSandbox({ keepsLimits: true }));
  const call = createCall(pipedrive, {});
  const statuses: number[] = [];
  for (let sent = 0; sent < 51; sent += 1) statuses.push((await callSandbox(limited, call)).status);
  expect(statuses).toEqual([...Array(50).fill(200), 429]);
  expect(limited.engagementsOf(pipedrive.id)).toHaveLength(80);
});

test('gives no id of another record', async () => {
  await using full = closing(await startSandbox({ engagementsPerAccount: 10_000 })); // of the 99,900 that Pipedrive has
  for (let sent = 0; sent < 50; sent += 1) {
    expect((await callSandbox(full, createCall(pipedrive, {}))).status).toBe(200);
  }
  expect(full.engagementsOf(pipedrive.id)).toHaveLength(10_050);
});
