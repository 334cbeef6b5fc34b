import { describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { type GraphiQL, openGraphiQL } from '../support/graphiql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

const browser = await shared(launchChromium());
const server = await shared(
  startServerProcess({
    AUTH_MODE: 'passthrough',
    TRUTO_BASE_URL: 'http://127.0.0.1:1',
    EXPOSE_SCHEMA: '1',
  }),
);

/** What GraphiQL keeps in the browser, by the names that it has for it. */
const kept = ({ page }: GraphiQL, name: string) =>
  page.evaluate((key) => localStorage.getItem(`graphiql:${key}`) ?? '', name);

/** Everything that a reload must leave as it is. */
const seen = async (graphiql: GraphiQL) => ({
  tabs: await graphiql.tabNames(),
  open: await graphiql.openTab(),
  query: await graphiql.query(),
  variables: await graphiql.variables(),
  headers: await graphiql.headers(),
});

describe('GraphiQL, after a reload', () => {
  it('is as it was when it was opened', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    const before = await seen(graphiql);
    await expect.poll(() => kept(graphiql, 'tabState')).not.toBe('');
    await graphiql.reload();
    expect(await seen(graphiql)).toEqual(before);
  });

  it('keeps the open tab and the number of tabs, after several reloads', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.clickTab('DryRun');
    await expect.poll(() => graphiql.query()).toContain('mutation DryRun(');
    const before = await seen(graphiql);
    expect(before.open).toBe('DryRun');
    for (let time = 0; time < 2; time += 1) {
      // GraphiQL writes down what changed half a second later.
      await expect.poll(() => kept(graphiql, 'tabState')).toMatch(/"activeTabIndex":3/);
      await expect.poll(() => kept(graphiql, 'variables')).toContain('integratedAccountId');
      await graphiql.reload();
      expect(await seen(graphiql)).toEqual(before);
    }
  });

  it('keeps the typed query', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.putQuery('query Typed { integrations { name } }');
    await expect.poll(() => kept(graphiql, 'tabState')).toContain('query Typed');
    const before = await seen(graphiql);
    await graphiql.reload();
    expect(await seen(graphiql)).toEqual(before);
    expect(before.query).toContain('query Typed');
  });
});
