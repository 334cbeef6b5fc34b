import { describe, expect, test } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox } from './sandbox-call.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

function ask(query: Readonly<Record<string, unknown>>) {
  return callSandbox(sandbox, { query: { integrated_account_id: sandboxAccount('Planhat').id, ...query } });
}

describe('a list is refused', () => {
  test.each([
    { engagement_type: 'fax' },
    { engagement_type: { in: 'call' } },
    { status: { gt: 'a' } },
    { status: ['a', 'b'] },
    { subject: { like: 'x' } },
    { subject: { eq: '' } },
    { owner: { eq: '7' } },
    { owner: { id: '7', name: 'x' } },
    { contact: [''] },
    { lead: { id: { in: '7' } } },
    { created_at: { near: '2026-01-01' } },
    { created_at: { gt: 'soon' } },
    { updated_at: 'yesterday' },
    { updated_at: { lt: ['2026-01-01', '2026-01-02'] } },
    { start_time: '05.01.2026' },
    { end_time: { gt: '2026-02-30T25:00:00Z' } },
    { sort_by: 'start_time' },
    { sort_by: { subject: 'asc' } },
    { sort_by: { created_at: 'up' } },
    { sort_by: { created_at: 'asc', updated_at: 'asc' } },
  ])('for %j, naming the parameter', async (query) => {
    const reply = await ask(query);
    expect(reply).toMatchObject({ status: 400, body: { statusCode: 400, error: 'Bad Request' } });
    expect(reply.body).not.toHaveProperty('truto_is_remote_error');
    expect(reply.body?.message).toContain(Object.keys(query)[0]);
  });

  test.each([
    { start_time: { gt: '2026-02-01', lt: '2026-01-01' } },
    { end_time: { gt: '2026-02-01', lt: '2026-01-01' } },
    { start_time: '2026-02-01', end_time: '2026-01-01' },
    { start_time: { gt: '2026-02-01' }, end_time: { lt: '2026-01-01' } },
    { start_time: { gt: '2025-01-01', lt: '2026-01-02' } },
    { start_time: { gt: '2025-01-01' }, end_time: { lt: '2026-01-02' } },
    { start_time: '2025-01-01', end_time: '2026-01-01T00:00:00.001Z' },
  ])('for a time range that ends too early or is too long: %j', async (query) => {
    expect((await ask(query)).status).toBe(400);
  });

  test.each([
    { start_time: { gt: '2025-01-01' } },
    { start_time: { gt: '2024-01-01', lt: '2025-01-01' } },
    { start_time: { lt: '2026-06-01' }, end_time: { gt: '2026-01-01' } },
    { created_at: { gt: '2020-01-01', lt: '2030-01-01' } },
  ])('but not for %j', async (query) => {
    expect((await ask(query)).status).toBe(200);
  });
});
