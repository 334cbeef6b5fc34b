import { describe, expect, test } from 'vitest';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox } from './sandbox-call.ts';
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
  test.each(sandboxAccounts)(
    'of $integration.label gives every engagement exactly once over its pages',
    async (account) => {
      const ids: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: ListBody = await list(account.integration.label, { limit: 7, next_cursor: cursor });
        expect(page.result).toHaveLength(page.result_count);
        ids.push(...page.result.map(({ id }) => id));
        cursor = page.next_cursor;
      }
      expect(ids).toEqual(seedEngagements(account).map(({ id }) => id));
    },
  );

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
