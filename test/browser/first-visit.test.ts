import { createServer } from 'node:http';
import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { closing } from '../support/closing.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { listen } from '../support/listen.ts';
import { startRedis } from '../support/redis-server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

const browser = await shared(launchChromium());
const redis = await shared(startRedis());
const server = await shared(startServerProcess({ SANDBOX: '1', REDIS_URL: redis.url }));

/** The prepared tabs of the sandbox, and parts of the result when each is run unchanged. */
const tabs: readonly (readonly [name: string, answers: readonly string[]])[] = [
  ['List', ['"nodes": [', '"pageInfo": {']],
  ['People', ['"owner": {', '"name":']],
  ['Integrations', ['"name": "Affinity"', '"requiresEngagementType": true']],
  ['DryRun', ['"__typename": "DeleteEngagementPlan"', '"wouldBeSent": true', '"method": "DELETE"']],
  ['Rule', ['"__typename": "InvalidInputError"', '"engagementType"']],
  ['Delete', ['"__typename": "DeleteEngagementSuccess"', '"outcome": "DELETED"']],
  ['Snapshot', ['"outcome": "DELETED"', '"notes": [']],
  ['Raw', ['"raw": {', '"success": true']],
  ['Stream', ['"contentType": "application/json; charset=utf-8"', '"chunks": [']],
  ['Many', ['"outcome": "DELETED"', '"outcome": "ACCEPTED"', '"__typename": "NotFoundError"']],
  ['Fault', ['"__typename": "ForbiddenError"', '"missingScopes": [']],
  ['Unknown', ['"__typename": "OutcomeUnknownError"', '"retrySafe": true']],
  ['Bulk', ['"total": 3']],
];

const rightOf = async (locator: Locator) => {
  const box = await locator.boundingBox();
  return (box?.x ?? Number.NaN) + (box?.width ?? Number.NaN);
};

describe('GraphiQL on the first visit', () => {
  it('S33 requests nothing from other hosts, and logs no complaint, such as a violation of its policy', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.clickTab('Integrations');
    await expect.poll(() => graphiql.query()).toContain('query Integrations');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"data"');
    const { origin } = new URL(server.endpoint);
    expect(graphiql.requested.filter((address) => new URL(address).origin !== origin)).toEqual([]);
    // The page, its files, its schema, and what was run.
    expect(graphiql.requested.length).toBeGreaterThanOrEqual(3);
    expect(graphiql.complaints).toEqual([]);
  });

  it('S33 is not shown in a frame of another site', async () => {
    await using stranger = await listen(
      createServer((_request, response) =>
        response.setHeader('content-type', 'text/html').end(`<iframe src="${server.endpoint}"></iframe>`),
      ),
    );
    await using page = closing(await browser.newPage());
    const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
    await page.goto(stranger.url);
    await refused;
    expect(page.frames().map((frame) => frame.url())).not.toContain(server.endpoint);
  });

  it('S33 does not fill its editors from a link', async () => {
    const query = 'mutation OfAStranger { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
    const link = `${server.endpoint}?${new URLSearchParams({ query, variables: '{}', headers: '{}' })}`;
    await using graphiql = await openGraphiQL(browser, link);
    expect(await graphiql.query()).toContain('query List(');
    expect(await graphiql.tabNames()).not.toContain('OfAStranger');
    expect(graphiql.page.url()).toBe(server.endpoint);
  });

  it('shows all prepared tabs at 1280 pixels, and opens a read', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    expect(await graphiql.tabNames()).toEqual([...tabs.map(([name]) => name), 'Progress']);
    expect(await graphiql.openTab()).toBe('List');
    expect(await graphiql.query()).toContain('query List(');
    expect(await graphiql.variables()).toContain('"integratedAccountId"');
    const add = await graphiql.page.getByRole('button', { name: 'New tab' }).boundingBox();
    const last = await rightOf(graphiql.page.getByRole('tab').last());
    // Tabs that find no room are scrolled out of sight, below the button after them.
    expect(last).toBeLessThanOrEqual(add?.x ?? 0);
  });

  it('runs the open tab at Ctrl+Enter, before any click', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.page.keyboard.press('Control+Enter');
    await expect.poll(() => graphiql.answer()).toContain('"nodes": [');
  });

  it('runs the typed query at Ctrl+Enter, also right after the last key', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    const { keyboard } = graphiql.page;
    await graphiql.page.locator('.graphiql-query-editor .view-lines').click();
    await keyboard.press('ControlOrMeta+A');
    await keyboard.insertText('query Typed { integrations { name } }');
    await keyboard.press('ControlOrMeta+Enter');
    await expect.poll(() => graphiql.answer()).toContain('"Affinity"');
  });

  it('runs once when Ctrl+Enter is held down', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    const { page } = graphiql;
    await graphiql.clickTab('Delete');
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    await page.keyboard.down('Control');
    for (let time = 0; time < 5; time += 1) await page.keyboard.down('Enter');
    await expect.poll(() => graphiql.answer()).toContain('"outcome": "DELETED"');
    await page.keyboard.up('Enter');
    // One more run, so that all that the held keys caused is sent before it.
    await graphiql.clickTab('Integrations');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => graphiql.answer()).toContain('"Affinity"');
    expect(sent.filter((body) => body.includes('mutation Delete'))).toHaveLength(1);
  });

  it('does not run another tab that is opened right after Ctrl+Enter', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    const { page } = graphiql;
    // The run waits for 200 ms: it is held back until the other tab is open. Later timers of that length are others'.
    await page.evaluate(() => {
      const { setTimeout: usual } = window;
      const hold = (run: () => void, ms: number) =>
        ms === 200 && !('held' in window) ? Object.assign(window, { held: run }) : usual(run, ms);
      Object.assign(window, { setTimeout: hold });
    });
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    await page.keyboard.press('Control+Enter');
    await graphiql.clickTab('Delete');
    await page.evaluate(() => (window as unknown as { held(): void }).held());
    await graphiql.clickTab('Integrations');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"Affinity"');
    expect(sent.filter((body) => body.includes('mutation Delete'))).toEqual([]);
  });

  it('is reached from /', async () => {
    await using graphiql = await openGraphiQL(browser, new URL('/', server.endpoint).href);
    expect(graphiql.page.url()).toBe(server.endpoint);
    expect(graphiql.complaints).toEqual([]);
  });

  it('keeps a history of operations', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.clickTab('Integrations');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"Affinity"');
    await graphiql.page.getByRole('button', { name: 'Show History' }).click();
    const history = graphiql.page.getByRole('region', { name: 'History' });
    await expect.poll(() => history.innerText()).toContain('Integrations');
  });

  it('follows a bulk delete to its end by the id that starting it gave', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.clickTab('Bulk');
    await graphiql.run();
    const id = /"id": "([^"]+)"/;
    await expect.poll(() => graphiql.answer()).toMatch(id);
    const [, started] = id.exec(await graphiql.answer()) ?? [];
    await graphiql.clickTab('Progress');
    await graphiql.putVariables(JSON.stringify({ id: started }));
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"state": "COMPLETED"');
    for (const outcome of ['"deleted": 1', '"accepted": 1', '"notFound": 1'])
      expect(await graphiql.answer()).toContain(outcome);
  });

  it('fits a phone: at 390 pixels, editors and result are below each other, and nothing is cut off', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint, { viewport: { width: 390, height: 844 } });
    const { page } = graphiql;
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.getByRole('button', { name: 'Execute query' }).click();
    await expect.poll(() => graphiql.answer()).toContain('"nodes": [');
    const [query, answer] = [page.locator('.graphiql-query-editor'), page.locator('.graphiql-response')];
    for (const part of [query, answer]) {
      const box = await part.boundingBox();
      expect(box?.width).toBeGreaterThan(340);
      expect(box?.height).toBeGreaterThan(250);
      expect(await rightOf(part)).toBeLessThanOrEqual(390);
    }
    const above = await query.boundingBox();
    expect((await answer.boundingBox())?.y).toBeGreaterThan((above?.y ?? 0) + (above?.height ?? 0));
    // The page ends with the answer.
    const pageHeight = await page.evaluate(() => document.documentElement.scrollHeight);
    expect(pageHeight).toBeLessThan(1_300);
    await page.getByRole('tab').last().scrollIntoViewIfNeeded();
    expect(graphiql.complaints).toEqual([]);
  });

  it('is replaced by a page with its own style where the schema is not exposed', async () => {
    await using closed = await startServerProcess({ AUTH_MODE: 'passthrough' });
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(new URL('/', closed.endpoint).href);
    const width = await page.locator('body').evaluate((body) => getComputedStyle(body).maxWidth);
    await page.close();
    // A favicon is asked for by the browser itself, and is not there.
    expect([width, complaints.filter((text) => !text.includes('404'))]).toEqual(['640px', []]);
  });

  describe('has tabs', async () => {
    const graphiql = await shared(openGraphiQL(browser, server.endpoint, { viewport: { width: 1280, height: 1000 } }));

    it.each(tabs)('%s opens at one click, and has the expected result', async (name, answers) => {
      await graphiql.clickTab(name);
      await expect.poll(() => graphiql.openTab()).toBe(name);
      await expect.poll(() => graphiql.query()).toMatch(new RegExp(`(query|mutation) ${name}\\b`));
      await graphiql.run();
      for (const answer of answers) await expect.poll(() => graphiql.answer()).toContain(answer);
      expect(await graphiql.answer()).not.toContain('"errors"');
      // What the editor finds wrong with a document or its variables, it underlines.
      await expect.poll(() => graphiql.page.locator('.squiggly-error').count()).toBe(0);
      expect(graphiql.complaints).toEqual([]);
    });
  });
});
