import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { jsonLines } from './support/json-lines.ts';
import { removal, sendKeyed as send, withKey } from './support/keyed-delete.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

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

  it('S19 is two deletes when two callers chose the same key', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { AUTH_MODE: 'passthrough' });
    for (const token of ['canary-of-the-first', 'canary-of-the-second']) {
      const headers = { ...withKey('k'), authorization: `Bearer ${token}` };
      const { body } = await facade.post(`mutation { ${removal('1')} }`, {}, headers);
      expect(body.data.deleteEngagement.outcome).toBe('DELETED');
    }
    expect(new Set(facade.upstream.deletes().map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
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
