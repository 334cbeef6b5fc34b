import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { remote, truto } from './support/outcome.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const document = `mutation Plan($id: ID! = "e1", $account: ID! = "a", $snapshot: Boolean! = false) {
  deleteEngagement(id: $id, integratedAccountId: $account, snapshot: $snapshot, dryRun: true) {
    __typename
    ... on DeleteEngagementPlan { wouldBeSent findings { severity path result } integration { name } }
  }
}`;

const account = (status: string) => json(200, { status, integration: { name: 'capsule' } });
const refusal = (path: string, result: string) => ({
  wouldBeSent: false,
  findings: [{ severity: 'REFUSAL', path: [path], result }],
});
const unchecked = {
  wouldBeSent: true,
  findings: [{ severity: 'WARNING', path: ['integratedAccountId'], result: null }],
};

describe('a dry run', () => {
  it.each<[string, Answer, object]>([
    ['nothing of an account that is connected', account('active'), { wouldBeSent: true, findings: [] }],
    ['that the token is refused', truto(401), refusal('Authorization', 'UNAUTHENTICATED')],
    ['that the account does not exist', truto(404), refusal('integratedAccountId', 'IntegratedAccountNotFoundError')],
    [
      'that it must be connected again, by its status',
      account('needs_reauth'),
      refusal('integratedAccountId', 'AccountNeedsReauthError'),
    ],
    [
      'that it must be connected again, by a 401 of the provider',
      remote(401),
      refusal('integratedAccountId', 'AccountNeedsReauthError'),
    ],
    ['that it is blocked', truto(503), refusal('integratedAccountId', 'AccountBlockedError')],
    ['that it could not be checked, since the token may not look', truto(403), unchecked],
    ['that it could not be checked, since the look-up fails', truto(500), unchecked],
    ['that it could not be checked, since a proxy answers 401', json(401, undefined), unchecked],
    ['that it could not be checked, since a proxy answers 404', json(404, { error: 'no route' }), unchecked],
    ['that it could not be checked, because upstream does not answer', () => {}, unchecked],
  ])('finds %s, and sends no delete', async (_what, lookUp, expected) => {
    await using upstream = await startUpstream(json(204, undefined), lookUp);
    await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', REQUEST_TIMEOUT_MS: '1000' });
    const { body } = await facade.post(document, {}, bearer('canary-token'));
    expect(body.errors).toBeUndefined();
    expect(body.data.deleteEngagement).toMatchObject(expected);
    expect(upstream.deletes()).toEqual([]);
  });

  it('shows every header of the request, and no credential or key in them', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { AUTH_MODE: 'passthrough' }, account('active'));
    const shown = document.replace('wouldBeSent', 'headers { name value }');
    const { body } = await facade.post(shown, {}, { ...bearer('canary-token'), 'idempotency-key': 'k' });
    const headers = body.data.deleteEngagement.headers as { name: string; value: string }[];
    const inBrackets = headers.filter(({ value }) => /^(Bearer )?\[.+\]$/.test(value)).map(({ name }) => name);
    expect(inBrackets.sort()).toEqual(['authorization', 'idempotency-key']);
    const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(headers).toContainEqual({ name: 'user-agent', value: `${name}/${version}` });
  });

  it("finds that the server's own token is refused, which no caller can fix", async () => {
    await using upstream = await startUpstream(json(204, undefined), truto(401));
    await using facade = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret });
    const { body } = await facade.post(document, {}, bearer(await signToken({ integrated_accounts: ['a'] })));
    expect(body.data.deleteEngagement).toMatchObject(refusal('integratedAccountId', 'UpstreamUnavailableError'));
  });

  it.each<[string, Answer]>([
    ['shown', account('active')],
    ['refused', truto(403)],
  ])('shows the current state of the account, not that of minutes ago: it was %s', async (_how, before) => {
    let lookUp = before;
    await using upstream = await startUpstream(json(204, undefined), (request, response) => lookUp(request, response));
    await using facade = await startTestFacade(upstream.url);
    await facade.post('mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }');
    lookUp = truto(404);
    await expect
      .poll(async () => (await facade.post(document)).body.data.deleteEngagement, { timeout: 10_000 })
      .toMatchObject(refusal('integratedAccountId', 'IntegratedAccountNotFoundError'));
  });

  it.each<[string, Answer, object]>([
    ['is there', json(200, { id: 'e1' }), { wouldBeSent: true, findings: [] }],
    ['is not there', remote(404), refusal('id', 'NotFoundError')],
    ['cannot be read', remote(403), refusal('id', 'ForbiddenError')],
    ['cannot be read for now', truto(502), refusal('id', 'UpstreamUnavailableError')],
  ])('with a snapshot reads the engagement, and finds that it %s', async (_what, read, expected) => {
    await using facade = await startFacadeOver(read, {}, account('active'));
    const { body } = await facade.post(document, { snapshot: true });
    expect(body.data.deleteEngagement).toMatchObject({ ...expected, integration: { name: 'Capsule' } });
    expect(facade.upstream.deletes()).toEqual([]);
  });

  it('without a snapshot reads only the account', async () => {
    await using facade = await startFacadeOver(remote(404), {}, account('active'));
    expect((await facade.post(document)).body.data.deleteEngagement).toMatchObject({ wouldBeSent: true });
    expect(facade.upstream.seen.map(({ path }) => path)).toEqual(['/integrated-account/a']);
  });

  it('finds the same with the sandbox', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const capsule = sandboxAccount('Capsule');
    const plan = async (variables: object) => (await facade.post(document, variables)).body.data.deleteEngagement;
    const [known] = seedEngagements(capsule);
    expect(await plan({ id: known?.id, account: capsule.id, snapshot: true })).toMatchObject({
      wouldBeSent: true,
      findings: [],
    });
    expect(await plan({ id: 'never-was', account: capsule.id, snapshot: true })).toMatchObject(
      refusal('id', 'NotFoundError'),
    );
    expect(await plan({ account: 'mistyped' })).toMatchObject(
      refusal('integratedAccountId', 'IntegratedAccountNotFoundError'),
    );
  });
});
