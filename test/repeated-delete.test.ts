import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { jsonLines } from './support/json-lines.ts';
import { inTurn, removal, sendKeyed as send, withKey } from './support/keyed-delete.ts';
import { remote, truto } from './support/outcome.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

function events(facade: TestFacade, message: string) {
  return jsonLines(facade.logged()).filter(({ msg }) => msg === message);
}

describe('a delete that arrives twice with the same Idempotency-Key', () => {
  it('runs once, and the second gets the result of the first', async () => {
    await using facade = await startFacadeOver(inTurn(json(200, { subject: 'Hello' }), truto(404)), {}, 'capsule');
    const first = await send(facade, 'k');
    expect(first).toMatchObject({ outcome: 'DELETED', engagement: { subject: 'Hello' } });
    expect(await send(facade, 'k')).toEqual(first);
    expect(facade.upstream.deletes()).toHaveLength(1);
    expect(events(facade, 'delete')).toHaveLength(1);
    expect(events(facade, 'delete repeated')).toMatchObject([{ engagementId: '1', integratedAccountId: 'a' }]);
  });

  it('waits for the first while that is in flight', async () => {
    const release = Promise.withResolvers<void>();
    await using facade = await startFacadeOver(async (request, response) => {
      await release.promise;
      json(200, { subject: 'Hello' })(request, response);
    });
    const all = ['k', 'k', 'k'].map((key) => send(facade, key));
    await expect.poll(() => facade.upstream.deletes().length).toBe(1);
    // When a later request is answered, the others have arrived.
    await fetch(`${facade.url}/health`);
    release.resolve();
    const results = await Promise.all(all);
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('may have its key in extensions.idempotencyKey of the request', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const body = JSON.stringify({ query: `mutation { ${removal('1')} }`, extensions: { idempotencyKey: 'k' } });
    const post = () =>
      fetch(`${facade.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const answers = await Promise.all([post(), post()]);
    for (const answer of answers) expect(await answer.text()).toContain('DELETED');
    await send(facade, 'k');
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it.each([
    ['that there is no such engagement', truto(404), 'NotFoundError', 1],
    ['an unknown outcome that is not safe to repeat', truto(502), 'OutcomeUnknownError', 1],
  ])('repeats %s', async (_what, answer, member, deletes) => {
    await using facade = await startFacadeOver(inTurn(answer, json(204, undefined)));
    const rest = ', remoteQuery: { a: 1 }';
    expect((await send(facade, 'k', '1', rest)).__typename).toBe(member);
    expect((await send(facade, 'k', '1', rest)).__typename).toBe(member);
    expect(facade.upstream.deletes()).toHaveLength(deletes);
  });

  it.each<[string, Answer, string]>([
    ['a rate limit', truto(429), 'RateLimitedError'],
    ['a connection that must be renewed', remote(401), 'AccountNeedsReauthError'],
    ['a token of the server that must be renewed', truto(401), 'UpstreamUnavailableError'],
    ['missing grants', truto(403), 'ForbiddenError'],
    ['a blocked account', truto(503), 'AccountBlockedError'],
    ['input that upstream refuses', truto(400), 'InvalidInputError'],
    ['input that it cannot process', truto(422), 'InvalidInputError'],
    ['input that the provider refuses', remote(400), 'RemoteApiError'],
    ['a conflict at the provider', remote(409), 'RemoteApiError'],
  ])('is tried again after %s, and after that its result is repeated', async (_what, refusal, member) => {
    await using facade = await startFacadeOver(inTurn(refusal, json(204, undefined)));
    expect((await send(facade, 'k')).__typename).toBe(member);
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(facade.upstream.deletes()).toHaveLength(2);
  });

  it('may be another delete, after a refusal', async () => {
    await using facade = await startFacadeOver(inTurn(truto(400), json(204, undefined)));
    expect((await send(facade, 'k')).__typename).toBe('InvalidInputError');
    expect(await send(facade, 'k', '1', ', engagementType: CALL')).toMatchObject({ outcome: 'DELETED' });
  });

  it('is still remembered when a refusal follows an unknown outcome', async () => {
    await using facade = await startFacadeOver(inTurn(truto(408), truto(429), remote(401), truto(404)));
    for (const _attempt of [1, 2, 3]) expect((await send(facade, 'k')).__typename).toBe('OutcomeUnknownError');
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
  });

  it('returns its result, and is not sent, after a stored snapshot of an unknown outcome is no longer needed', async () => {
    await using facade = await startFacadeOver((request, response) => {
      if (request.method === 'GET') json(200, { subject: 'Hello' })(request, response);
      else (facade.upstream.deletes().length === 1 ? truto(408) : json(204, undefined))(request, response);
    });
    const removal = () => send(facade, 'k', '1', ', snapshot: true');
    expect((await removal()).__typename).toBe('OutcomeUnknownError');
    const deleted = { outcome: 'DELETED', engagement: { subject: 'Hello' } };
    for (const _attempt of [2, 3, 4]) expect(await removal()).toMatchObject(deleted);
    expect(facade.upstream.deletes()).toHaveLength(2);
  });

  it('R09 is another attempt of the same delete after an unknown outcome: a missing record now means deleted', async () => {
    await using facade = await startFacadeOver(inTurn(truto(502), truto(502), truto(404)));
    const first = await send(facade, 'k');
    expect(first).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'ALREADY_ABSENT' });
    expect(facade.upstream.deletes()).toHaveLength(3);
    expect((await send(facade, 'other')).__typename).toBe('NotFoundError');
  });

  it('continues when the client of the first disconnects', async () => {
    const release = Promise.withResolvers<void>();
    await using upstream = await startUpstream(json(204, undefined), async (request, response) => {
      await release.promise;
      json(403, { statusCode: 403, error: 'Forbidden', message: '' })(request, response);
    });
    await using facade = await startTestFacade(upstream.url);
    const client = new AbortController();
    const gone = fetchGraphQL(`${facade.url}/graphql`, `mutation { ${removal('1')} }`, {
      headers: withKey('k'),
      signal: client.signal,
    }).catch(() => 'gone');
    await expect.poll(() => upstream.seen.length).toBe(1);
    const second = send(facade, 'k');
    await fetch(`${facade.url}/health`);
    client.abort();
    expect(await gone).toBe('gone');
    await fetch(`${facade.url}/health`);
    release.resolve();
    expect(await second).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('gets the outcome, and not the streamed body, which the first has read', async () => {
    await using facade = await startFacadeOver(json(200, { ok: 1 }));
    const first = await send(facade, 'k', '1', ', format: STREAM');
    expect(first.stream.chunks).toHaveLength(1);
    const second = await send(facade, 'k', '1', ', format: STREAM');
    expect(second).toMatchObject({ outcome: 'DELETED', stream: null });
    expect(second.warnings.at(-1)).toContain('streamed body');
  });

  it('is neither remembered nor answered from memory in a dry run', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    expect((await send(facade, 'k', '1', ', dryRun: true')).__typename).toBe('DeleteEngagementPlan');
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect((await send(facade, 'k', '1', ', dryRun: true')).__typename).toBe('DeleteEngagementPlan');
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it.each([
    ['not found any more', truto(404)],
    ['refused', remote(403)],
    ['limited', truto(429)],
    ['failing', truto(500)],
  ])('has its snapshot after an unknown outcome, when the next read is %s', async (_what, later) => {
    let wasDeleted = false;
    await using facade = await startFacadeOver((request, response) => {
      if (request.method === 'DELETE')
        (wasDeleted ? truto(404) : truto(503, { truto_is_remote_error: true }))(request, response);
      else (wasDeleted ? later : json(200, { subject: 'Hello' }))(request, response);
      wasDeleted ||= request.method === 'DELETE';
    });
    expect((await send(facade, 'k', '1', ', snapshot: true')).__typename).toBe('OutcomeUnknownError');
    expect(await send(facade, 'k', '1', ', snapshot: true')).toMatchObject({
      outcome: 'ALREADY_ABSENT',
      engagement: { subject: 'Hello' },
    });
  });

  it('never reports that nothing was deleted after an unknown outcome, when it is not sent again', async () => {
    let look: Answer = json(500, undefined);
    await using upstream = await startUpstream(truto(503, { truto_is_remote_error: true }), (request, response) =>
      look(request, response),
    );
    await using facade = await startTestFacade(upstream.url);
    expect((await send(facade, 'k')).__typename).toBe('OutcomeUnknownError');
    look = json(200, { integration: { name: 'affinity' } });
    const again = await send(facade, 'k');
    expect(again).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    expect(again.message).not.toContain('Nothing was');
    expect(upstream.deletes()).toHaveLength(1);
  });
});
