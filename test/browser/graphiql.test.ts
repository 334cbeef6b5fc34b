import { describe, expect, it } from 'vitest';
import { integrations } from '../../src/engagement/integrations.ts';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { started } from '../support/bulk.ts';
import { launchChromium } from '../support/chromium.ts';
import { postTo } from '../support/fetch-graphql.ts';
import { type GraphiQL, openGraphiQL } from '../support/graphiql.ts';
import { startRedis } from '../support/redis-server.ts';
import { schema } from '../support/schema.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';
import { startUpstream } from '../support/upstream.ts';

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

/** A description as it reads when its Markdown is shown. */
const asShown = (description: string | null | undefined) => (description ?? '').replaceAll('`', '');

it("GraphiQL's docs lead from the mutations to a field, its arguments and its result, each with its description", async () => {
  await using server = await startServerProcess({});
  await using graphiql = await openGraphiQL(browser, server.endpoint);
  const { page } = graphiql;
  const docs = page.getByRole('region', { name: 'Documentation Explorer' });
  const follow = (name: string) => docs.getByRole('link', { name, exact: true }).first().click();
  const mutation = schema.getMutationType()?.getFields().deleteEngagement;
  const result = schema.getType('DeleteEngagementResult');

  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await follow('Mutation');
  await follow('deleteEngagement');
  await expect.poll(() => docs.innerText()).toContain(asShown(mutation?.description));
  for (const { name, description } of mutation?.args ?? []) {
    expect(await docs.innerText()).toContain(`${name}: `);
    expect(await docs.innerText()).toContain(asShown(description));
  }
  await follow('DeleteEngagementResult');
  await expect.poll(() => docs.innerText()).toContain(asShown(result?.description));
  await follow('OutcomeUnknownError');
  const unknown = schema.getType('OutcomeUnknownError');
  await expect.poll(() => docs.innerText()).toContain(asShown(unknown?.description));
  expect(graphiql.complaints).toEqual([]);
});

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

const streamed =
  'mutation Streamed { deleteEngagement(id: "e1", integratedAccountId: "a", format: STREAM) ' +
  '{ ... on DeleteEngagementSuccess { stream { contentType chunks @stream } } } }';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('GraphiQL shows results in parts', () => {
  it('of a streamed delete: each chunk as it arrives, while upstream is still sending', async () => {
    const sending = Promise.withResolvers<(piece: string) => void>();
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.flushHeaders();
      sending.resolve((piece) => (piece === '' ? response.end() : response.write(piece)));
    }, 'planhat');
    await using server = await startServerProcess({
      AUTH_MODE: 'passthrough',
      TRUTO_BASE_URL: upstream.url,
      EXPOSE_SCHEMA: '1',
    });
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.putQuery(streamed);
    await graphiql.putToken('a-token-of-mine');
    await graphiql.run();

    const send = await sending.promise;
    await expect.poll(() => graphiql.answer()).toContain('"chunks": []');
    send('name,date\n');
    await expect.poll(() => graphiql.answer()).toContain(base64('name,date\n'));
    expect(await graphiql.answer()).not.toContain(base64('Ada,1815\n'));
    send('Ada,1815\n');
    await expect.poll(() => graphiql.answer()).toContain(base64('Ada,1815\n'));
    const stop = graphiql.page.getByRole('button', { name: 'Stop query' });
    expect(await stop.count()).toBe(1);
    send('');
    await expect.poll(() => stop.count()).toBe(0);
    expect(await graphiql.answer()).toContain(base64('name,date\n'));
    expect(graphiql.complaints).toEqual([]);
  });

  it('of a bulk delete: its progress to the end, by a subscription', async () => {
    await using redis = await startRedis();
    await using server = await startServerProcess({ SANDBOX: '1', REDIS_URL: redis.url, SANDBOX_ENGAGEMENTS: '30' });
    const account = sandboxAccount('Capsule');
    const ids = seedEngagements(account, 30).map(({ id }) => id);
    const { id } = await started(postTo(server.endpoint), { integratedAccountId: account.id, ids });
    const query = `subscription { bulkDeleteProgress(id: "${id}") { state total outcomes { deleted remaining } } }`;
    await using graphiql = await openGraphiQL(browser, server.endpoint);
    await graphiql.putQuery(query);
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"state": "COMPLETED"');
    expect(await graphiql.answer()).toContain('"remaining": 0');
    await expect.poll(() => graphiql.page.getByRole('button', { name: 'Stop query' }).count()).toBe(0);
    expect(graphiql.complaints).toEqual([]);
  });
});
