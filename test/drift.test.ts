import { describe, expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { jsonLines } from './support/json-lines.ts';
import { truto } from './support/outcome.ts';
import { runCli } from './support/run-cli.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

async function counted({ url }: TestFacade): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.matchAll(/^engagements_contract_drift_total\{kind="(\w+)",resource="engagements"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, kind, count]) => [kind, Number(count)]));
}

const none = { unknown_key: 0, missing_key: 0, odd_type: 0, rule: 0 };
const remove = (selection = 'engagement { subject content }') =>
  `mutation { deleteEngagement(id: "1", integratedAccountId: "a") { __typename ... on DeleteEngagementSuccess { ${selection} } } }`;

async function start(answer: Answer, account: string | Answer = 'capsule') {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(answer, account));
  const facade = stack.use(await startTestFacade(upstream.url));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('a difference between Truto and its documentation', () => {
  it('is counted for each record of a read: undocumented keys, missing keys, and odd types', async () => {
    const odd = { id: '1', subject: { text: 'CANARY' }, deal_stage: 'CANARY', 'a b@CANARY': 1 };
    await using all = await start((request, response) =>
      json(200, request.path.endsWith('/1') ? odd : { result: [odd, { id: '2', subject: 'S', content: 'C' }] })(
        request,
        response,
      ),
    );
    expect(await counted(all.facade)).toEqual(none);
    await all.facade.post('{ engagement(id: "1", integratedAccountId: "a") { subject content } }');
    expect(await counted(all.facade)).toEqual({ unknown_key: 1, missing_key: 1, odd_type: 1, rule: 0 });
    await all.facade.post('{ engagements(integratedAccountId: "a") { nodes { subject content } } }');
    expect(await counted(all.facade)).toEqual({ unknown_key: 2, missing_key: 2, odd_type: 2, rule: 0 });
  });

  it('is logged once for each name, without values, and without keys that may be data', async () => {
    await using all = await start(json(200, { id: '1', subject: ['CANARY'], deal_stage: 'CANARY', 'a@CANARY': 1 }));
    for (const _ of [1, 2])
      await all.facade.post('{ engagement(id: "1", integratedAccountId: "a") { subject content } }');
    const lines = jsonLines(all.facade.logged());
    const drifts = lines.filter(({ kind }) => Object.hasOwn(none, kind)).map(({ kind, name }) => `${kind} ${name}`);
    expect(drifts.sort()).toEqual(['odd_type subject', 'unknown_key (other)', 'unknown_key deal_stage']);
    expect(all.facade.logged()).not.toContain('CANARY');
  });

  it('is not a field that the answer to a delete lacks', async () => {
    await using all = await start(json(200, { id: '1' }));
    await all.facade.post(remove());
    expect(await counted(all.facade)).toEqual(none);
  });

  it('is a documented parameter that Truto requires of a delete although the table does not', async () => {
    const missing = (name: string) =>
      truto(400, { truto_error_insight: { missing_required_query_parameters: { description: 'd', value: [name] } } });
    let answer = missing('region');
    await using all = await start((request, response) => answer(request, response));
    await all.facade.post(remove());
    expect(await counted(all.facade)).toEqual(none);
    answer = missing('engagement_type');
    // The table has no rules for reads.
    await all.facade.post('{ engagement(id: "1", integratedAccountId: "a") { subject content } }');
    expect(await counted(all.facade)).toEqual(none);
    await all.facade.post(remove());
    expect(await counted(all.facade)).toEqual({ ...none, rule: 1 });
  });

  it('is not a parameter that Truto requires of the look-up of an account', async () => {
    const value = ['engagement_type'];
    const insight = { missing_required_query_parameters: { description: 'd', value } };
    await using all = await start(json(204, undefined), truto(400, { truto_error_insight: insight }));
    await all.facade.post(remove());
    expect(await counted(all.facade)).toEqual(none);
  });
});

describe('an integration that cannot delete by our table', () => {
  const shown = { id: 'a', integration: { name: 'hubspot' } };
  /** Answers the look-up of the account, and the question for its methods. */
  const account =
    (capabilities: Answer): Answer =>
    (request, response) =>
      (request.path.endsWith('/capabilities') ? capabilities : json(200, shown))(request, response);
  const row = (names: unknown) => ({ model: 'crm', resource: 'engagements', methods: names });
  const methods = (...names: string[]) =>
    json(200, {
      ...{ integration: shown.integration, account: { id: 'a', status: 'active', is_blocked: false } },
      unified: [{ model: 'crm', resource: 'contacts', methods: ['delete'] }, row(names)],
    });

  it('is deleted from if Truto has the method by now, which is asked once and counted', async () => {
    await using all = await start(json(200, { id: '1' }), account(methods('list', 'delete')));
    for (const _ of [1, 2]) {
      const { body } = await all.facade.post(remove('outcome'));
      expect(body.data.deleteEngagement).toEqual({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    }
    expect(all.upstream.seen.filter(({ method }) => method === 'GET')).toHaveLength(2);
    expect(await counted(all.facade)).toEqual({ ...none, rule: 1 });
  });

  it.each<[string, Answer]>([
    ['says that it has not', methods('list', 'get')],
    ['has no row for engagements', json(200, { account: { id: 'a' }, unified: [] })],
    ['answers for another account', json(200, { account: { id: 'b' }, unified: [row(['delete'])] })],
    ['has no such route', truto(404, { message: 'Route not found' })],
    ['fails', truto(500)],
    ['has no list of methods', json(200, { account: { id: 'a' }, unified: [row('delete')] })],
    ['answers nonsense', json(200, { account: { id: 'a' }, unified: { methods: 'delete' } })],
  ])('is refused, and nothing is sent, if Truto %s', async (_what, capabilities) => {
    await using all = await start(json(200, { id: '1' }), account(capabilities));
    const { body } = await all.facade.post(remove('outcome'));
    expect(body.data.deleteEngagement.__typename).toBe('UnsupportedIntegrationError');
    expect(all.upstream.deletes()).toEqual([]);
  });
});

it('the capabilities of the sandbox have the methods of an account and of an integration', async () => {
  await using sandbox = closing(await startSandbox());
  const read = async (path: string) => {
    const response = await fetch(`${sandbox.url}${path}`, { headers: { authorization: `Bearer ${sandboxToken}` } });
    return { status: response.status, body: await response.json() };
  };
  const { id } = sandboxAccount('HubSpot');
  const query = 'capabilities?type=unified&resource=engagements';
  const { body } = await read(`/integrated-account/${id}/${query}`);
  expect(body).toMatchObject({
    integration: { name: 'hubspot' },
    unified: [{ model: 'crm', resource: 'engagements', methods: ['list', 'get'] }],
    account: { id, status: 'active', is_blocked: false },
  });
  const capsule = (await read(`/integration/capsule/${query}`)).body;
  expect(capsule.unified[0].methods).toEqual(['list', 'get', 'create', 'delete']);
  expect(capsule.account).toBeUndefined();
  expect((await read(`/integration/unknown/${query}`)).status).toBe(404);
  expect((await read(`/integrated-account/unknown/${query}`)).status).toBe(404);
});

describe('truto-engagements check --drift', () => {
  it('says how an account differs from the documentation, and changes nothing', async () => {
    await using sandbox = closing(await startSandbox({ additionalFields: { deal_stage: 'won' } }));
    const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: sandboxToken };
    const { code, stdout } = await runCli(['check', '--drift', '--account', sandboxAccount('HubSpot').id], env);
    expect(stdout).toMatch(/^DRIFT unknown_key .*: deal_stage$/m);
    expect(stdout).toMatch(/^ok +odd_type /m);
    // The table has a create for HubSpot, the sandbox has none.
    expect(stdout).toMatch(/^DRIFT rule .*: create$/m);
    expect(code).toBe(0);
    expect(new Set(sandbox.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
  });

  it.each([
    ['has a delete that our table does not have', 'hubspot', 'delete of .+'],
    ['is not in our table, so that nothing is compared', 'invented', 'methods were not compared: .+'],
  ])('does not call the methods right of an integration that %s', async (_what, name, finding) => {
    const methods = { model: 'crm', resource: 'engagements', methods: ['list', 'get', 'delete'] };
    const account: Answer = (request, response) => {
      const shown = json(200, { id: 'a', integration: { name } });
      const capabilities = json(200, { account: { id: 'a' }, unified: [methods] });
      // Any other is the account that does not exist, with which the command begins.
      const answer = request.path.endsWith('/capabilities') ? capabilities : truto(403);
      return (request.path.endsWith('/a') ? shown : answer)(request, response);
    };
    await using upstream = await startUpstream(json(200, { result: [] }), account);
    const env = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: 'a-token' };
    const { code, stdout } = await runCli(['check', '--drift', '--account', 'a'], env);
    expect(stdout).toMatch(new RegExp(`^DRIFT rule .*${finding}$`, 'm'));
    expect(stdout).not.toMatch(/^ok +rule /m);
    expect(code).toBe(0);
  });

  it('needs an account', async () => {
    const { code } = await runCli(['check', '--drift'], { TRUTO_API_TOKEN: 'a-token' });
    expect(code).toBe(2);
  });
});
