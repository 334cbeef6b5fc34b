import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { outcomesOf, seen, started } from './support/bulk.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { inTurn, keyOf, lostAnswer, replaying, sendKeyed as send } from './support/keyed-delete.ts';
import { remote, truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const done = json(204, undefined);
const wait = truto(429, {}, { 'retry-after': '0' });

const keysLogged = ({ logged }: TestFacade) =>
  [...logged().matchAll(/"upstreamIdempotencyKey":"([^"]+)".*"msg":"delete"/g)].map(([, key]) => key);

describe('against an upstream that repeats every answer of an Idempotency-Key, a delete', () => {
  it.each<[string, Answer]>([
    ['429', wait],
    ['500', truto(500)],
    ['502', truto(502)],
    ['504', truto(504)],
  ])('succeeds on its second attempt after a %s', async (_what, first) => {
    await using facade = await startFacadeOver(replaying(first, done));
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(new Set(facade.upstream.deletes().map(keyOf)).size).toBe(2);
  });

  it.each<[string, Answer, string, attempts: number]>([
    ['429', truto(429), 'RateLimitedError', 1],
    ['403', truto(403), 'ForbiddenError', 1],
    ['401 of the provider', remote(401), 'AccountNeedsReauthError', 1],
    ['409 of the provider', remote(409), 'RemoteApiError', 1],
    ['503', truto(503), 'AccountBlockedError', 1],
    ['500', truto(500), 'OutcomeUnknownError', 2],
    ['408', truto(408), 'OutcomeUnknownError', 1],
    ['503 of the provider', remote(503), 'OutcomeUnknownError', 1],
  ])('succeeds when it is sent again with its own key after a %s', async (_what, refusal, member, attempts) => {
    await using facade = await startFacadeOver(replaying(...Array<Answer>(attempts).fill(refusal), done));
    expect((await send(facade, 'k')).__typename).toBe(member);
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(facade.upstream.deletes()).toHaveLength(attempts + 1);
  });

  it("succeeds when it is sent again after a 401 of its caller's token", async () => {
    await using facade = await startFacadeOver(replaying(truto(401), done), { AUTH_MODE: 'passthrough' });
    const document = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
    const headers = { authorization: 'Bearer canary-of-a-caller', 'idempotency-key': 'k' };
    const refused = await facade.post(document, {}, headers);
    expect(refused.body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    const { body } = await facade.post(document, {}, headers);
    expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
  });

  it('gets the answer that was lost, because it has the same key again', async () => {
    await using facade = await startFacadeOver(replaying(lostAnswer, truto(404)));
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(new Set(facade.upstream.deletes().map(keyOf)).size).toBe(1);
  });

  it('has the key of the attempt without an answer again, also when it is sent again by its caller', async () => {
    await using facade = await startFacadeOver(inTurn(truto(502), lostAnswer, done));
    const first = await send(facade, 'k');
    expect(first).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: null });
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    const keys = facade.upstream.deletes().map(keyOf);
    expect(keys).toEqual([keys[0], keys[1], keys[1]]);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('shows its caller and the log the key of the last attempt that was sent', async () => {
    await using facade = await startFacadeOver(inTurn(truto(502), truto(502), truto(502), wait, lostAnswer));
    const shown = [(await send(facade, 'k')).upstreamIdempotencyKey, (await send(facade, 'k')).upstreamIdempotencyKey];
    const keys = facade.upstream.deletes().map(keyOf);
    expect(new Set(keys).size).toBe(keys.length);
    expect(shown).toEqual([keys[1], keys.at(-1)]);
    expect(keysLogged(facade)).toEqual(shown);
  });

  it('that is not known to be safe to retry has the same key again, so that upstream can recognize it', async () => {
    await using facade = await startFacadeOver(inTurn(wait, truto(502)));
    const rest = ', remoteQuery: { a: 1 }';
    const result = await send(facade, 'k', '1', rest);
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(facade.upstream.deletes().map(keyOf)).toEqual([expect.any(String), result.upstreamIdempotencyKey]);
  });

  it.each<[string, readonly Answer[]]>([
    ['429', [truto(429), done]],
    ['500', [truto(500), truto(500), done]],
  ])('succeeds on another replica after a %s', async (_what, answers) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(replaying(...answers));
    await using one = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    await using other = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    expect((await send(one, 'k')).__typename).not.toBe('DeleteEngagementSuccess');
    expect(await send(other, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(answers.length);
  });

  it.each<[string, readonly Answer[]]>([
    ['429', [truto(429), done]],
    ['500', [truto(500), truto(500), done]],
  ])('of a bulk delete succeeds after a %s', async (_what, answers) => {
    await using redis = await startRedis();
    const replies = replaying(...answers);
    const isThere = json(200, { id: '1' });
    await using upstream = await startUpstream(
      (request, response) => (request.method === 'GET' ? isThere : replies)(request, response),
      'capsule',
    );
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' });
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
    await expect.poll(async () => (await seen(facade.post, id)).state, { timeout: 20_000 }).toBe('COMPLETED');
    expect(await outcomesOf(facade.post, id)).toMatchObject([{ outcome: 'DELETED' }]);
    const keys = upstream.deletes().map(keyOf);
    expect(new Set(keys).size).toBe(answers.length);
    expect(keys).toHaveLength(answers.length);
  });

  it('of a bulk delete has the same key again after a lost connection, on any server', async () => {
    await using redis = await startRedis();
    const replies = inTurn(lostAnswer, lostAnswer, done);
    const isThere = json(200, { id: '1' });
    await using upstream = await startUpstream(
      (request, response) => (request.method === 'GET' ? isThere : replies)(request, response),
      'capsule',
    );
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' };
    await using facade = await startTestFacade(upstream.url, env);
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
    await expect.poll(async () => (await seen(facade.post, id)).state, { timeout: 20_000 }).toBe('COMPLETED');
    const keys = upstream.deletes().map(keyOf);
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
  });

  it('of a bulk delete with an unknown outcome has the key of its last attempt among the failures', async () => {
    await using redis = await startRedis();
    const looked = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      await looked.promise;
      (request.method === 'GET' ? json(200, { id: '1' }) : truto(500))(request, response);
    }, 'capsule');
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1'] });
    await expect.poll(() => upstream.deletes().length).toBe(1);
    // As if it had been read often enough.
    const client = new Redis(redis.url);
    await client.hset(`{engagements}:bulk:${id}:page:0:states`, 'waits:look:0', 100);
    client.disconnect();
    looked.resolve();
    await expect.poll(async () => (await seen(facade.post, id)).state, { timeout: 20_000 }).toBe('COMPLETED');
    const document = `query($id: ID!) { bulkDelete(id: $id) { failures(first: 1) { items {
      result { __typename ... on OutcomeUnknownError { upstreamIdempotencyKey } } } } } }`;
    const { body } = await facade.post(document, { id });
    const keys = upstream.deletes().map(keyOf);
    const result = { __typename: 'OutcomeUnknownError', upstreamIdempotencyKey: keys[1] };
    expect(body.data.bulkDelete.failures.items).toEqual([{ result }]);
    expect(keys).toHaveLength(2);
  });
});
