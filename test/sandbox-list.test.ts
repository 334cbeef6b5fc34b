import { describe, expect, test } from 'vitest';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall } from './sandbox-call.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

interface ListBody {
  readonly result: readonly { readonly id: string; readonly engagement_type: string }[];
  readonly next_cursor: string | null;
  readonly prev_cursor: string | null;
  readonly result_count: number;
}

async function list(label: string, query: Readonly<Record<string, unknown>> = {}): Promise<ListBody> {
  const reply = await callSandbox(sandbox, { query: { integrated_account_id: sandboxAccount(label).id, ...query } });
  expect(reply.status).toBe(200);
  return JSON.parse(reply.text);
}

describe('a list', () => {
  test.each(sandboxAccounts)('of $integration.label gives each engagement once over its pages', async (account) => {
    const ids: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: ListBody = await list(account.integration.label, { limit: 7, next_cursor: cursor });
      expect(page.result).toHaveLength(page.result_count);
      ids.push(...page.result.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(ids).toEqual(seedEngagements(account).map(({ id }) => id));
  });

  test('has 25 records on a page by default', async () => {
    expect((await list('Keap')).result).toHaveLength(25);
    expect((await list('Keap', { limit: 100 })).next_cursor).toBeNull();
  });

  test('leads back by prev_cursor', async () => {
    const first = await list('Keap', { limit: 10 });
    const second = await list('Keap', { limit: 10, next_cursor: first.next_cursor });
    expect(first.prev_cursor).toBeNull();
    expect(await list('Keap', { limit: 10, next_cursor: second.prev_cursor })).toEqual(first);
  });

  test('can be sorted, either way', async () => {
    const up = await list('Zoho CRM', { sort_by: 'created_at', limit: 100 });
    const down = await list('Zoho CRM', { sort_by: { created_at: 'desc' }, limit: 100 });
    const dates = (page: ListBody) =>
      page.result.flatMap((item) => ('created_at' in item ? [item.created_at ?? ''] : []));
    expect(dates(up)).toEqual(dates(up).toSorted());
    expect(dates(down)).toEqual(dates(up).toReversed());
  });

  test('is a bare list of the records of the provider when raw', async () => {
    const query = { integrated_account_id: sandboxAccount('HubSpot').id, truto_response_format: 'raw' };
    const reply = await callSandbox(sandbox, { query });
    expect(JSON.parse(reply.text)[0]).toMatchObject({ properties: { hs_engagement_type: 'CALL' } });
  });

  test.each([{ limit: 0 }, { limit: 101 }, { limit: 'x' }, { next_cursor: 'nonsense' }])(
    'is refused for %j',
    async (query) => {
      const reply = await callSandbox(sandbox, {
        query: { integrated_account_id: sandboxAccount('Keap').id, ...query },
      });
      expect(reply).toMatchObject({ status: 400, body: { statusCode: 400, error: 'Bad Request' } });
      expect(reply.body).not.toHaveProperty('truto_is_remote_error');
    },
  );
});

const account = sandboxAccount('Monday CRM');
type Query = Readonly<Record<string, unknown>>;

interface Page {
  readonly ids: readonly string[];
  readonly next: string | null;
}

async function pageOf(query: Query): Promise<Page> {
  const reply = await callSandbox(sandbox, { query: { integrated_account_id: account.id, limit: 10, ...query } });
  expect(reply.status).toBe(200);
  const { result, next_cursor: next } = JSON.parse(reply.text);
  return { ids: result.map(({ id }: { id: string }) => id), next };
}

async function statusOf(query: Query, path = '/unified/crm/engagements'): Promise<number> {
  return (await callSandbox(sandbox, { path, query: { integrated_account_id: account.id, ...query } })).status;
}

describe('a cursor', () => {
  test.each([{}, { sort_by: { updated_at: 'desc' } }])(
    'continues where the last page ended, after deletes in between, with %j',
    async (sort) => {
      const query = { updated_at: { gt: '2026-01-06' }, limit: 3, ...sort };
      const whole = (await pageOf({ ...query, limit: 100 })).ids;
      const first = await pageOf(query);
      // One that was seen, and the very one that the next page starts with.
      for (const id of [whole[1], whole[3]]) {
        const engagement = seedEngagements(account).find((candidate) => candidate.id === id);
        const call = engagement && engagementCall('DELETE', account, engagement);
        expect(call && (await callSandbox(sandbox, call)).status).toBe(200);
      }
      const second = await pageOf({ ...query, next_cursor: first.next });
      expect(second.ids).toEqual(whole.slice(4, 7));
    },
  );

  test('is opaque', async () => {
    const { next } = await pageOf({});
    expect(next).toMatch(/^[\w-]+$/);
  });

  test('is accepted with another limit, another format, or the same query in another form', async () => {
    const cursor = (await pageOf({})).next;
    expect(await statusOf({ next_cursor: cursor, limit: 3 })).toBe(200);
    expect(await statusOf({ next_cursor: cursor, truto_response_format: 'raw', truto_exclude_fields: ['owner'] })).toBe(
      200,
    );
    expect(await statusOf({ next_cursor: cursor, remote_query: { a: 'b' }, owner: '' })).toBe(200);
    const { owner } = seedEngagements(account)[0] ?? {};
    const owned = await pageOf({ owner: [owner?.id, '7'], limit: 1 });
    expect(await statusOf({ next_cursor: owned.next, owner: [{ id: '7' }, { id: owner?.id }] })).toBe(200);
  });

  test.each([
    { status: 'completed' },
    { owner: '7' },
    { created_at: { gt: '2026-01-01' } },
    { sort_by: { created_at: 'asc' } },
    { integrated_account_id: sandboxAccount('Pipedrive').id },
  ])('is refused by the list with other filters: %j', async (query) => {
    const { next } = await pageOf({});
    expect(await statusOf({ next_cursor: next })).toBe(200);
    expect(await statusOf({ next_cursor: next, ...query })).toBe(400);
  });

  test('is refused by another resource, and when the order is another or gone', async () => {
    const { next } = await pageOf({ sort_by: { created_at: 'asc' } });
    expect(await statusOf({ next_cursor: next, sort_by: { created_at: 'desc' } })).toBe(400);
    expect(await statusOf({ next_cursor: next })).toBe(400);
    expect(await statusOf({ next_cursor: (await pageOf({})).next }, '/unified/crm/contacts')).toBe(400);
  });

  test.each(['nonsense', 'cGxhY2U6MTA', '%00', 'a'.repeat(2000)])('is refused when malformed: %s', async (cursor) => {
    expect(await statusOf({ next_cursor: cursor })).toBe(400);
    expect(await statusOf({ next_cursor: [cursor, cursor] })).toBe(400);
  });
});
