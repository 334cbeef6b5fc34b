import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { startTestFacade } from './support/facade.ts';
import { truto } from './support/outcome.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

let answer: Answer;
const upstream = await shared(startUpstream((request, response) => answer(request, response), 'capsule'));
const facade = await shared(startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' }));

const failure =
  '__typename ... on Error { message } ... on InvalidInputError { issues { path } } ... on OutcomeUnknownError { retrySafe }';

/** Each operation with a `trutoQuery`, and where its errors are. */
const operations = {
  engagement: 'query ($q: JSONObject) { engagement(id: "1", integratedAccountId: "a", trutoQuery: $q) { id } }',
  engagements: 'query ($q: JSONObject) { engagements(integratedAccountId: "a", trutoQuery: $q) { nodes { id } } }',
  deleteEngagement: `mutation ($q: JSONObject) { deleteEngagement(id: "1", integratedAccountId: "a", trutoQuery: $q) { ${failure} } }`,
  deleteEngagements: `mutation ($q: JSONObject) { deleteEngagements(items: [{ id: "1" }], integratedAccountId: "a", trutoQuery: $q) { results { ${failure} } } }`,
  createEngagement: `mutation ($q: JSONObject) { createEngagement(integratedAccountId: "a", input: { subject: "S", content: "C" }, trutoQuery: $q) { ${failure} } }`,
} as const;
const each = Object.entries(operations);

/** The paths of the issues in the answer, from a result or from `errors`. */
async function issuesOf(query: string, trutoQuery: object, server = facade): Promise<readonly string[][]> {
  const { body } = await server.post(parse(query), { q: trutoQuery });
  const [data] = Object.values(body.data ?? {}) as [{ results?: unknown[]; issues?: unknown } | null];
  const end = (data?.results?.[0] ?? data) as { issues?: { path: string[] }[] } | null;
  const issues = end?.issues ?? body.errors?.[0]?.extensions?.issues ?? [];
  return issues.map(({ path }: { path: string[] }) => path);
}

describe('trutoQuery', () => {
  it.each(each)('of %s reaches Truto as its own parameters, encoded', async (_name, query) => {
    answer = json(200, { id: '1', subject: 'S', result: [] });
    const trutoQuery = { region: 'eu', list: ['a', 'b'], 'a&b': { c: 'd e' }, none: null };
    await facade.post(query, { q: trutoQuery });
    const { query: sent, rawQuery } = upstream.seen.at(-1) ?? { query: {}, rawQuery: '' };
    expect(sent).toMatchObject({ region: 'eu', list: ['a', 'b'], 'a&b': { c: 'd e' }, none: '' });
    expect(rawQuery.match(/integrated_account_id=/g)).toHaveLength(1);
  });

  it.each([
    ['integrated_account_id', each],
    [' Integrated_Account_ID ', each],
    ['truto_response_format', each],
    ['truto_skip_api_call', each],
    ['TRUTO_KEY_BY', each],
    ['limit', each.filter(([name]) => name === 'engagements')],
    ['remote_query', each.filter(([name]) => name.startsWith('delete'))],
  ] as const)('S05 refuses the name %s, which would change what the answer means', async (name, which) => {
    const before = upstream.seen.length;
    for (const [, query] of which) {
      const [path] = await issuesOf(query, { [name]: '1' });
      expect(path?.[0]).toBe('trutoQuery');
    }
    expect(upstream.seen.slice(before).filter(({ path }) => path.startsWith('/unified/'))).toEqual([]);
  });

  it.each([
    { a: { b: { c: { d: { e: { f: 1 } } } } } },
    { '': 1 },
    { 'a[b]': 1 },
    { '7': 1 },
    { a: [] },
    { a: '\ud800' },
  ])('refuses %j, which a query string cannot express', async (trutoQuery) => {
    for (const [, query] of each) expect((await issuesOf(query, trutoQuery))[0]?.[0]).toBe('trutoQuery');
  });

  it.each(each)('names a parameter of %s that Truto requires', async (_name, query) => {
    answer = truto(400, {
      truto_error_insight: { missing_required_query_parameters: { description: 'd', value: ['region', 'tenant[id]'] } },
    });
    expect(await issuesOf(query, { other: 1 })).toEqual([
      ['trutoQuery', 'region'],
      ['trutoQuery', 'tenant', 'id'],
    ]);
  });

  it('makes an unknown outcome unsafe to repeat, and is sent once', async () => {
    answer = (_request, response) => response.destroy();
    const before = upstream.deletes().length;
    const { body } = await facade.post(operations.deleteEngagement, { q: { region: 'eu' } });
    expect(body.data.deleteEngagement).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(upstream.deletes()).toHaveLength(before + 1);
  });

  it('is in the read before a delete with a snapshot too', async () => {
    answer = json(200, { id: '1' });
    const query = operations.deleteEngagement.replace('trutoQuery: $q', 'trutoQuery: $q, snapshot: true');
    await facade.post(query, { q: { region: 'eu' } });
    const [read, remove] = upstream.seen.slice(-2);
    expect([read?.method, read?.query.region, remove?.query.region]).toEqual(['GET', 'eu', 'eu']);
  });

  it('keeps its names out of the log', async () => {
    for (const q of [{ truto_canary: 1 }, { 'canary[name]': 1 }, { canary: { 'canary[name]': 1 } }])
      expect((await issuesOf(operations.deleteEngagement, q))[0]?.[0]).toBe('trutoQuery');
    answer = truto(400, { details: { failures: [{ field: 'canary' }] } });
    expect(await issuesOf(operations.deleteEngagement, { canary: 1 })).toEqual([['trutoQuery', 'canary']]);
    expect(facade.logged()).toContain('Truto refused the input');
    expect(facade.logged()).not.toContain('canary');
  });
});

describe('a parameter that the sandbox requires', async () => {
  const sandbox = await shared(startSandbox({ requiredParameters: ['region'] }));
  const server = await shared(startTestFacade(sandbox.url));

  it.each(each)('is named to a caller of %s, who can then send it', async (_name, query) => {
    const own = query.replaceAll('"a"', `"${sandboxAccount('Capsule').id}"`).replaceAll('"1"', '"comes-back"');
    expect(await issuesOf(own, {}, server)).toEqual([['trutoQuery', 'region']]);
    const { body } = await server.post(own, { q: { region: 'eu' } });
    expect(body.errors).toBeUndefined();
    expect(JSON.stringify(body)).not.toContain('Error');
  });

  it('is named by a dry run that cannot read the engagement', async () => {
    const id = `id: "comes-back", integratedAccountId: "${sandboxAccount('Capsule').id}"`;
    const plan = '... on DeleteEngagementPlan { wouldBeSent findings { message } }';
    const query = `mutation { deleteEngagement(${id}, snapshot: true, dryRun: true) { ${plan} } }`;
    const { wouldBeSent, findings } = (await server.post(query)).body.data.deleteEngagement;
    expect(wouldBeSent).toBe(false);
    expect(findings).toMatchObject([{ message: expect.stringContaining('region') }]);
  });
});
