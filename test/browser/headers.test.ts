import { describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { type GraphiQL, openGraphiQL } from '../support/graphiql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';
import { json, startUpstream } from '../support/upstream.ts';

const browser = await shared(launchChromium());

const passthrough = (url: string) => ({ AUTH_MODE: 'passthrough', TRUTO_BASE_URL: url, EXPOSE_SCHEMA: '1' });

const stored = ({ page }: GraphiQL) =>
  page.evaluate(async () =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, await indexedDB.databases()]),
  );

describe("GraphiQL's headers", () => {
  it('S33 have the token where callers bring their own: it is entered once, and sent from every tab', async () => {
    await using upstream = await startUpstream(json(200, { subject: 'Renewal' }), 'planhat');
    await using server = await startServerProcess(passthrough(upstream.url));
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.putToken('a-token-of-mine');
    for (const name of ['List', 'Integrations']) {
      await graphiql.clickTab(name);
      await graphiql.putQuery(
        `mutation Of${name} { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }`,
      );
      expect((await graphiql.headers()).trim()).toBe('');
      await graphiql.run();
      await expect.poll(() => graphiql.answer()).toContain('DeleteEngagementSuccess');
    }
    expect(upstream.deletes().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer a-token-of-mine',
      'Bearer a-token-of-mine',
    ]);
    // The schema was there before: it is shown to callers without a token, where it is shown at all.
    expect(graphiql.complaints).toEqual([]);
  });

  it('S33 and the token are not stored, also not in the history, and are lost at a reload', async () => {
    await using upstream = await startUpstream(json(200, {}), 'planhat');
    await using server = await startServerProcess(passthrough(upstream.url));
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.putToken('a-token-of-mine');
    await graphiql.putHeaders('{ "Idempotency-Key": "a-header-of-mine" }');
    await graphiql.putQuery('mutation Typed { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }');
    const sent = graphiql.page.waitForRequest((request) => request.postData()?.includes('mutation Typed') ?? false);
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('DeleteEngagementSuccess');
    expect((await sent).headers()).toMatchObject({ 'idempotency-key': 'a-header-of-mine' });
    // GraphiQL stores tabs half a second late: once the last change is there, so is all that there will be.
    await expect
      .poll(() => graphiql.page.evaluate(() => localStorage.getItem('graphiql:tabState')))
      .toContain('mutation Typed');
    expect(await stored(graphiql)).not.toContain('of-mine');
    await graphiql.reload();
    expect(await graphiql.query()).toContain('mutation Typed');
    expect((await graphiql.headers()).trim()).toBe('');
    expect(await graphiql.page.getByLabel('Token').inputValue()).toBe('');
    expect(graphiql.page.url()).toBe(server.endpoint);
  });

  it('are empty in the sandbox, where a delete needs no token', async () => {
    await using server = await startServerProcess({});
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    expect((await graphiql.headers()).trim()).toBe('');
    expect(await graphiql.page.getByLabel('Token').count()).toBe(0);
    await graphiql.clickTab('Delete');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"outcome": "DELETED"');
  });
});

describe('GraphiQL over a real upstream', () => {
  it('has no tab that deletes, and no id of the sandbox', async () => {
    await using upstream = await startUpstream(json(200, {}), 'planhat');
    await using server = await startServerProcess(passthrough(upstream.url));
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    const names = await graphiql.tabNames();
    expect(names).toEqual(['List', 'People', 'Integrations', 'DryRun']);
    for (const name of names) {
      await graphiql.clickTab(name);
      await expect.poll(() => graphiql.openTab()).toBe(name);
      expect(await graphiql.variables()).not.toMatch(/\w{3}-|\d/);
    }
    await graphiql.clickTab('DryRun');
    expect(JSON.parse(await graphiql.variables())).toEqual({ id: '', integratedAccountId: '' });
  });

  it('does not bring back the tabs of a sandbox that was at the same address before', async () => {
    const sandbox = await startServerProcess({});
    await using graphiql = await openGraphiQL(browser, sandbox.endpoint);
    await graphiql.clickTab('Delete');
    const kept = () => graphiql.page.evaluate(() => localStorage.getItem('graphiql:tabState'));
    await expect.poll(kept).toMatch(/"activeTabIndex":5/);
    await sandbox[Symbol.asyncDispose]();
    await using upstream = await startUpstream(json(200, {}), 'planhat');
    const { port } = new URL(sandbox.endpoint);
    await using server = await startServerProcess({ ...passthrough(upstream.url), PORT: port });
    expect(server.endpoint).toBe(sandbox.endpoint);
    await graphiql.reload();
    expect(await graphiql.tabNames()).toEqual(['List', 'People', 'Integrations', 'DryRun']);
    expect(await graphiql.query()).toContain('query List(');
    expect(JSON.parse(await graphiql.variables())).toEqual({ integratedAccountId: '' });
  });
});
