import { describe, expect, test } from 'vitest';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, seededEngagement } from './sandbox-call.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

const planhat = sandboxAccount('Planhat');
const path = `/unified/crm/engagements/${seededEngagement(planhat).id}`;

/** Truto's own error: the three fields and nothing of a provider. */
function trutoError(statusCode: number) {
  return { status: statusCode, body: { statusCode, error: expect.any(String), message: expect.any(String) } };
}

describe('Truto itself refuses', () => {
  test.each([{}, { authorization: '' }, { authorization: 'Bearer wrong' }, { authorization: 'Basic sandbox-token' }])(
    'with 401 the credentials %j',
    async (headers) => {
      const response = await fetch(`${sandbox.url}${path}?integrated_account_id=${planhat.id}`, { headers });
      expect({ status: response.status, body: await response.json() }).toEqual(trutoError(401));
    },
  );

  test('with 400 and an insight a call without integrated_account_id', async () => {
    const reply = await callSandbox(sandbox, { method: 'DELETE', path });
    expect(reply).toMatchObject(trutoError(400));
    expect(reply.body?.truto_error_insight).toMatchObject({
      missing_required_query_parameters: { value: ['integrated_account_id'] },
    });
  });

  test('with 404 an account it does not know', async () => {
    const id = '00000000-0000-4000-8000-999999999999';
    const reply = await callSandbox(sandbox, { method: 'DELETE', path, query: { integrated_account_id: id } });
    expect(reply).toMatchObject(trutoError(404));
    expect(reply.body).not.toHaveProperty('truto_is_remote_error');
    expect(await callSandbox(sandbox, { path: `/integrated-account/${id}` })).toMatchObject(trutoError(404));
  });

  test.each(sandboxAccounts.filter((account) => account.rule?.requiresEngagementType))(
    'with 400 a delete or read at $integration.label without engagement_type, and a delete with one it lacks',
    async (account) => {
      for (const method of ['DELETE', 'GET'] as const) {
        const call = engagementCall(method, account, seededEngagement(account), { engagement_type: undefined });
        const reply = await callSandbox(sandbox, call);
        expect(reply).toMatchObject(trutoError(400));
        expect(reply.body?.truto_error_insight).toMatchObject({
          missing_required_query_parameters: { value: ['engagement_type'] },
        });
      }
      const wrong = engagementCall('DELETE', account, seededEngagement(account), { engagement_type: 'task' });
      const reply = await callSandbox(sandbox, wrong);
      expect(reply).toMatchObject(trutoError(400));
      expect(reply.body).not.toHaveProperty('truto_error_insight');
    },
  );

  test('with 400 a delete at an integration that has none', async () => {
    const hubspot = sandboxAccount('HubSpot');
    const reply = await callSandbox(sandbox, engagementCall('DELETE', hubspot, seededEngagement(hubspot)));
    expect({ status: reply.status, body: reply.body }).toEqual(trutoError(400));
    expect((await callSandbox(sandbox, engagementCall('GET', hubspot, seededEngagement(hubspot)))).status).toBe(200);
  });

  test.each([
    ['truto_response_format', 'debug'],
    ['truto_response_format', ['raw', 'raw']],
    ['truto_ignore_remote_data', 'yes'],
    ['truto_exclude_fields', { a: 'b' }],
    ['remote_query', 'text'],
    ['engagement_type', 'fax'],
    ['sort_by', 'name'],
    ['created_at', 'yesterday'],
    ['created_at', '2026-13-01'],
    ['updated_at', '1767603600'],
    ['status', ['a', 'b']],
    ['account', '42'],
    ['account', { id: ['1', '2'] }],
    ['contact', '7'],
    ['contact', { id: '7' }],
    ['contact', [{ id: ['7', '8'] }]],
  ])('with 400 a malformed %s: %j', async (name, value) => {
    const reply = await callSandbox(
      sandbox,
      engagementCall('DELETE', planhat, seededEngagement(planhat), { [name]: value }),
    );
    expect(reply).toMatchObject(trutoError(400));
    expect(reply.body?.message).toContain(name);
  });

  test('with 400 a subject for something that is no email, at the integration that lists subject', async () => {
    const query = { subject: 'Renewal', engagement_type: 'call' };
    const reply = await callSandbox(sandbox, engagementCall('DELETE', planhat, seededEngagement(planhat), query));
    expect(reply).toMatchObject(trutoError(400));
  });

  test('with 404 an unknown path and with 405 a method that the path lacks', async () => {
    for (const unknown of ['/', '/unified', '/unified/crm/engagements/', '/unified/crm/engagements/1/2', '//']) {
      expect(await callSandbox(sandbox, { path: unknown })).toMatchObject(trutoError(404));
    }
    const reply = await callSandbox(sandbox, { method: 'PATCH', path });
    expect(reply).toMatchObject(trutoError(405));
    expect(reply.headers.get('allow')).toBe('GET, DELETE');
    expect(await callSandbox(sandbox, { method: 'DELETE' })).toMatchObject(trutoError(405));
  });
});

test('every documented parameter, well-formed, is accepted at the integration that lists them and at one that does not', async () => {
  const query = {
    truto_response_format: 'unified',
    truto_ignore_remote_data: false,
    truto_exclude_fields: ['owner', 'no_such_field'],
    remote_query: { expand: { a: ['1', '2'] } },
    engagement_type: 'email',
    sort_by: 'updated_at',
    content: 'c',
    subject: 's',
    direction: 'inbound',
    created_at: new Date(0),
    updated_at: '2026-01-05T09:00:00+01:00',
    status: 'completed',
    account: { id: '42' },
    contact: Array.from({ length: 30 }, (_, index) => ({ id: String(index) })),
  };
  for (const label of ['Planhat', 'Close', 'Zendesk Sell']) {
    const account = sandboxAccount(label);
    const email = seededEngagement(account, label === 'Planhat' ? 2 : 3);
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, email, query))).status).toBe(200);
  }
});
