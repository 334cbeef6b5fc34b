import { describe, expect, test } from 'vitest';
import contract from '../schema/upstream.json' with { type: 'json' };
import { integrations } from '../src/engagement/integrations.ts';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { showEngagement } from '../src/sandbox/providers.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox } from './sandbox-call.ts';

/** The id forms of the providers, as their own documentation has them. */
const idForms: Readonly<Record<string, RegExp>> = {
  Affinity: /^\d+$/,
  Capsule: /^\d+$/,
  Close: /^acti_[A-Za-z0-9]{43}$/,
  Copper: /^\d+$/,
  Freshsales: /^\d+$/,
  Highlevel: /^[A-Za-z0-9]{20}$/,
  Keap: /^\d+$/,
  'Monday CRM': /^\d+$/,
  OnePageCRM: /^[0-9a-f]{24}$/,
  Pipedrive: /^\d+$/,
  Pipeliner: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  Planhat: /^[0-9a-f]{24}$/,
  'Zendesk Sell': /^\d+$/,
  'Zoho CRM': /^\d{19}$/,
  HubSpot: /^\d+$/,
};

/** The last two digits of account ids that documents and callers have. */
const accountNumbers: Readonly<Record<string, string>> = {
  Affinity: '01',
  Capsule: '02',
  Close: '03',
  Copper: '04',
  Freshsales: '05',
  Highlevel: '06',
  Keap: '07',
  'Monday CRM': '08',
  OnePageCRM: '09',
  Pipedrive: '10',
  Pipeliner: '11',
  Planhat: '12',
  'Zendesk Sell': '13',
  'Zoho CRM': '14',
  HubSpot: '15',
};

/** The integrations of the sandbox that have projects at all. */
const withProjects = ['Capsule', 'Pipeliner', 'Planhat'];

describe('the accounts', () => {
  test('there is one per integration of the table, with its rule, and HubSpot', () => {
    expect(new Map(sandboxAccounts.map(({ integration, rule }) => [integration.label, rule]))).toEqual(
      new Map([...integrations.map((rule) => [rule.name, rule] as const), ['HubSpot', undefined]]),
    );
  });

  test('keep their ids, version 4 UUIDs, when integrations are added', () => {
    const ids = new Map(sandboxAccounts.map(({ id, integration }) => [integration.label, id]));
    expect(new Set(ids.values()).size).toBe(sandboxAccounts.length);
    for (const [label, number] of Object.entries(accountNumbers)) {
      expect(ids.get(label)).toBe(`00000000-0000-4000-8000-0000000000${number}`);
    }
  });

  test('have the slugs that are published', () => {
    const slugs = sandboxAccounts.map((account) => account.integration.name);
    expect(slugs).toEqual(expect.arrayContaining(['affinity', 'capsule', 'close', 'onepagecrm', 'zohocrm']));
  });

  test('an unknown label throws an error that names it', () => {
    expect(() => sandboxAccount('Salesforce')).toThrow('"Salesforce"');
  });
});

describe.each(sandboxAccounts)('the engagements of $integration.label', (account) => {
  const engagements = seedEngagements(account);

  test('are at least 20, with different ids in the form of the provider', () => {
    expect(engagements.length).toBeGreaterThanOrEqual(20);
    expect(new Set(engagements.map(({ id }) => id)).size).toBe(engagements.length);
    for (const { id } of engagements) {
      expect(id).toMatch(idForms[account.integration.label] ?? /never/);
    }
  });

  test('have only types that the integration can delete, and each of them', () => {
    const types = new Set(engagements.map((engagement) => engagement.engagement_type));
    const allowed = account.rule?.engagementTypes ?? [];
    expect(types).toEqual(new Set(allowed.length > 0 ? allowed : account.seededTypes));
  });

  test('show the provider a value in each of its own fields when they have one in each of theirs', () => {
    const shown = engagements.slice(0, 1).map((record) => showEngagement(account.provider, record));
    expect(JSON.stringify(shown)).toMatch(/^\[\{.*"/);
    expect(JSON.stringify(shown)).not.toMatch(/null|undefined/);
  });

  test('have every field with a value in the first, and each optional one null and left out somewhere', () => {
    const [first] = engagements;
    const names = Object.keys(first ?? {});
    const hasProjects = withProjects.includes(account.integration.label);
    const documented = new Set(contract.responseFields.map(({ name }) => name));
    const missing = hasProjects ? ['remote_data'] : ['remote_data', 'project'];
    expect([...names, ...missing].sort()).toEqual([...documented].sort());
    expect(Object.values(first ?? {})).not.toContain(null);
    for (const name of names.filter((candidate) => candidate !== 'id' && candidate !== 'engagement_type')) {
      expect(
        engagements.some((engagement) =>
          Object.entries(engagement).some(([key, value]) => key === name && value === null),
        ),
      ).toBe(true);
      expect(engagements.some((engagement) => !Object.hasOwn(engagement, name))).toBe(true);
    }
  });
});

test('a project is only on engagements of integrations that have projects', () => {
  const labels = sandboxAccounts
    .filter((account) => seedEngagements(account).some((engagement) => 'project' in engagement))
    .map((account) => account.integration.label);
  expect(labels).toEqual(withProjects);
});

describe('determinism', () => {
  test('two sandboxes are seeded alike and share nothing afterwards', async () => {
    const [first, second] = await Promise.all([startSandbox(), startSandbox()]);
    try {
      const query = { integrated_account_id: sandboxAccount('Pipedrive').id, limit: 100 };
      const before = await callSandbox(first, { query });
      expect((await callSandbox(second, { query })).text).toBe(before.text);
      const [engagement] = seedEngagements(sandboxAccount('Pipedrive'));
      await callSandbox(first, { method: 'DELETE', path: `/unified/crm/engagements/${engagement?.id}`, query });
      expect((await callSandbox(first, { query })).body?.result_count).toBe(Number(before.body?.result_count) - 1);
      expect((await callSandbox(second, { query })).text).toBe(before.text);
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });

  test('the ids that the README prints do not change', () => {
    const ids = sandboxAccounts.map((account) => `${account.integration.label} ${seedEngagements(account)[0]?.id}`);
    expect(ids).toMatchInlineSnapshot(`
      [
        "Affinity 52616431",
        "Capsule 176772543",
        "Close acti_AbR7Zcpc9NZsQahRajLCeklF8reQ7GZOdPBKM7NFoZl",
        "Copper 1559503461",
        "Freshsales 70015806915",
        "Highlevel kSadJd5A4V7AY49Y4zjf",
        "Keap 354261",
        "Monday CRM 4026239159",
        "OnePageCRM 5915f34cce144eca0b48ec4c",
        "Pipedrive 3624",
        "Pipeliner dc9ce97c-0709-432d-a6e9-51bcd04baa33",
        "Planhat 6cc3797ae773e1033adb86f1",
        "Zendesk Sell 67173743",
        "Zoho CRM 1386586052388756019",
        "HubSpot 51268925450",
      ]
    `);
  });
});
