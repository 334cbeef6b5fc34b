import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import type { EngagementRecord } from '../src/sandbox/providers.ts';
import { relatedIds, seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, relatedCall } from './sandbox-call.ts';
import { runs } from './support/runs.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

const account = sandboxAccount('Planhat');
const seed = seedEngagements(account);

type Query = Readonly<Record<string, unknown>>;

function ask(query: Query, path?: string) {
  const call = { query: { integrated_account_id: account.id, truto_exclude_fields: ['remote_data'], ...query } };
  return callSandbox(sandbox, path === undefined ? call : { ...call, path });
}

async function idsOf(query: Query, limit = 100): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const reply = await ask({ ...query, limit, next_cursor: cursor });
    expect(reply.status).toBe(200);
    const page: { result: { id: string }[]; next_cursor: string | null } = JSON.parse(reply.text);
    expect(page.result.length).toBe(page.next_cursor === null ? page.result.length : limit);
    ids.push(...page.result.map(({ id }) => id));
    cursor = page.next_cursor;
  }
  return ids;
}

/** One filter: what to send, and by what plain rule a record passes. */
interface Filter {
  readonly query: Query;
  readonly passes: (record: EngagementRecord) => boolean;
}

const all: Filter = { query: {}, passes: () => true };

function textFilter(name: 'engagement_type' | 'status' | 'subject' | 'content', isPart: boolean) {
  const values = seed.flatMap((record) => record[name] ?? []);
  const texts = fc
    .constantFrom(...values)
    .chain((value) =>
      isPart
        ? fc
            .nat(value.length - 1)
            .chain((start) =>
              fc.integer({ min: start + 1, max: value.length }).map((end) => value.slice(start, end).toUpperCase()),
            )
        : fc.constant(value),
    );
  return fc.tuple(texts, fc.boolean()).map(([text, hasOperator]): Filter => {
    const wanted = text.toLowerCase();
    return {
      query: { [name]: hasOperator ? { eq: text } : text },
      passes: (record) =>
        isPart ? record[name]?.toLowerCase().includes(wanted) === true : record[name]?.toLowerCase() === wanted,
    };
  });
}

const idForms: readonly ((ids: readonly string[]) => unknown)[] = [
  (ids) => ids,
  (ids) => ids.map((id) => ({ id })),
  (ids) => ({ id: ids }),
  ([id]) => id,
  ([id]) => ({ id }),
];

const kinds = {
  owner: 'users',
  account: 'accounts',
  contact: 'contacts',
  opportunity: 'opportunities',
  lead: 'leads',
} as const;

function referenceFilter(name: keyof typeof kinds) {
  const known = relatedIds(account, kinds[name]);
  const ids = fc.uniqueArray(fc.constantFrom(...known, 'nobody'), { minLength: 1, maxLength: 3 });
  return fc.tuple(ids, fc.nat(idForms.length - 1)).map(([chosen, form]): Filter => {
    const wanted = form >= 3 ? chosen.slice(0, 1) : chosen;
    return {
      query: { [name]: idForms[form]?.(chosen) },
      passes: (record) => [record[name] ?? []].flat().some(({ id }) => wanted.includes(id)),
    };
  });
}

function dateFilter(name: 'created_at' | 'updated_at' | 'start_time' | 'end_time') {
  const dates = fc.constantFrom(...seed.flatMap((record) => record[name] ?? []));
  const bounds = fc.tuple(fc.option(dates), fc.option(dates));
  return bounds.map(([one, other]): Filter => {
    const [gt, lt] = one !== null && other !== null && one > other ? [other, one] : [one, other];
    return gt === null && lt === null
      ? all
      : {
          query: { [name]: { ...(gt !== null && { gt }), ...(lt !== null && { lt }) } },
          passes: ({ [name]: date }) =>
            Boolean(date) && (gt === null || (date ?? '') > gt) && (lt === null || (date ?? '') < lt),
        };
  });
}

const single = [
  textFilter('engagement_type', false),
  textFilter('status', false),
  textFilter('subject', true),
  textFilter('content', true),
  referenceFilter('owner'),
  referenceFilter('account'),
  referenceFilter('contact'),
  referenceFilter('opportunity'),
  referenceFilter('lead'),
  dateFilter('created_at'),
  dateFilter('updated_at'),
  dateFilter('start_time'),
];
const several = fc.tuple(...single.map((filter) => fc.option(filter, { nil: all, freq: 2 }))).map(
  (chosen): Filter => ({
    query: Object.assign({}, ...chosen.map(({ query }) => query)),
    passes: (record) => chosen.every(({ passes }) => passes(record)),
  }),
);
/** Of several, few records pass: the ends of each filter show when it is alone. */
const filters = fc.oneof(...single, several);

const orders = fc.option(fc.tuple(fc.constantFrom('created_at', 'updated_at'), fc.constantFrom('asc', 'desc')));

describe('a filtered list', () => {
  test('gives over its pages exactly what a plain filter gives, each once, in order, with all filters and sorts', async () => {
    await fc.assert(
      fc.asyncProperty(filters, orders, fc.integer({ min: 3, max: 40 }), async (filter, order, limit) => {
        const expected = seed.filter(filter.passes);
        if (order !== null) {
          const [field, direction] = order;
          const key = (record: EngagementRecord) => record[field as 'created_at'] ?? '';
          const sign = direction === 'asc' ? 1 : -1;
          expected.sort((left, right) => sign * key(left).localeCompare(key(right)));
        }
        const sort = order === null ? {} : { sort_by: { [order[0]]: order[1] } };
        expect(await idsOf({ ...filter.query, ...sort }, limit)).toEqual(expected.map(({ id }) => id));
      }),
      { numRuns: runs(150) },
    );
  });

  test('narrows by each filter alone to something, and not to everything', async () => {
    const [first] = seed;
    const queries: readonly Query[] = [
      { engagement_type: 'call' },
      { owner: first?.owner?.id },
      { contact: relatedIds(account, 'contacts')[2] },
      { account: { id: first?.account?.id } },
      { opportunity: [relatedIds(account, 'opportunities')[1]] },
      { lead: first?.lead },
      { subject: 'integration' },
      { content: 'LYON' },
      { status: { eq: 'completed' } },
      { created_at: { gt: '2026-01-08' } },
      { updated_at: { lt: '2026-01-08T12:00:00+01:00' } },
      { start_time: { gt: '2026-01-06', lt: '2026-01-08' } },
      { end_time: { lt: '2026-01-08' } },
    ];
    for (const query of queries) {
      const { length } = await idsOf(query);
      expect({ query, isSome: length > 0 && length < seed.length }).toEqual({ query, isSome: true });
    }
  });

  test('takes start_time and end_time without operators as a window that includes its ends', async () => {
    const [from = '', to = ''] = [seed[4]?.start_time ?? '', seed[9]?.end_time ?? ''];
    const inWindow = seed.filter(({ start_time: start, end_time: end }) => start && end && start >= from && end <= to);
    expect(inWindow.length).toBeGreaterThan(2);
    expect(await idsOf({ start_time: from, end_time: to })).toEqual(inWindow.map(({ id }) => id));
  });

  test('takes a time without an offset as UTC', async () => {
    const moment = seed[5]?.created_at ?? '';
    expect(await idsOf({ created_at: moment.slice(0, 19) })).toEqual([seed[5]?.id]);
  });

  test('takes empty parameters as absent ones', async () => {
    expect(await idsOf({ owner: '', status: '', subject: '', created_at: '', sort_by: '' })).toHaveLength(seed.length);
  });

  test('lists related records by their own filters, sorted', async () => {
    const owner = relatedIds(account, 'users')[1];
    const query = { owner, created_at: { gt: '2025-01-01' }, sort_by: { created_at: 'desc' } };
    const reply = await callSandbox(sandbox, relatedCall(account, 'contacts', undefined, query));
    const result: { owner: { id: string }; created_at: string }[] = JSON.parse(reply.text).result;
    expect(result.length).toBeGreaterThan(0);
    expect(new Set(result.map((contact) => contact.owner.id))).toEqual(new Set([owner]));
    const dates = result.map((contact) => contact.created_at);
    expect(dates).toEqual(dates.toSorted().toReversed());
    const user = JSON.parse((await ask({}, '/unified/crm/users')).text).result[0];
    const byEmail = await ask({ email: { eq: user.email }, name: user.name.toUpperCase() }, '/unified/crm/users');
    expect(byEmail.body?.result).toEqual([user]);
  });
});
