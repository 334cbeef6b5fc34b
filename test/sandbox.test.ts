import { describe, expect, test } from 'vitest';
import { type SandboxAccount, sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, seededEngagement } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

const deleting = sandboxAccounts.filter((account) => account.rule !== undefined);

/** The provider's own answer to the delete of the engagement at place 0: status and body, written by hand. */
function rawAnswer(label: string, id: string): readonly [status: number, body: unknown] {
  const answers: Readonly<Record<string, readonly [number, unknown]>> = {
    Affinity: [200, { success: true }],
    Capsule: [204, undefined],
    Close: [200, {}],
    Copper: [200, { id: Number(id), is_deleted: true }],
    Freshsales: [204, undefined],
    Highlevel: [201, { succeeded: true }],
    Keap: [204, undefined],
    'Monday CRM': [200, { data: { delete_timeline_item: { id } } }],
    OnePageCRM: [204, undefined],
    Pipedrive: [200, { success: true, data: { id: Number(id) } }],
    Pipeliner: [200, { success: true, data: id }],
    Planhat: [200, expect.objectContaining({ _id: id, type: 'call', archived: false })],
    'Zendesk Sell': [204, undefined],
    'Zoho CRM': [200, { data: [{ code: 'SUCCESS', details: { id }, message: 'record deleted', status: 'success' }] }],
  };
  return answers[label] ?? [0, undefined];
}

/** What unified mapping makes of it: 204, no id, the id alone, or (Planhat) nearly everything. */
function unifiedAnswer(label: string, id: string): readonly [status: number, body: unknown] {
  const [, remoteData] = rawAnswer(label, id);
  if (['Freshsales', 'Keap', 'OnePageCRM'].includes(label)) {
    return [204, undefined];
  }
  if (['Affinity', 'Close', 'Highlevel'].includes(label)) {
    return [200, { remote_data: remoteData }];
  }
  if (label === 'Planhat') {
    return [
      200,
      expect.objectContaining({ id, engagement_type: 'call', subject: expect.any(String), remote_data: remoteData }),
    ];
  }
  return [200, { id, ...(remoteData !== undefined && { remote_data: remoteData }) }];
}

describe.each(deleting)('a delete at $integration.label', (account) => {
  const label = account.integration.label;

  test.each(['unified', 'normalized', 'raw', 'stream'])('answers in the format %s', async (format) => {
    await using fresh = closing(await startSandbox());
    const engagement = seededEngagement(account);
    const call = engagementCall('DELETE', account, engagement, { truto_response_format: format });
    const [status, body] = ['raw', 'stream'].includes(format)
      ? rawAnswer(label, engagement.id)
      : unifiedAnswer(label, engagement.id);
    const reply = await callSandbox(fresh, call);
    expect(reply.status).toBe(status);
    expect(reply.body).toEqual(body);
    if (format === 'stream' && body !== undefined) {
      expect(reply.headers.get('content-length')).toBeNull();
      expect(reply.headers.get('content-type')).toContain('application/json');
    }
  });

  test('is refused the second time, in the shape of the provider', async () => {
    const call = engagementCall('DELETE', account, seededEngagement(account, 1));
    expect((await callSandbox(sandbox, call)).status).toBeLessThan(300);
    const again = await callSandbox(sandbox, call);
    expect(again.status).toBe(404);
    expect(again.body).toMatchObject({
      statusCode: 404,
      error: 'Not Found',
      message: expect.any(String),
      truto_is_remote_error: true,
      raw_response: notFoundBody(account),
      truto_error_insight: { remote_error: { description: expect.any(String) } },
    });
  });

  test('of comes-back succeeds each time, and the engagement is in no list', async () => {
    const engagement = { id: 'comes-back', engagement_type: seededEngagement(account).engagement_type };
    const call = engagementCall('DELETE', account, engagement);
    for (let time = 0; time < 2; time += 1) expect((await callSandbox(sandbox, call)).status).toBeLessThan(300);
    expect((await callSandbox(sandbox, engagementCall('GET', account, engagement))).status).toBe(200);
    const list = await callSandbox(sandbox, { query: { integrated_account_id: account.id, limit: 100 } });
    expect(list.text).not.toContain('comes-back');
  });

  test('is visible to a read', async () => {
    const engagement = seededEngagement(account, 2);
    const read = engagementCall('GET', account, engagement);
    expect((await callSandbox(sandbox, read)).body).toMatchObject({ ...engagement, remote_data: expect.anything() });
    await callSandbox(sandbox, engagementCall('DELETE', account, engagement));
    const gone = await callSandbox(sandbox, read);
    if (account.rule?.softDeletes) {
      // They keep a stub of what was deleted.
      const stub = { id: Number(engagement.id), is_deleted: true };
      const remoteData = label === 'Copper' ? stub : { success: true, data: stub };
      expect(gone.body).toEqual({ id: engagement.id, remote_data: remoteData });
    } else {
      expect(gone.status).toBe(404);
    }
  });

  test('knows an engagement under its own type only where the type is part of the address', async () => {
    const types = [...new Set(seedEngagements(account).map((engagement) => engagement.engagement_type))];
    const engagement = seededEngagement(account, 6);
    const other = types.find((type) => type !== engagement.engagement_type);
    const call = engagementCall('DELETE', account, engagement, { engagement_type: other });
    const reply = await callSandbox(sandbox, call);
    if (account.rule?.requiresEngagementType) {
      expect(reply).toMatchObject({ status: 404, body: { truto_is_remote_error: true } });
    } else {
      expect(reply.status).toBeLessThan(300);
    }
  });
});

/** The providers' documented error bodies; plain text where none is documented. */
function notFoundBody(account: SandboxAccount): unknown {
  const shapes: Readonly<Record<string, unknown>> = {
    Highlevel: { statusCode: 404, message: 'Not Found', error: 'Not Found' },
    Keap: { code: 5, status: 'NOT_FOUND', details: [{}] },
    'Monday CRM': { errors: [{ extensions: { status_code: 404 } }] },
    OnePageCRM: { status: 404, error_name: 'resource_not_found' },
    Pipedrive: { success: false, error: 'Not Found', data: null },
    Pipeliner: { success: false, http_status: 404, name: 'ERROR_PARAMETER_INVALID' },
    'Zendesk Sell': { errors: [{ meta: { type: 'error' } }], meta: { http_status: '404 Not Found' } },
    'Zoho CRM': { data: [{ code: 'INVALID_DATA', status: 'error' }] },
  };
  return shapes[account.integration.label] ?? 'Not Found';
}

describe('the parameters that shape a response', () => {
  const account = sandboxAccount('Planhat');

  test('truto_ignore_remote_data leaves remote_data out', async () => {
    const query = { truto_ignore_remote_data: true };
    const reply = await callSandbox(sandbox, engagementCall('GET', account, seededEngagement(account), query));
    expect(reply.body).toEqual(seededEngagement(account));
  });

  test.each([
    ['brackets', ['subject', 'content', 'id']],
    ['commas', 'subject,content,id'],
  ])('truto_exclude_fields with %s removes fields, and never the id', async (_form, fields) => {
    const query = { truto_exclude_fields: fields };
    const { body = {} } = await callSandbox(sandbox, engagementCall('GET', account, seededEngagement(account), query));
    expect(body).toMatchObject({ id: seededEngagement(account).id, status: expect.any(String) });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['subject']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['content']));
  });

  test('both apply to the answer of a delete', async () => {
    const query = { truto_ignore_remote_data: true, truto_exclude_fields: ['owner', 'contact', 'custom_fields'] };
    const { body = {} } = await callSandbox(
      sandbox,
      engagementCall('DELETE', account, seededEngagement(account, 9), query),
    );
    expect(body).toMatchObject({ id: seededEngagement(account, 9).id });
    for (const name of ['owner', 'contact', 'custom_fields', 'remote_data']) {
      expect(body).not.toHaveProperty(name);
    }
  });

  test('raw and stream reads are the record of the provider', async () => {
    for (const format of ['raw', 'stream']) {
      const query = { truto_response_format: format, truto_exclude_fields: ['subject'] };
      const { body } = await callSandbox(sandbox, engagementCall('GET', account, seededEngagement(account), query));
      expect(body).toMatchObject({ _id: seededEngagement(account).id, subject: expect.any(String) });
    }
  });

  test('rate-limit headers come with the providers that document limits', async () => {
    const close = sandboxAccount('Close');
    const limited = await callSandbox(sandbox, engagementCall('GET', close, seededEngagement(close)));
    expect(limited.headers.get('ratelimit-limit')).toBe('100;w=10');
    expect(Number(limited.headers.get('ratelimit-remaining'))).toBeLessThan(100);
    expect(Number(limited.headers.get('ratelimit-reset'))).toBeGreaterThan(0);
    const keap = sandboxAccount('Keap');
    const unlimited = await callSandbox(sandbox, engagementCall('GET', keap, seededEngagement(keap)));
    expect(unlimited.headers.get('ratelimit-limit')).toBeNull();
  });
});

test.each(sandboxAccounts)('the integrated account of $integration.label tells its integration', async (account) => {
  const { status, body } = await callSandbox(sandbox, { path: `/integrated-account/${account.id}` });
  expect(status).toBe(200);
  expect(body).toMatchObject({ id: account.id, status: 'active', integration: { name: account.integration.name } });
});

test('the record of requests has each request, with the provider query', async () => {
  const account = sandboxAccount('Capsule');
  const query = { remote_query: { foo: { bar: 'baz' } } };
  await callSandbox(sandbox, engagementCall('DELETE', account, seededEngagement(account, 12), query));
  const last = sandbox.requests.at(-1);
  expect(last?.method).toBe('DELETE');
  expect(decodeURIComponent(last?.url ?? '')).toContain('remote_query[foo][bar]=baz');
  expect(last?.headers.authorization).toBe('Bearer sandbox-token');
});
