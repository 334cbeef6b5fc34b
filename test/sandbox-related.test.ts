import { describe, expect, test } from 'vitest';
import { type SandboxAccount, sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { filtersByKind } from '../src/sandbox/list.ts';
import type { RelatedKind } from '../src/sandbox/providers.ts';
import { relatedIds, seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, relatedCall, type SandboxReply } from './sandbox-call.ts';
import { shared } from './support/shared.ts';

const sandbox = await shared(startSandbox());

const planhat = sandboxAccount('Planhat');

/** The documented fields of each resource besides `id`, by hand. */
const fields: Readonly<Record<RelatedKind, string>> = {
  users: 'name email is_active created_at updated_at urls',
  contacts:
    'first_name last_name name title account addresses email_addresses phone_numbers tags custom_fields owner urls last_activity_at created_at updated_at etag',
  accounts:
    'owner name description industry website number_of_employees addresses phone_numbers urls tags custom_fields last_activity_at created_at updated_at',
  opportunities:
    'name description amount currency owner account contact stage status tags custom_fields close_date last_activity_at created_at updated_at',
  leads:
    'owner lead_source lead_type status title contact account first_name last_name addresses email_addresses phone_numbers custom_fields created_at updated_at',
  projects:
    'name description amount currency owner account contact opportunity stage status tags created_at updated_at',
  notes: 'title owner content contact account opportunity lead visibility created_at updated_at urls',
};
const kinds = Object.keys(fields) as RelatedKind[];

/** Which resource each reference of any record leads to. */
const targets: Readonly<Record<string, RelatedKind>> = {
  owner: 'users',
  account: 'accounts',
  contact: 'contacts',
  opportunity: 'opportunities',
  lead: 'leads',
  project: 'projects',
  notes: 'notes',
};
const withoutUserGet = ['Affinity', 'Copper', 'Freshsales', 'Keap', 'Monday CRM'];
const withProjects = ['Capsule', 'Pipeliner', 'Planhat'];

test.each(kinds)('%s can be narrowed by documented fields only', (kind) => {
  const narrowing = filtersByKind[kind].split(' ');
  expect(narrowing.length).toBeGreaterThan(1);
  expect(fields[kind].split(' ')).toEqual(expect.arrayContaining(narrowing));
});

/** Everything a record refers to, as `users/7`, once each; with the name where the reference has one. */
function referencesOf(records: readonly object[]): ReadonlyMap<string, unknown> {
  const found = records.flatMap((record) =>
    Object.entries(record).flatMap(([field, value]) => {
      const kind = targets[field];
      const references: readonly { id: string; name?: unknown }[] =
        kind === undefined || value === null ? [] : [value].flat();
      return references.map(({ id, name }) => [`${kind}/${id}`, name] as const);
    }),
  );
  return new Map(found);
}

async function listAll(account: SandboxAccount, kind: RelatedKind): Promise<readonly Record<string, unknown>[]> {
  const query = { integrated_account_id: account.id, truto_ignore_remote_data: true, limit: 100 };
  const reply = await callSandbox(sandbox, { path: `/unified/crm/${kind}`, query });
  expect(reply.status).toBe(200);
  return JSON.parse(reply.text).result;
}

async function resolve(account: SandboxAccount, reference: string): Promise<SandboxReply> {
  const [kind = '', id = ''] = reference.split('/');
  return callSandbox(sandbox, relatedCall(account, kind as RelatedKind, id));
}

describe.each(sandboxAccounts)('at $integration.label', (account) => {
  const { label } = account.integration;
  const isReadable = (reference: string) => !reference.startsWith('users/') || !withoutUserGet.includes(label);
  const listable = kinds.filter((kind) => kind !== 'projects' || withProjects.includes(label));

  test('every reference of every engagement leads to a record with that id', async () => {
    const references = [...referencesOf(seedEngagements(account)).keys()];
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references.filter(isReadable)) {
      const reply = await resolve(account, reference);
      expect({ reference, status: reply.status }).toEqual({ reference, status: 200 });
      expect(`${reference.split('/')[0]}/${reply.body?.id}`).toBe(reference);
      expect(reply.body).toHaveProperty('remote_data');
    }
  });

  test('a list holds every record of the resource, and what they refer to is there under the same name', async () => {
    const byReference = new Map<string, Record<string, unknown>>();
    for (const kind of listable) {
      const records = await listAll(account, kind);
      expect(records.map(({ id }) => id)).toEqual(relatedIds(account, kind));
      for (const record of records) {
        byReference.set(`${kind}/${record.id}`, record);
      }
    }
    const references = referencesOf([...byReference.values()]);
    expect(references.size).toBeGreaterThan(15);
    for (const [reference, name] of [...references, ...referencesOf(seedEngagements(account))]) {
      expect(byReference.has(reference) ? reference : `no ${reference}`).toBe(reference);
      expect(name ?? byReference.get(reference)?.name).toBe(byReference.get(reference)?.name);
    }
  });

  test('the contacts of an opportunity are people of its account', async () => {
    const contacts = await listAll(account, 'contacts');
    for (const opportunity of await listAll(account, 'opportunities')) {
      const people = contacts.filter(({ id }) => referencesOf([opportunity]).has(`contacts/${id}`) && id);
      const employers = [...referencesOf(people.map((person) => ({ account: person.account ?? null }))).keys()];
      const [own] = [...referencesOf([{ account: opportunity.account ?? null }]).keys()];
      expect(employers.filter((employer) => own !== undefined && employer !== own)).toEqual([]);
    }
  });

  test.each(listable)('the first of %s has all documented fields, and some others lack some', async (kind) => {
    const [first = {}, ...others] = await listAll(account, kind);
    const names = fields[kind].split(' ');
    expect(Object.keys(first).toSorted()).toEqual([...names, 'id'].toSorted());
    expect(Object.values(first)).not.toContain(null);
    expect(names).toEqual(expect.arrayContaining(others.flatMap(Object.keys).filter((name) => name !== 'id')));
    expect(others.some((record) => Object.values(record).includes(null))).toBe(true);
    expect(others.some((record) => Object.keys(record).length < names.length + 1)).toBe(true);
  });

  test.each(kinds)('an id of another account is not found among %s', async (kind) => {
    const other = sandboxAccounts[(sandboxAccounts.indexOf(account) + 1) % sandboxAccounts.length] ?? planhat;
    const [id = ''] = relatedIds(other, kind);
    const reply = await callSandbox(sandbox, relatedCall(account, kind, id));
    const isRefused = kind === 'users' ? withoutUserGet.includes(label) : !listable.includes(kind);
    expect(reply).toMatchObject(
      isRefused ? { status: 400 } : { status: 404, body: { statusCode: 404, truto_is_remote_error: true } },
    );
  });
});

describe('an integration refuses what it does not support, as it refuses a delete', () => {
  const refusal = (method: string, kind: string, slug: string) => ({
    status: 400,
    body: {
      statusCode: 400,
      error: 'Bad Request',
      message: `Method ${method} of crm/${kind} is not supported by ${slug}`,
    },
  });

  test.each(withoutUserGet)('one user at %s, whose users can be listed', async (label) => {
    const account = sandboxAccount(label);
    const { status, body } = await callSandbox(sandbox, relatedCall(account, 'users', relatedIds(account, 'users')[0]));
    expect({ status, body }).toEqual(refusal('get', 'users', account.integration.name));
    expect(await listAll(account, 'users')).toHaveLength(4);
  });

  test.each(sandboxAccounts.filter(({ integration }) => !withProjects.includes(integration.label)))(
    'projects at $integration.label',
    async (account) => {
      for (const id of [undefined, relatedIds(account, 'projects')[0]]) {
        const { status, body } = await callSandbox(sandbox, relatedCall(account, 'projects', id));
        expect({ status, body }).toEqual(
          refusal(id === undefined ? 'list' : 'get', 'projects', account.integration.name),
        );
      }
    },
  );
});

describe.each(kinds)('%s', (kind) => {
  const [id = ''] = relatedIds(planhat, kind);
  const call = (query: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    callSandbox(sandbox, { ...relatedCall(planhat, kind, id, { ...query }), headers });

  test('leave out what is excluded, one by one and listed, and never the id', async () => {
    const [name = ''] = fields[kind].split(' ');
    const query = { truto_exclude_fields: [name, 'id', 'no_such_field'], truto_ignore_remote_data: true };
    const one = await call(query);
    expect(Object.keys(one.body ?? {}).toSorted()).toEqual([...fields[kind].split(' ').slice(1), 'id'].toSorted());
    const list = await callSandbox(sandbox, relatedCall(planhat, kind, undefined, query));
    expect(JSON.parse(list.text).result[0]).toEqual(one.body);
  });

  test('come in every format', async () => {
    const unified = await call();
    expect((await call({ truto_response_format: 'normalized' })).text).toBe(unified.text);
    for (const format of ['raw', 'stream']) {
      const reply = await call({ truto_response_format: format, truto_exclude_fields: ['name', 'title'] });
      expect(reply.body).toEqual(unified.body?.remote_data);
      expect(reply.headers.has('content-length')).toBe(format === 'raw');
    }
    const list = await callSandbox(
      sandbox,
      relatedCall(planhat, kind, undefined, { truto_response_format: 'raw', limit: 1 }),
    );
    expect(list.body).toEqual([unified.body?.remote_data]);
  });

  test("meet the same checks, faults and provider's limits as engagements", async () => {
    expect((await call({}, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await call({ integrated_account_id: '' })).status).toBe(400);
    expect((await call({ truto_response_format: 'debug' })).status).toBe(400);
    expect((await call({ remote_query: 'text' })).status).toBe(400);
    expect((await call()).headers.get('ratelimit-limit')).toBe('200;w=60');
    expect(await call({}, { 'x-sandbox-fault': 'fault-503' })).toMatchObject({
      status: 503,
      body: { statusCode: 503 },
    });
    expect((await call({ remote_query: { sandbox_fault: 'fault-504' } })).status).toBe(504);
    const reserved = (fault: string) => callSandbox(sandbox, relatedCall(planhat, kind, fault));
    expect(await reserved('fault-429')).toMatchObject({ status: 429, body: { truto_is_remote_error: true } });
    expect((await reserved('fault-429')).headers.get('retry-after')).toBe('2');
    expect((await reserved('fault-empty')).text).toBe('');
    await expect(reserved('fault-bad-json')).rejects.toThrow(SyntaxError);
    await expect(reserved('fault-reset-after')).rejects.toThrow();
    const methods = await callSandbox(sandbox, { ...relatedCall(planhat, kind, id), method: 'DELETE' });
    expect({ status: methods.status, allow: methods.headers.get('allow') }).toEqual({ status: 405, allow: 'GET' });
  });
});

test('the related records do not change: others print their ids', () => {
  const firstIds = kinds.map((kind) => `${kind} ${relatedIds(planhat, kind)[0]}`);
  expect(firstIds).toMatchInlineSnapshot(`
    [
      "users 6b04309ad9e8429100460168",
      "contacts 6a4ae56c524efcf3426bffee",
      "accounts 6a10e94e67c09a5f962c5262",
      "opportunities 6c36667191be2e97c45d29d2",
      "leads 6ec5c7b5cdb2f0cb1bcfd1bd",
      "projects 63a02175985e020882e61c61",
      "notes 654e221d24c214015e145a9b",
    ]
  `);
});
