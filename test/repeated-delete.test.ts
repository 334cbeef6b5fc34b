import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { jsonLines } from './support/json-lines.ts';
import { inTurn, keyOf, removal, sendKeyed as send, withKey } from './support/keyed-delete.ts';
import { remote, truto } from './support/outcome.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, type SeenRequest, startUpstream } from './support/upstream.ts';

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

it('a delete that may have been executed and arrives again with its key stays unknown when its token has been revoked since then', async () => {
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

it('a key is refused for another order of a list in the remoteQuery', async () => {
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

describe('a delete with the Idempotency-Key of an earlier one', () => {
  it('is two deletes when it has two aliases in one operation', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const document = `mutation { a: ${removal('1')} b: ${removal('2')} }`;
    await facade.post(document, {}, withKey('k'));
    const { body } = await facade.post(document, {}, withKey('k'));
    expect(body.data).toMatchObject({ a: { outcome: 'DELETED' }, b: { outcome: 'DELETED' } });
    expect(facade.upstream.deletes().map(({ path }) => path.at(-1))).toEqual(['1', '2']);
    const keys = facade.upstream.deletes().map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
  });

  it.each([
    ['another engagement', '2', ''],
    ['the engagement of that id in another integrated account', '1', '', 'b'],
    ['another format', '1', ', format: RAW'],
    ['a remoteQuery', '1', ', remoteQuery: { a: 1 }'],
    ['a snapshot', '1', ', snapshot: true'],
    ['a kind', '1', ', engagementType: CALL'],
  ])('is refused when it is another delete: %s', async (_what, id = '', rest = '', account = 'a') => {
    await using facade = await startFacadeOver(json(204, undefined));
    await send(facade, 'k');
    expect(await send(facade, 'k', id, rest, account)).toMatchObject({
      __typename: 'InvalidInputError',
      message: expect.stringContaining('Nothing was sent'),
      issues: [{ path: ['Idempotency-Key'] }],
    });
    expect(facade.upstream.deletes()).toHaveLength(1);
    expect(await send(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
  });

  it('is refused when it selects fields that the first did not', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    await send(facade, 'k');
    const more = removal('1').replace('subject', 'subject content');
    const { body } = await facade.post(`mutation { ${more} }`, {}, withKey('k'));
    expect(body.data.deleteEngagement.__typename).toBe('InvalidInputError');
  });

  it.each([
    [
      'other fields of its notes',
      'snapshot: true',
      '... on DeleteEngagementSuccess { engagement { notes { title } } }',
      '... on DeleteEngagementSuccess { engagement { notes { content } } }',
    ],
    [
      'the chunks of its body',
      'format: STREAM',
      '... on DeleteEngagementSuccess { stream { contentType } }',
      '... on DeleteEngagementSuccess { stream { contentType chunks } }',
    ],
  ])('is refused when it does not select the fields of the first: %s', async (_what, args, selected, other) => {
    await using facade = await startFacadeOver(json(200, { id: '1', notes: [] }));
    const post = async (selection: string) => {
      const document = `mutation { deleteEngagement(id: 1, integratedAccountId: "a", ${args}) { __typename ${selection} } }`;
      return (await facade.post(document, {}, withKey('k'))).body.data.deleteEngagement.__typename;
    };
    const members = [await post(selected), await post(other), await post(selected)];
    expect(members).toEqual(['DeleteEngagementSuccess', 'InvalidInputError', 'DeleteEngagementSuccess']);
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('is in the log as refused when it is another delete', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    await send(facade, 'k');
    await send(facade, 'k', '2');
    const deletes = jsonLines(facade.logged()).filter(({ msg }) => msg === 'delete');
    expect(deletes).toMatchObject([
      { engagementId: '1', result: 'DeleteEngagementSuccess', attempts: 1 },
      { engagementId: '2', result: 'InvalidInputError', attempts: 0 },
    ]);
  });

  it('is the same delete when its arguments are written differently', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const forms = ['', ', parameters: null', ', parameters: {}', ', remoteQuery: {}', ', engagementType: null'];
    for (const form of forms) expect(await send(facade, 'k', '1', form)).toMatchObject({ outcome: 'DELETED' });
    for (const form of ['{ a: 1, b: [2] }', '{ b: [2], a: 1 }'])
      expect(await send(facade, 'other', '1', `, remoteQuery: ${form}`)).toMatchObject({ outcome: 'DELETED' });
    expect(facade.upstream.deletes()).toHaveLength(2);
  });

  it.each<[string, Record<string, string>, readonly (() => Promise<string>)[]]>([
    [
      'by their own tokens',
      { AUTH_MODE: 'passthrough' },
      [async () => 'canary-caller-1', async () => 'canary-caller-2'],
    ],
    [
      'by subjects of one issuer',
      { ...serviceEnv, JWT_SECRET: jwtSecret },
      ['caller-1', 'caller-2'].map((sub) => () => signToken({ sub, integrated_accounts: ['a'] })),
    ],
  ])('S19 never shares the result of another caller, even at the same time: %s', async (_how, env, tokens) => {
    const release = Promise.withResolvers<void>();
    await using upstream = await startUpstream(async (request, response) => {
      await release.promise;
      json(200, { subject: String(request.headers['idempotency-key']) })(request, response);
    });
    await using facade = await startTestFacade(upstream.url, env);
    const headers = await Promise.all(tokens.map(async (sign) => ({ ...withKey('k'), ...bearer(await sign()) })));
    // The key of each caller always leads to its own delete, never to the other's.
    const all = [...headers, ...headers].map((each) => facade.post(`mutation { ${removal('1')} }`, {}, each));
    await expect.poll(() => upstream.deletes().length).toBe(2);
    await fetch(`${facade.url}/health`);
    release.resolve();
    const subjects = (await Promise.all(all)).map(({ body }) => body.data.deleteEngagement.engagement.subject);
    const keys = upstream.deletes().map((request) => request.headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    expect(new Set(subjects)).toEqual(new Set(keys));
    expect(subjects.slice(2)).toEqual(subjects.slice(0, 2));
    expect(upstream.deletes()).toHaveLength(2);
  });
});
