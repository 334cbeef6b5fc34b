import { expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { inTurn, keyOf, removal, sendKeyed as send } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { json, type SeenRequest, startUpstream } from './support/upstream.ts';

async function keyUpstream(id: string, rest?: string): Promise<unknown> {
  await using facade = await startFacadeOver(json(204, undefined));
  await send(facade, 'k', id, rest);
  return facade.upstream.deletes()[0]?.headers['idempotency-key'];
}

it("a key that is not, or no longer, in this process' memory becomes the same upstream key for the same delete, and another for another delete", async () => {
  const key = await keyUpstream('1');
  expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await keyUpstream('1')).toBe(key);
  expect(await keyUpstream('2')).not.toBe(key);
  expect(await keyUpstream('1', ', remoteQuery: { a: 1 }')).not.toBe(key);
});

it('a delete that may have been executed, and arrives again with its key stays unknown when its token has been revoked since then', async () => {
  let isRevoked = false;
  const account = truto(403);
  await using upstream = await startUpstream((request, response) => {
    if (isRevoked) truto(401)(request, response);
    // Too large to store, so the second attempt must read it again.
    else if (request.method === 'GET') json(200, { id: '1', subject: 'x'.repeat(70_000) })(request, response);
    else response.destroy();
  }, account);
  const env = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url };
  await using facade = await startTestFacade(upstream.url, env);
  const rest = ', snapshot: true';
  const headers = { authorization: 'Bearer a-revoked-token' };
  expect((await send(facade, 'k', '1', rest, 'a', headers)).__typename).toBe('OutcomeUnknownError');
  isRevoked = true;
  expect((await send(facade, 'k', '1', rest, 'a', headers)).__typename).toBe('OutcomeUnknownError');
});

it('a delete with a token that Truto did not accept is a new one when it arrives again: "not found" then means not found', async () => {
  await using facade = await startFacadeOver(inTurn(truto(401), truto(404)), { AUTH_MODE: 'passthrough' }, 'capsule');
  const headers = { authorization: 'Bearer canary-of-a-caller', 'idempotency-key': 'k' };
  const document = `mutation { ${removal('1')} }`;
  const refused = await facade.post(document, {}, headers);
  expect(refused.body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  const { body } = await facade.post(document, {}, headers);
  expect(body.data.deleteEngagement).toMatchObject({ __typename: 'NotFoundError' });
});

it('a delete that could not be sent is in the log with the key that it will have when it is sent', async () => {
  const keysLogged = ({ logged }: TestFacade) =>
    [...logged().matchAll(/"upstreamIdempotencyKey":"([^"]+)".*"msg":"delete"/g)].map(([, key]) => key);
  await using limiting = await startUpstream(truto(429, {}, { 'retry-after': '30' }));
  await using paused = await startTestFacade(limiting.url);
  await send(paused, 'another', '2');
  expect((await send(paused, 'k')).__typename).toBe('RateLimitedError');
  expect(limiting.deletes()).toHaveLength(1);
  await using facade = await startFacadeOver(json(204, undefined));
  await send(facade, 'k');
  expect(keysLogged(paused)[1]).toBe(keyOf(facade.upstream.deletes()[0] as SeenRequest));
});

it('a delete with a snapshot that was too large to store is settled when it arrives again and the record no longer exists', async () => {
  let wasDeleted = false;
  await using upstream = await startUpstream((request, response) => {
    if (wasDeleted) return truto(404)(request, response);
    if (request.method === 'GET') return json(200, { id: '1', subject: 'x'.repeat(70_000) })(request, response);
    wasDeleted = true;
    truto(408)(request, response);
  }, 'capsule');
  await using facade = await startTestFacade(upstream.url);
  expect((await send(facade, 'k', '1', ', snapshot: true')).__typename).toBe('OutcomeUnknownError');
  const again = await send(facade, 'k', '1', ', snapshot: true');
  expect(again).toMatchObject({ outcome: 'ALREADY_ABSENT', engagement: null });
  expect(upstream.deletes()).toHaveLength(2);
});

it('a streamed body of a delete that arrives twice at once goes to the first, and the second gets the outcome', async () => {
  const release = Promise.withResolvers<void>();
  await using facade = await startFacadeOver(async (request, response) => {
    await release.promise;
    json(200, { ok: 1 })(request, response);
  });
  const first = send(facade, 'k', '1', ', format: STREAM');
  await expect.poll(() => facade.upstream.deletes().length).toBe(1);
  const second = send(facade, 'k', '1', ', format: STREAM');
  // When a later request is answered, it has arrived.
  await fetch(`${facade.url}/health`);
  release.resolve();
  expect((await first).stream.chunks).toHaveLength(1);
  expect(await second).toMatchObject({ outcome: 'DELETED', stream: null });
  expect(facade.upstream.deletes()).toHaveLength(1);
});

it('two deletes with one key are two when a list in the remoteQuery has another order', async () => {
  await using facade = await startFacadeOver(json(204, undefined));
  expect(await send(facade, 'k', '1', ', remoteQuery: { a: ["x", "y"], b: 1 }')).toMatchObject({
    outcome: 'DELETED',
  });
  const same = await send(facade, 'k', '1', ', remoteQuery: { b: 1, a: ["x", "y"] }');
  expect(same).toMatchObject({ outcome: 'DELETED' });
  const other = await send(facade, 'k', '1', ', remoteQuery: { a: ["y", "x"], b: 1 }');
  expect(other.__typename).toBe('InvalidInputError');
  expect(facade.upstream.deletes()).toHaveLength(1);
});
