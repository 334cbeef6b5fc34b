import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium, launchTimeoutMs } from '../support/chromium.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { json, startUpstream } from '../support/upstream.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
}, launchTimeoutMs);
afterAll(() => browser.close());

const placeholder = '"Authorization": "Bearer <your token>"';

describe("GraphiQL's headers", () => {
  it('have a place for the token where callers bring their own, in every tab, and what is put there is sent', async () => {
    await using upstream = await startUpstream(json(200, { subject: 'Renewal' }), 'planhat');
    await using server = await startServerProcess({
      AUTH_MODE: 'passthrough',
      TRUTO_BASE_URL: upstream.url,
      EXPOSE_SCHEMA: '1',
    });
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    for (const name of [...(await graphiql.tabNames())].reverse()) {
      await graphiql.clickTab(name);
      await expect.poll(() => graphiql.openTab()).toBe(name);
      expect(await graphiql.headers()).toContain(placeholder);
    }
    await graphiql.putToken('a-token-of-mine');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"outcome": "DELETED"');
    expect(upstream.deletes().map(({ headers }) => headers.authorization)).toEqual(['Bearer a-token-of-mine']);
    // The schema was there before: it is told to callers without a token of their own, where it is told at all.
    expect(graphiql.complaints).toEqual([]);
  });

  it('are empty in the sandbox, where a delete needs none', async () => {
    await using server = await startServerProcess({});
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    expect((await graphiql.headers()).trim()).toBe('');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"outcome": "DELETED"');
  });
});
