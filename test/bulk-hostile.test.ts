import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { control, outcomesOf, seen, startBulk, started } from './support/bulk.ts';
import { deletesOf, ended, startSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { startRedis } from './support/redis-server.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const idsOf = (count: number) => seedEngagements(account, count).map(({ id }) => id);

/** A facade over an upstream that lists these pages, by cursor, and answers every delete with 204. */
async function startListing(pages: Readonly<Record<string, object>>) {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const answer: Answer = (request, response) => {
    if (request.method === 'DELETE') return json(204, undefined)(request, response);
    json(200, pages[String(request.query.next_cursor ?? '')])(request, response);
  };
  const upstream = stack.use(await startUpstream(answer, 'capsule'));
  const facade = stack.use(await startTestFacade(upstream.url, { REDIS_URL: redis.url }));
  const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } });
  return { id, upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe.concurrent('a bulk delete', () => {
  it('repeats no delete after a cancel, and reports deletes without an answer as unknown', async ({ expect }) => {
    await using setting = await startSetting(
      { pickFault: ({ method }) => (method === 'DELETE' ? findFault('fault-502') : undefined) },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: idsOf(3) });
    // Two attempts each, all with an unknown outcome.
    await expect.poll(() => deletesOf(setting).length).toBe(6);
    await control(post, 'cancel', id);
    expect(await ended(setting, id)).toMatchObject({ state: 'CANCELLED', outcomes: { unknown: 3, remaining: 0 } });
    expect(deletesOf(setting)).toHaveLength(6);
    expect(new Set((await outcomesOf(post, id)).map(({ outcome }) => outcome))).toEqual(new Set(['UNKNOWN']));
  });

  it('ends after a cancel also when more deletes are begun than a page runs at once', async ({ expect }) => {
    await using redis = await startRedis();
    // Deletes are answered by what proves nothing; what is read is there.
    await using upstream = await startUpstream((request, response) => {
      if (request.method === 'DELETE') response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
      else json(200, { id: decodeURIComponent(request.path.split('/').at(-1) ?? '') })(request, response);
    }, 'capsule');
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000', TRUTO_RATE_LIMITS: '0' };
    await using facade = await startTestFacade(upstream.url, env);
    const ids = Array.from({ length: 40 }, (_, index) => String(index));
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids });
    const outcomes = async () => new Set((await outcomesOf(facade.post, id)).map(({ outcome }) => outcome));
    await expect.poll(outcomes).toEqual(new Set(['IN_PROGRESS']));
    await control(facade.post, 'cancel', id);
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('CANCELLED');
    expect((await seen(facade.post, id)).outcomes).toMatchObject({ unknown: 40 });
    expect(await outcomes()).toEqual(new Set(['UNKNOWN']));
  });

  it('by a filter deletes two engagements with the same id and different types', async ({ expect }) => {
    const result = [
      { id: '1', engagement_type: 'call' },
      { id: '1', engagement_type: 'email' },
      { id: '1', engagement_type: 'call' },
    ];
    await using listing = await startListing({ '': { result, next_cursor: null } });
    await expect.poll(async () => (await seen(listing.facade.post, listing.id)).outcomes.deleted).toBe(2);
    expect(
      listing.upstream
        .deletes()
        .map(({ query }) => query.engagement_type)
        .sort(),
    ).toEqual(['call', 'email']);
  });

  it.for<[string, Readonly<Record<string, readonly string[]>>]>([
    ['comes back to the page it is at', { '': ['1', 'A'], A: ['2', 'A'] }],
    ['comes back to an earlier page', { '': ['1', 'A'], A: ['2', 'B'], B: ['3', 'A'] }],
  ])('fails, with nothing deleted, when the list %s', async ([_what, cursors], { expect }) => {
    const pages = Object.entries(cursors).map(([cursor, [item = '', next = '']]) => [
      cursor,
      { result: [{ id: item }], next_cursor: next },
    ]);
    await using listing = await startListing(Object.fromEntries(pages));
    await expect.poll(async () => (await seen(listing.facade.post, listing.id)).state).toBe('FAILED');
    expect((await seen(listing.facade.post, listing.id)).statusReason).toMatch(/leads back/);
    expect(listing.upstream.deletes()).toEqual([]);
  });

  it('fails with its list also when it was resumed while the list was read', async ({ expect }) => {
    await using redis = await startRedis();
    const asked = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      asked.resolve();
      await resumed.promise;
      json(422, { statusCode: 422, error: 'Unprocessable Entity', message: 'no such filter' })(request, response);
    }, 'capsule');
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } });
    await asked.promise;
    await control(facade.post, 'resume', id);
    resumed.resolve();
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('FAILED');
  });

  it('deletes the engagements of all pages when cursors are numbers', async ({ expect }) => {
    const pages = ['', '1', '2'].map((cursor, index) => {
      const page = { result: [{ id: `e${index}` }], next_cursor: index < 2 ? index + 1 : null };
      return [cursor, page];
    });
    await using listing = await startListing(Object.fromEntries(pages));
    await expect.poll(async () => (await seen(listing.facade.post, listing.id)).outcomes.deleted).toBe(3);
  });

  it('accepts a list page that is larger than requested', async ({ expect }) => {
    const result = Array.from({ length: 250 }, (_, index) => ({ id: String(index) }));
    await using listing = await startListing({ '': { result, next_cursor: null } });
    const { post } = listing.facade;
    await expect.poll(async () => (await seen(post, listing.id)).outcomes.deleted).toBe(250);
    const all = await outcomesOf(post, listing.id, 100);
    expect(all.map(({ id }) => id)).toEqual(result.map(({ id }) => id));
    expect(new Set(all.map(({ outcome }) => outcome))).toEqual(new Set(['DELETED']));
  });

  it('S30 fails before it deletes anything when its filter matches more than a million engagements', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    const client = new Redis(redis.url);
    await using upstream = await startUpstream(async (request, response) => {
      const [job = ''] = await client.keys('{engagements}:bulk:*');
      // As if as many had been listed before.
      if (request.query.next_cursor === undefined) await client.hset(job, 'total', 999_999);
      json(200, { result: [{ id: `${response.req.url}` }], next_cursor: 'A' })(request, response);
    }, 'capsule');
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } });
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('FAILED');
    expect(await seen(facade.post, id)).toMatchObject({
      total: 1_000_000,
      statusReason: expect.stringContaining('1000000'),
    });
    expect(upstream.deletes()).toEqual([]);
    client.disconnect();
  });

  it('S30 by a filter is refused when the lists of idle ones take 128 MiB', async ({ expect }) => {
    await using redis = await startRedis();
    const client = new Redis(redis.url);
    const page = { result: [{ id: 'x'.repeat(1_000) }], next_cursor: null };
    await using facade = await startFacadeOver(json(200, page), { REDIS_URL: redis.url }, 'capsule');
    const input = { integratedAccountId: 'a', filter: { contact: '1' }, dryRun: true };
    const { id } = await started(facade.post, input);
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('COMPLETED');
    const key = `{engagements}:bulk:${id}`;
    const listedBytes = Number(await client.hget(key, 'listedBytes'));
    expect(listedBytes).toBeGreaterThan(1_000);
    // As if as much had been listed before.
    await client.hset(key, 'listedBytes', 128 * 1024 * 1024);
    const { id: last } = await started(facade.post, input);
    await expect.poll(async () => (await seen(facade.post, last)).state).toBe('COMPLETED');
    const { body } = await startBulk(facade.post, input);
    expect(body.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }]);
    client.disconnect();
  });

  it('is found only by its exact id, and odd ids do not disturb Redis', async () => {
    await using setting = await startSetting();
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids: ['1'], dryRun: true });
    for (const odd of [`${id}:page:0`, `${id}:failures`, '*', '', id.toUpperCase(), `${id}\n`])
      expect((await post('query($id: ID!) { bulkDelete(id: $id) { id } }', { id: odd })).body).toEqual({
        data: { bulkDelete: null },
      });
    expect(setting.facade.logged()).not.toContain('lost the connection to Redis');
  });

  it.for(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])(
    'ends a subscription that is not read, also while nothing happens (%s)',
    async (accept, { expect }) => {
      await using setting = await startSetting({ latencyMs: 300 });
      const { id } = await started(setting.facade.post, { integratedAccountId, ids: idsOf(30) });
      await control(setting.facade.post, 'pause', id);
      // Waits for the deletes in flight: each end is an event, by which the server notices disconnected clients.
      const outcomes = async () => (await outcomesOf(setting.facade.post, id)).map(({ outcome }) => outcome);
      await expect.poll(outcomes).not.toContain('IN_PROGRESS');
      const query = 'subscription($id: ID!) { bulkDeleteProgress(id: $id) { state } }';
      const headers = { 'content-type': 'application/json', accept };
      for (let count = 0; count < 20; count += 1) {
        const leaving = new AbortController();
        const body = JSON.stringify({ query, variables: { id } });
        const response = await fetch(`${setting.facade.url}/graphql`, {
          ...{ method: 'POST', headers, body, signal: leaving.signal },
        });
        await response.body?.getReader().read();
        leaving.abort();
      }
      const redis = new Redis(setting.redis.url);
      const reads = async () => Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
      // Each of the twenty would read once a second; the paused pages alone read as often.
      await expect
        .poll(async () => {
          const before = await reads();
          await new Promise((resolve) => setTimeout(resolve, 1_100));
          return (await reads()) - before;
        })
        .toBeLessThan(10);
      redis.disconnect();
    },
  );
});
