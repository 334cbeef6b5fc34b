import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { started } from '../support/bulk.ts';
import { launchChromium } from '../support/chromium.ts';
import { postTo } from '../support/fetch-graphql.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { startRedis } from '../support/redis-server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';
import { startUpstream } from '../support/upstream.ts';

const browser = await shared(launchChromium());

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
