import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium, launchTimeoutMs } from '../support/chromium.ts';
import { type GraphiQL, openGraphiQL } from '../support/graphiql.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

let browser: Browser;
let server: ServerProcess;
beforeAll(async () => {
  browser = await launchChromium();
  server = await startServerProcess({});
}, launchTimeoutMs);
afterAll(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

/** The prepared tabs, and what each is answered when somebody runs it as it is. */
const tabs: readonly (readonly [name: string, answers: readonly string[]])[] = [
  ['DeleteEngagement', ['"__typename": "DeleteEngagementSuccess"', '"outcome": "DELETED"']],
  ['DeleteWithSnapshot', ['"outcome": "DELETED"', '"notes": [']],
  ['DeleteEngagementRaw', ['"raw": {', '"success": true']],
  ['DeleteEngagementStream', ['"contentType": "application/json; charset=utf-8"', '"chunks": [']],
  ['DeleteEngagements', ['"__typename": "DeleteEngagementSuccess"', '"__typename": "NotFoundError"']],
  ['BreakARule', ['"__typename": "InvalidInputError"', '"engagementType"']],
  ['DryRun', ['"__typename": "DeleteEngagementPlan"', '"wouldBeSent": true', '"method": "DELETE"']],
  ['ListEngagements', ['"nodes": [', '"pageInfo": {']],
  ['ListWithPeople', ['"owner": {', '"name":']],
  ['Integrations', ['"name": "Affinity"', '"requiresEngagementType": true']],
];

describe('GraphiQL, to somebody who opens it for the first time', () => {
  it('S33 asks no other host for anything, and complains of nothing, such as a breach of its policy', async () => {
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

  it('S33 is shown in no frame of a page from elsewhere', async () => {
    const stranger = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end(`<iframe src="${server.endpoint}"></iframe>`),
    );
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const page = await browser.newPage();
    const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
    await page.goto(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}`);
    await refused;
    expect(page.frames().map((frame) => frame.url())).not.toContain(server.endpoint);
    await page.close();
    stranger.close();
    stranger.closeAllConnections();
  });

  it('S33 has nothing in its editors that came by a link', async () => {
    const query = 'mutation OfAStranger { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
    const link = `${server.endpoint}?${new URLSearchParams({ query, variables: '{}', headers: '{}' })}`;
    await using graphiql = await openGraphiQL(browser, link);
    expect(await graphiql.query()).toContain('mutation DeleteEngagement(');
    expect(await graphiql.tabNames()).not.toContain('OfAStranger');
    expect(graphiql.page.url()).toBe(server.endpoint);
  });

  it('has the prepared tabs, the first of them open', async () => {
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    expect(await graphiql.tabNames()).toEqual(tabs.map(([name]) => name));
    expect(await graphiql.openTab()).toBe('DeleteEngagement');
    expect(await graphiql.query()).toContain('mutation DeleteEngagement(');
    expect(await graphiql.variables()).toContain('"integratedAccountId"');
  });

  describe('has tabs', () => {
    let graphiql: GraphiQL;
    beforeAll(async () => {
      graphiql = await openGraphiQL(browser, server.endpoint);
    });
    afterAll(() => graphiql[Symbol.asyncDispose]());

    it.each(tabs)('%s opens at one click, and runs to the answer that it promises', async (name, answers) => {
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
