import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../src/config/config.ts';
import { confirmableMs } from '../src/engagement/delete/confirmation.ts';
import { rememberedMs } from '../src/engagement/request-memory.ts';
import { createEngagementServer } from '../src/library.ts';
import { closing } from './support/closing.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { jsonLines } from './support/json-lines.ts';
import { lostAnswer, startTwo, withKey } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { runCli } from './support/run-cli.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const required = { REQUIRE_CONFIRMATION: '1' };
const passthrough = { AUTH_MODE: 'passthrough', ...required };
const one = bearer('canary-of-one-caller');
const secret = { CONFIRMATION_SECRET: 'a secret of the operator, of more than 32 characters' };

const planned = 'id: "1", integratedAccountId: "a"';

async function plan(facade: TestFacade, args = planned, headers: Record<string, string> = {}): Promise<string> {
  const document = `mutation { deleteEngagement(${args}, dryRun: true) {
    ... on DeleteEngagementPlan { confirmationToken confirmationExpiresAt } } }`;
  const { body } = await facade.post(document, {}, headers);
  return body.data.deleteEngagement.confirmationToken;
}

async function remove(facade: TestFacade, token: string, args = '', headers: Record<string, string> = {}) {
  const document = `mutation($token: String) { deleteEngagement(confirmationToken: $token ${args}) { __typename
    ... on DeleteEngagementSuccess { deletedEngagementId outcome } ... on Error { message engagementId }
    ... on OutcomeUnknownError { retrySafe } ... on InvalidInputError { issues { path } } } }`;
  const { body } = await facade.post(document, { token }, headers);
  return body.data.deleteEngagement;
}

const refusedFor = (path: string) => ({ __typename: 'InvalidInputError', issues: [{ path: [path] }] });
const unconfirmed = refusedFor('confirmationToken');
const deleted = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: '1', outcome: 'DELETED' };
const minutes = (count: number) => vi.setSystemTime(Date.now() + count * 60_000);

/** Only the clock's date: timers run. */
function useClock(): void {
  vi.useFakeTimers({ toFake: ['Date'] });
}

afterEach(() => void vi.useRealTimers());

describe('S35 a confirmation token', () => {
  it('deletes exactly what its dry run showed, and needs no other argument', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const args = `${planned}, format: RAW, engagementType: CALL, remoteQuery: { b: [2], a: 1 },
      parameters: { createdAt: "2026-01-02T03:04:05Z", subject: "a secret subject", contacts: [{ id: "c" }] }`;
    const token = await plan(facade, args.replace('CALL', 'EMAIL'));
    expect(facade.upstream.deletes()).toEqual([]);
    expect(token).not.toContain('subject');
    expect(await remove(facade, token)).toEqual(deleted);
    await using plain = await startTestFacade(facade.upstream.url);
    await plain.post(`mutation { deleteEngagement(${args.replace('CALL', 'EMAIL')}) { __typename } }`);
    const [confirmed, usual] = facade.upstream.deletes().map(({ path, query }) => [path, query]);
    expect(confirmed).toEqual(usual);
  });

  it('deletes also with the longest arguments that a request may have', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    // In JSON, each takes twice the characters that it takes in a URL.
    const content = '\\u0001'.repeat(3_700);
    const token = await plan(facade, `${planned}, parameters: { content: "${content}" }`);
    expect(await remove(facade, token)).toEqual(deleted);
    expect(facade.upstream.deletes().at(-1)?.query.content).toHaveLength(3_700);
  });

  it('reads the record first when its dry run had a snapshot', async () => {
    const record = json(200, { id: '1', subject: 'kept' });
    const answer: Answer = (request, ...rest) =>
      request.method === 'DELETE' ? json(204, undefined)(request, ...rest) : record(request, ...rest);
    await using facade = await startFacadeOver(answer, required, 'Capsule');
    const token = await plan(facade, `${planned}, snapshot: true`);
    const document = `mutation($token: String) { deleteEngagement(confirmationToken: $token) {
      ... on DeleteEngagementSuccess { engagement { subject } } } }`;
    const { body } = await facade.post(document, { token });
    expect(body.data.deleteEngagement.engagement).toEqual({ subject: 'kept' });
  });

  it.each([
    ['another id', ', id: "2"', 'id'],
    ['another integrated account', ', integratedAccountId: "b"', 'integratedAccountId'],
    ['another format', ', format: RAW', 'format'],
    ['another type', ', engagementType: CALL', 'engagementType'],
    ['another parameter', ', parameters: { status: "open" }', 'parameters'],
    ['a query for the provider', ', remoteQuery: { force: true }', 'remoteQuery'],
    ['a snapshot', ', snapshot: true', 'snapshot'],
    ['a dry run', ', dryRun: true', 'dryRun'],
  ])('is refused with %s, and stays valid', async (_what, args, path) => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    expect(await remove(facade, token, args)).toMatchObject(refusedFor(path));
    expect(facade.upstream.deletes()).toEqual([]);
    expect(await remove(facade, token, ', id: "1", integratedAccountId: "a"')).toEqual(deleted);
  });

  it('takes the same arguments with their keys in another order, and the same time', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const args = (query: string, list: string) =>
      `remoteQuery: { ${query} }, parameters: { createdAt: "2026-01-02T03:04:05Z", contacts: [${list}] }`;
    const token = await plan(facade, `${planned}, ${args('a: { x: 1, y: [1, 2] }, b: 2', '{ id: "c" }')}`);
    const otherList = `, ${args('b: 2, a: { y: [2, 1], x: 1 }', '{ id: "c" }')}`;
    expect(await remove(facade, token, otherList)).toMatchObject(refusedFor('remoteQuery'));
    const otherOrder = `, ${args('b: 2, a: { y: [1, 2], x: 1 }', '{ id: "c" }')}`;
    expect(await remove(facade, token, otherOrder)).toEqual(deleted);
  });

  it.each<[string, Record<string, string>, readonly (() => string | Promise<string>)[]]>([
    ['with another token of Truto', passthrough, [() => 'canary-one', () => 'canary-two']],
    [
      'with another subject of one issuer',
      { ...required, ...serviceEnv, JWT_SECRET: jwtSecret },
      ['one', 'two'].map((sub) => () => signToken({ sub, integrated_accounts: ['a'] })),
    ],
  ])('is refused from another caller: %s', async (_how, env, [mine, other]) => {
    await using facade = await startFacadeOver(json(204, undefined), env, 'Capsule');
    const token = await plan(facade, planned, bearer(String(await mine?.())));
    expect(await remove(facade, token, '', bearer(String(await other?.())))).toMatchObject(unconfirmed);
    expect(facade.upstream.deletes()).toEqual([]);
    expect(await remove(facade, token, '', bearer(String(await mine?.())))).toEqual(deleted);
  });

  it('is refused once its caller has lost the account', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using facade = await startTestFacade(upstream.url, { ...required, ...serviceEnv, JWT_SECRET: jwtSecret });
    const as = async (accounts: readonly string[]) =>
      bearer(await signToken({ sub: 'x', integrated_accounts: accounts }));
    const token = await plan(facade, planned, await as(['a']));
    expect(await remove(facade, token, '', await as(['b']))).toMatchObject({ __typename: 'ForbiddenError' });
    expect(upstream.deletes()).toEqual([]);
  });

  it('deletes once: sent again, also at the same time, it returns the first result', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    const ends = await Promise.all([1, 2, 3].map(() => remove(facade, token)));
    expect([...ends, await remove(facade, token, '', withKey('another-key'))]).toEqual(Array(4).fill(deleted));
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('is one delete for all aliases of an operation', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    const field = 'deleteEngagement(confirmationToken: $token) { __typename }';
    const { body } = await facade.post(`mutation($token: String) { a: ${field} b: ${field} }`, { token });
    expect(body.data.b).toEqual({ __typename: 'DeleteEngagementSuccess' });
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('is refused with another selection after its use, since the first result lacks those fields', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    await remove(facade, token);
    const document = `mutation($token: String) { deleteEngagement(confirmationToken: $token) { __typename
      ... on InvalidInputError { message issues { path } } ... on DeleteEngagementSuccess { engagement { subject } } } }`;
    const { message, ...refused } = (await facade.post(document, { token })).body.data.deleteEngagement;
    expect(refused).toEqual(unconfirmed);
    // A new token would delete again.
    expect(message).toMatch(/find out first/i);
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('repeats the delete as a further attempt after an unknown outcome, and says that it is gone', async () => {
    const answer: { now: Answer } = { now: lostAnswer };
    await using upstream = await startUpstream((...args) => answer.now(...args), 'Capsule');
    await using facade = await startTestFacade(upstream.url, { ...required, REQUEST_TIMEOUT_MS: '1000' });
    const token = await plan(facade);
    expect(await remove(facade, token)).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: true });
    answer.now = truto(404);
    expect(await remove(facade, token)).toEqual({ ...deleted, outcome: 'ALREADY_ABSENT' });
  });

  it('is remembered for longer than it is valid', () => {
    expect(confirmableMs).toBeLessThan(rememberedMs);
  });

  it('starts nothing after 5 minutes', async () => {
    useClock();
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    minutes(5);
    expect(await remove(facade, token)).toMatchObject(unconfirmed);
    expect(facade.upstream.deletes()).toEqual([]);
  });

  it('returns the first result also after it has expired', async () => {
    useClock();
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    minutes(4);
    await remove(facade, token);
    minutes(2);
    expect(await remove(facade, token)).toEqual(deleted);
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('says that the outcome is unknown, and sends nothing, when it has expired after an unknown outcome', async () => {
    useClock();
    await using facade = await startFacadeOver(lostAnswer, { ...required, REQUEST_TIMEOUT_MS: '1000' }, 'Capsule');
    const token = await plan(facade);
    await remove(facade, token);
    const before = facade.upstream.deletes().length;
    minutes(6);
    // The same token would not send it again.
    for (const _time of [1, 2])
      expect(await remove(facade, token)).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(facade.upstream.deletes()).toHaveLength(before);
  });

  it('is refused when any character of it is altered, left out or added', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    const other = (character: string) => (character === 'A' ? 'B' : 'A');
    const places = Array.from({ length: 20 }, (_, index) => Math.floor((index * (token.length - 2)) / 20));
    const altered = places.flatMap((at) => [
      token.slice(0, at) + other(token.charAt(at)) + token.slice(at + 1),
      token.slice(0, at) + token.slice(at + 1),
    ]);
    // Its last character has bits that mean nothing.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const last of alphabet) if (!token.endsWith(last)) altered.push(token.slice(0, -1) + last);
    const [header, ...parts] = token.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const hostile = [
      '',
      'delete_',
      'x',
      `${token}A`,
      `bulk_${token.slice(7)}`,
      [`delete_${none}`, ...parts].join('.'),
      `${header}....`,
    ];
    for (const each of [...altered, ...hostile]) expect(await remove(facade, each)).toMatchObject(unconfirmed);
    expect(facade.upstream.deletes()).toEqual([]);
    expect(await remove(facade, token)).toEqual(deleted);
  });

  it('is refused by a server with another secret, or with none after a restart', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using first = await startTestFacade(upstream.url, required);
    await using second = await startTestFacade(upstream.url, required);
    expect(await remove(second, await plan(first))).toMatchObject(unconfirmed);
    expect(upstream.deletes()).toEqual([]);
  });

  it('is not made for a delete that would be refused', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Zoho CRM');
    expect(await plan(facade)).toBeNull();
  });

  it('is in no line of the log', async () => {
    await using facade = await startFacadeOver(json(204, undefined), required, 'Capsule');
    const token = await plan(facade);
    await remove(facade, `${token}A`);
    await remove(facade, token);
    expect(facade.logged()).not.toContain(token.slice(0, 60));
    expect(jsonLines(facade.logged()).filter(({ msg }) => msg === 'delete')).toMatchObject([
      { engagementId: '', result: 'InvalidInputError' },
      { engagementId: '1', integratedAccountId: 'a', result: 'DeleteEngagementSuccess' },
    ]);
  });

  it('is one delete over two replicas with the same secret and Redis', async () => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using replicas = await startTwo(upstream.url, redis.url, { ...required, ...secret, REPLICAS: '2' });
    const token = await plan(replicas.one);
    const ends = await Promise.all([remove(replicas.one, token), remove(replicas.other, token)]);
    expect([...ends, await remove(replicas.other, token)]).toEqual(Array(3).fill(deleted));
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('is a further attempt of the same delete at another replica while Redis cannot be reached', async () => {
    await using redis = await startRedis();
    const answer: { now: Answer } = { now: json(204, undefined) };
    await using upstream = await startUpstream((...args) => answer.now(...args), 'Capsule');
    await using replicas = await startTwo(upstream.url, redis.url, { ...required, ...secret, REPLICAS: '2' });
    const token = await plan(replicas.one);
    expect(await remove(replicas.one, token)).toEqual(deleted);
    await redis.kill();
    answer.now = truto(404);
    expect(await remove(replicas.one, token)).toEqual(deleted);
    expect(await remove(replicas.other, token)).toEqual({ ...deleted, outcome: 'ALREADY_ABSENT' });
    expect(upstream.deletes()).toHaveLength(2);
  });

  it('sends without GraphQL the very request of its dry run, and returns a record only with a snapshot', async () => {
    await using upstream = await startUpstream(json(200, { id: '1', subject: 'all that it returns' }), 'Capsule');
    await using server = closing(
      createEngagementServer({ ...passthrough, TRUTO_BASE_URL: upstream.url }, { logTo: { write() {} } }),
    );
    const { authorization } = one;
    for (const snapshot of [false, true]) {
      const asked = { id: '1', integratedAccountId: 'a', remoteQuery: { b: [1], a: null }, snapshot, authorization };
      const dryRun = await server.deleteEngagement({ ...asked, dryRun: true });
      if (dryRun.kind !== 'DeleteEngagementPlan') throw new Error(dryRun.kind);
      const end = await server.deleteEngagement({ confirmationToken: dryRun.confirmationToken ?? '', authorization });
      const { path, rawQuery } = upstream.deletes().at(-1) ?? {};
      expect(`${upstream.url}${path}?${rawQuery}`).toBe(dryRun.request.url);
      const engagement = snapshot ? expect.objectContaining({ subject: 'all that it returns' }) : null;
      expect(end).toMatchObject({ kind: 'DeleteEngagementSuccess', engagement });
    }
  });

  it('gives no token to a program without GraphQL for a delete that would be refused', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Affinity');
    await using server = closing(
      createEngagementServer({ ...passthrough, TRUTO_BASE_URL: upstream.url }, { logTo: { write() {} } }),
    );
    const { authorization } = one;
    const plan = await server.deleteEngagement({ id: '1', integratedAccountId: 'a', dryRun: true, authorization });
    expect(plan).toMatchObject({ confirmationToken: null, confirmationExpiresAt: null });
  });

  it('works in the library, with and without GraphQL, as one delete', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using server = closing(
      createEngagementServer({ ...passthrough, TRUTO_BASE_URL: upstream.url }, { logTo: { write() {} } }),
    );
    const { authorization } = one;
    const dryRun = await server.deleteEngagement({ id: '1', integratedAccountId: 'a', dryRun: true, authorization });
    if (dryRun.kind !== 'DeleteEngagementPlan') throw new Error(dryRun.kind);
    const confirmationToken = dryRun.confirmationToken ?? '';
    const end = await server.deleteEngagement({ confirmationToken, authorization });
    expect(end).toMatchObject({ kind: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    expect(await server.deleteEngagement({ confirmationToken, authorization })).toEqual(end);
    expect(upstream.deletes()).toHaveLength(1);
  });
});

describe('S35 a server with REQUIRE_CONFIRMATION=1', () => {
  it('refuses every delete without a token, and sends nothing', async () => {
    await using facade = await startFacadeOver(json(204, undefined), passthrough, 'Capsule');
    const single = `mutation { deleteEngagement(${planned}) { __typename ... on InvalidInputError { issues { path } } } }`;
    // The second one is answered from the prepared plan, if at all.
    for (const _time of [1, 2, 3])
      expect((await facade.post(single, {}, one)).body.data.deleteEngagement).toEqual(unconfirmed);
    expect((await facade.post(single, {}, { ...one, ...withKey('k') })).body.data.deleteEngagement).toEqual(
      unconfirmed,
    );
    for (const token of ['null', '""']) {
      const other = single.replace('"a"', `"a", confirmationToken: ${token}`);
      expect((await facade.post(other, {}, one)).body.data.deleteEngagement).toEqual(unconfirmed);
    }
    const list = `mutation { deleteEngagements(integratedAccountId: "a", items: [{ id: "1" }, { id: "2" }]) {
      results { __typename ... on InvalidInputError { issues { path } } } } }`;
    expect((await facade.post(list, {}, one)).body.data.deleteEngagements.results).toEqual([unconfirmed, unconfirmed]);
    expect(facade.upstream.deletes()).toEqual([]);
  });

  it('refuses the delete without GraphQL, and the one of another executor', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using server = closing(
      createEngagementServer({ ...passthrough, TRUTO_BASE_URL: upstream.url }, { logTo: { write() {} } }),
    );
    const { authorization } = one;
    const end = await server.deleteEngagement({ id: '1', integratedAccountId: 'a', authorization });
    expect(end).toMatchObject({ kind: 'InvalidInputError', issues: [{ path: ['confirmationToken'] }] });
    const { graphql } = await import('graphql');
    const { createEngagementSchema } = await import('../src/library.ts');
    const contextValue = await server.createContext(new Request('http://localhost/', { headers: one }));
    const source = `mutation { deleteEngagement(${planned}) { __typename ... on InvalidInputError { issues { path } } } }`;
    const answer = await graphql({ schema: createEngagementSchema(), source, contextValue });
    expect(answer.data?.deleteEngagement).toMatchObject(unconfirmed);
    expect(upstream.deletes()).toEqual([]);
  });

  it.each([
    ['delete with --yes', ['delete', 'e1', '--yes'], ''],
    ['delete without a terminal', ['delete', 'e1'], ''],
    ['bulk', ['bulk'], 'e1\n'],
  ])('refuses %s of the terminal, which has its settings', async (_what, args, input) => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    const env = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: 'canary-one', ...required };
    const end = await runCli([...args, '--account', 'a'], env, input);
    expect(end).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('REQUIRE_CONFIRMATION') });
    expect((await runCli([...args, '--account', 'a', '--dry-run'], env, input)).code).toBe(0);
    expect(upstream.deletes()).toEqual([]);
  });

  it('names the secret that several replicas need, and does not start without it', async () => {
    const { warnings } = parseConfig({ REDIS_URL: 'redis://127.0.0.1:1', REPLICAS: '2' });
    expect(warnings).toEqual([expect.stringContaining('CONFIRMATION_SECRET')]);
    const settings = { REDIS_URL: 'redis://127.0.0.1:1', REPLICAS: '2', ...required };
    await expect(startTestFacade('http://127.0.0.1:1', settings)).rejects.toThrow('CONFIRMATION_SECRET');
  });
});

it('a server without REQUIRE_CONFIRMATION asks for the id or the integrated account that is missing', async () => {
  await using facade = await startFacadeOver(json(204, undefined), {}, 'Capsule');
  for (const dryRun of [true, false]) {
    const document = `mutation { a: deleteEngagement(id: "1", dryRun: ${dryRun}) { ... on InvalidInputError { issues { path } } }
        b: deleteEngagement(dryRun: ${dryRun}) { ... on InvalidInputError { issues { path } } } }`;
    expect((await facade.post(document)).body.data).toEqual({
      a: { issues: [{ path: ['integratedAccountId'] }] },
      b: { issues: [{ path: ['id'] }, { path: ['integratedAccountId'] }] },
    });
  }
  expect(facade.upstream.deletes()).toEqual([]);
});
