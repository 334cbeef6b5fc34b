import { describe, expect, it } from 'vitest';
import { integrations } from '../../src/engagement/integrations.ts';
import { launchChromium } from '../support/chromium.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

const browser = await shared(launchChromium());

/** The text without its line breaks: the editor continues a long line on the next, with the same indentation. */
const unbroken = (text: string) => text.replace(/\n */g, '');

describe('An error in GraphiQL', () => {
  it('of a rule says what is missing and which values are allowed, and fits without scrolling', async () => {
    await using server = await startServerProcess({});
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.clickTab('Rule');
    await expect.poll(() => graphiql.query()).toContain('mutation Rule(');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('InvalidInputError');
    const affinity = integrations.find(({ name }) => name === 'Affinity');
    const answer = JSON.parse(unbroken(await graphiql.answer()));
    expect(answer.data.deleteEngagement).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [
        { path: ['engagementType'], allowedValues: affinity?.engagementTypes.map((type) => type.toUpperCase()) },
      ],
      message: expect.stringContaining('engagementType'),
    });
    const pane = await graphiql.page.locator('.graphiql-response').boundingBox();
    const lines = graphiql.page.locator('.graphiql-response .view-line > span');
    const ends = await lines.evaluateAll((found) => found.map((line) => line.getBoundingClientRect().right));
    expect(ends.length).toBeGreaterThan(10);
    expect(Math.max(...ends)).toBeLessThanOrEqual((pane?.x ?? 0) + (pane?.width ?? 0));
  });

  it('of a missing token says where the token goes', async () => {
    await using server = await startServerProcess({
      AUTH_MODE: 'passthrough',
      TRUTO_BASE_URL: 'http://127.0.0.1:1',
      EXPOSE_SCHEMA: '1',
    });
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"UNAUTHENTICATED"');
    expect(unbroken(await graphiql.answer())).toContain('Authorization header');
  });
});
