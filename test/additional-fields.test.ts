import { printSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig, parseSettings } from '../src/config/config.ts';
import { createSchema, printedSchema } from '../src/graphql/schema.ts';
import { createEngagementSchema, createEngagementServer, printEngagementSchema } from '../src/library.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { runCli } from './support/run-cli.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const own = [
  { name: 'deal_stage', type: 'String', description: 'The stage of the deal.' },
  { name: 'regions', type: '[String!]', description: 'Where.' },
  { name: 'score', type: 'Int', description: 'From "0" \\ to 100.\n\u2028' },
  { name: 'weight', type: 'Float', description: 'A factor.' },
  { name: 'isKey', type: 'Boolean', description: 'True for key accounts.' },
  { name: 'synced_at', type: 'DateTime', description: 'When it was synced.' },
  { name: 'details', type: 'JSONObject', description: 'More.' },
  { name: 'anything', type: 'JSON', description: 'Any value.' },
] as const;

const values = {
  ...{ deal_stage: 'won', regions: ['EU', 7], score: 7, weight: 0.5, isKey: true },
  ...{ synced_at: '2026-01-31T09:00:00Z', details: { a: [1] }, anything: null },
};
const documented = { id: '1', subject: 'Hello', remote_data: { raw: true } };
const selection = 'dealStage regions score weight isKey syncedAt details anything';
const served = {
  ...{ dealStage: 'won', regions: ['EU', '7'], score: 7, weight: 0.5, isKey: true },
  ...{ syncedAt: '2026-01-31T09:00:00.000Z', details: { a: [1] }, anything: null },
};

let answer: Answer;
const upstream = await shared(startUpstream((request, response) => answer(request, response), 'capsule'));
const facade = await shared(startTestFacade(upstream.url, { ADDITIONAL_FIELDS: JSON.stringify(own) }));

const key = 'id: "1", integratedAccountId: "a"';
const remove = (fields: string, args = '') =>
  facade.post(
    `mutation { deleteEngagement(${key} ${args}) { ... on DeleteEngagementSuccess { engagement { ${fields} } warnings } } }`,
  );

describe('Engagement.additionalFields', () => {
  it('has the fields of a read that Truto does not document, by their names', async () => {
    answer = json(200, { ...documented, ...values });
    const { body } = await facade.post(`{ engagement(${key}) { subject additionalFields } }`);
    expect(body).toEqual({ data: { engagement: { subject: 'Hello', additionalFields: values } } });
  });

  it('is the same in a list, a delete, a snapshot and a create', async () => {
    const expected = { additionalFields: values };
    answer = json(200, { result: [{ ...documented, ...values }] });
    const list = await facade.post('{ engagements(integratedAccountId: "a") { nodes { additionalFields } } }');
    expect(list.body.data.engagements.nodes).toEqual([expected]);
    answer = json(200, { ...documented, ...values });
    expect((await remove('additionalFields')).body.data.deleteEngagement.engagement).toEqual(expected);
    answer = (request, response) =>
      json(200, request.method === 'GET' ? { ...documented, ...values } : { id: '1' })(request, response);
    const snapshot = await remove('additionalFields', 'snapshot: true');
    expect(snapshot.body.data.deleteEngagement.engagement).toEqual(expected);
    answer = json(200, { ...documented, ...values });
    const created = await facade.post(
      'mutation { createEngagement(integratedAccountId: "a", input: { subject: "Hello" }) { ... on CreateEngagementSuccess { engagement { additionalFields } } } }',
    );
    expect(created.body.data.createEngagement.engagement).toEqual(expected);
  });

  it('is null without such a field, and excludes none of the documented ones', async () => {
    answer = json(200, documented);
    const { body } = await facade.post(`{ engagement(${key}) { additionalFields subject } }`);
    expect(body).toEqual({ data: { engagement: { additionalFields: null, subject: 'Hello' } } });
    expect(upstream.seen.at(-1)?.query.truto_exclude_fields).toHaveLength(19);
  });

  it('is plain data under any names', async () => {
    const text =
      '{"id":"1","__proto__":{"polluted":true},"constructor":{"a":1},"integratedAccountId":"x","toString":1}';
    answer = (_request, response) => void response.setHeader('content-type', 'application/json').end(text);
    const { body } = await facade.post(`{ engagement(${key}) { additionalFields } }`);
    const { additionalFields } = body.data.engagement;
    expect(Object.keys(additionalFields)).toEqual(['constructor', 'integratedAccountId', 'toString']);
  });
});

it('prints additional fields in the terminal, among the others', async () => {
  const env = { SANDBOX: '1', SANDBOX_FIELDS: '{"deal_stage":"won"}' };
  const { stdout } = await runCli(['get', 'comes-back', '--account', sandboxAccount('Capsule').id], env);
  expect(JSON.parse(stdout).engagement).toMatchObject({ id: 'comes-back', deal_stage: 'won' });
});

describe('ADDITIONAL_FIELDS', () => {
  it('names a field that the answer to a delete lacks', async () => {
    answer = json(200, { id: '1' });
    for (const format of ['UNIFIED', 'RAW']) {
      const { warnings } = (await remove('dealStage', `format: ${format}`)).body.data.deleteEngagement;
      expect(warnings).toEqual([expect.stringContaining(' deal_stage.')]);
    }
  });

  it('gives each additional field its own typed field, in every operation', async () => {
    answer = json(200, { ...documented, ...values });
    const { body } = await facade.post(`{ engagement(${key}) { ${selection} } }`);
    expect(body).toEqual({ data: { engagement: served } });
    const deleted = await remove(selection);
    expect(deleted.body.data.deleteEngagement).toEqual({ engagement: served, warnings: [] });
    // The second one comes from the prepared plan.
    expect((await remove(selection)).body).toEqual(deleted.body);
  });

  it('leaves a value of the wrong type out of a delete, with a warning', async () => {
    const wrong = {
      deal_stage: {},
      regions: 'EU',
      score: 0.5,
      weight: 'CANARY',
      isKey: 1,
      synced_at: 'today',
      details: [],
    };
    answer = json(200, { ...documented, ...wrong, anything: 1 });
    const { engagement, warnings } = (await remove(`subject ${selection}`)).body.data.deleteEngagement;
    const nulls = Object.fromEntries(Object.keys(served).map((name) => [name, null]));
    expect(engagement).toEqual({ ...nulls, subject: 'Hello', anything: 1 });
    expect(warnings).toHaveLength(Object.keys(wrong).length);
    for (const name of Object.keys(wrong)) expect(warnings.join('\n')).toContain(name);
    expect(warnings.join('\n')).not.toContain('CANARY');
  });

  it('warns about a selected field that the answer to a delete lacks, by its name', async () => {
    answer = json(200, { id: '1' });
    expect((await remove('dealStage')).body.data.deleteEngagement.warnings).toEqual([
      expect.stringContaining('lacks deal_stage'),
    ]);
  });

  it.each(['none', 'federation', 'stitching'] as const)('is in the schema of the dialect %s', (dialect) => {
    const printed = printEngagementSchema({ dialect, additionalFields: own });
    for (const { name, type } of own) {
      const field = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
      expect(printed.includes(`  ${field}: ${type}\n`), field).toBe(true);
    }
    // Without it, a supergraph takes the schema for one of federation 1.
    expect(printed.includes('extend schema @link(')).toBe(dialect === 'federation');
    expect(printEngagementSchema({ dialect })).not.toContain('dealStage');
    const prefixed = { dialect, typePrefix: dialect === 'none' ? '' : 'Crm', provesCallers: true };
    expect(printedSchema({ ...prefixed, additionalFields: own })).toContain('The stage of the deal.');
    expect(printSchema(createSchema({ ...prefixed, additionalFields: own }))).toContain('dealStage: String');
  });

  const bad: [string, string, string][] = [
    ['text that is not JSON', '[', 'JSON'],
    ['no list', '{}', 'list'],
    ['an unknown type', '[{"name":"a","type":"Text","description":"A."}]', '0: type'],
    ['a type of this schema', '[{"name":"a","type":"Owner","description":"A."}]', '0: type'],
    ['a missing description', '[{"name":"a","type":"Int"}]', '0: description'],
    ['a description with half a character', '[{"name":"a","type":"Int","description":"\\ud800"}]', '0: description'],
    ['a further key', '[{"name":"a","type":"Int","description":"A.","x":1}]', '0'],
    ['a name that GraphQL does not allow', '[{"name":"a-b","type":"Int","description":"A."}]', '0: name'],
    ['a name that belongs to introspection', '[{"name":"__a","type":"Int","description":"A."}]', '0: name'],
  ];
  it.each(bad)('is refused at the start with %s', (_what, text, problem) => {
    const error = catchError(() => parseConfig({ ADDITIONAL_FIELDS: text }));
    expect(error).toBeInstanceOf(ConfigError);
    const { problems } = error as ConfigError;
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^ADDITIONAL_FIELDS must be /);
    expect(problems[0]).toContain(problem);
  });

  it.each([
    ...['subject', 'rawEngagementType', 'opportunity', 'start_time', 'startTime', 'nodeId', 'node_id'],
    ...['integrated_account_id', 'additionalFields', 'additional_fields'],
  ])('is refused at the start with the name %s, which an engagement already has', (name) => {
    const additionalFields = [{ name, type: 'String', description: 'Mine.' }] as const;
    for (const dialect of ['none', 'federation', 'stitching'] as const) {
      const error = catchError(() => createEngagementSchema({ dialect, additionalFields }));
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).problems).toEqual([expect.stringContaining(name)]);
    }
  });

  it('is refused at the start with two names for one field', () => {
    const twice = [own[0], { ...own[0], name: 'dealStage' }] as const;
    expect(() => createEngagementSchema({ additionalFields: twice })).toThrow(ConfigError);
    expect(() => createSchema({ additionalFields: [{ ...twice[0], name: '1' }] })).toThrow(ConfigError);
  });
});

describe('SANDBOX_FIELDS', () => {
  it('adds fields to the sandbox, which the schema and its answers then have', async () => {
    const settings = {
      ...{ PORT: 0, SANDBOX: true, SANDBOX_FIELDS: '{"deal_stage":"won","extra":{"a":1}}' },
      ADDITIONAL_FIELDS: JSON.stringify(own.slice(0, 1)),
    };
    await using server = closing(createEngagementServer(settings, { logTo: { write() {} } }));
    const url = await server.listen();
    const integratedAccountId = sandboxAccount('Capsule').id;
    const post = async (query: string) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ query, variables: { a: integratedAccountId } });
      const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
      return (await response.json()).data;
    };
    const { __type: type } = await post('{ __type(name: "Engagement") { fields { name description } } }');
    expect(type.fields).toContainEqual({ name: 'dealStage', description: own[0].description });
    const fields = { dealStage: 'won', additionalFields: { deal_stage: 'won', extra: { a: 1 } } };
    const { engagements } = await post(
      'query ($a: ID!) { engagements(integratedAccountId: $a, first: 1) { nodes { dealStage additionalFields } } }',
    );
    expect(engagements.nodes).toEqual([fields]);
    const { engagement } = await post(
      'query ($a: ID!) { engagement(id: "comes-back", integratedAccountId: $a) { dealStage additionalFields } }',
    );
    expect(engagement).toEqual(fields);
  });

  it('must be a JSON object, and is only for the sandbox', () => {
    for (const text of ['[]', '1', '{']) expect(() => parseSettings({ SANDBOX_FIELDS: text })).toThrow(ConfigError);
    const real = { AUTH_MODE: 'passthrough', SANDBOX_FIELDS: '{}' };
    expect(() => parseSettings(real)).toThrow(/SANDBOX_FIELDS is only for SANDBOX=1/);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
