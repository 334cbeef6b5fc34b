import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import type { GraphQLAnswer } from './support/fetch-graphql.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, type SeenRequest, startUpstream } from './support/upstream.ts';

const removal = (argument = '') => `mutation ($account: ID!) {
  result: deleteEngagement(id: "e1", integratedAccountId: $account ${argument}) { __typename ... on Error { message } } }`;

const creation = (argument = '') => `mutation ($account: ID!) {
  result: createEngagement(integratedAccountId: $account, input: { subject: "Hello" } ${argument}) { __typename ... on Error { message } } }`;

/** Each operation on an account, and its requests upstream. */
const operations: readonly (readonly [what: string, document: string, requests: readonly string[]])[] = [
  ['a delete', removal(), ['GET /integrated-account/*', 'DELETE /unified/crm/engagements/e1']],
  ['a dry run', removal(', dryRun: true'), ['GET /integrated-account/*']],
  [
    'a delete with a snapshot',
    removal(', snapshot: true'),
    ['GET /integrated-account/*', 'GET /unified/crm/engagements/e1', 'DELETE /unified/crm/engagements/e1'],
  ],
  ['a create', creation(), ['GET /integrated-account/*', 'POST /unified/crm/engagements']],
  ['a dry run of a create', creation(', dryRun: true'), ['GET /integrated-account/*']],
  [
    'a read',
    'query ($account: ID!) { result: engagement(id: "e1", integratedAccountId: $account) { id } }',
    ['GET /unified/crm/engagements/e1'],
  ],
  [
    'a list',
    'query ($account: ID!) { result: engagements(integratedAccountId: $account) { nodes { id } } }',
    ['GET /unified/crm/engagements'],
  ],
];

/** An upstream with two integrated accounts that both have the engagement, and a facade whose callers need a grant. */
async function start() {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(
    await startUpstream(
      ({ path, method }, response) => {
        const record = { id: 'e1', subject: 'Hello' };
        json(200, path.endsWith('/e1') || method === 'POST' ? record : { result: [record] })({} as never, response);
      },
      ({ path }, response) => {
        const isKnown = /\/[ab]$/.test(path);
        const answer = isKnown ? { integration: { name: 'capsule' } } : { statusCode: 404 };
        json(isKnown ? 200 : 404, answer)({} as never, response);
      },
    ),
  );
  const facade = stack.use(await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret }));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const callerOf = async (sub: string, grant: readonly string[]) =>
  bearer(await signToken({ sub, integrated_accounts: grant }));

const accountOf = ({ path, query }: SeenRequest) => query.integrated_account_id ?? path.split('/').at(-1);

const requestsFor = (account: string, seen: readonly SeenRequest[]) =>
  seen
    .filter((request) => accountOf(request) === account)
    .map(({ method, path }) => `${method} ${path.replace(/(?<=integrated-account\/).+/, '*')}`);

/** True when it was refused for a missing grant. False when the answer has the data. */
function isForbidden({ body }: GraphQLAnswer): boolean {
  if (body.errors) {
    expect(body).toMatchObject({ data: { result: null }, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    return true;
  }
  expect(body.data.result).not.toBeNull();
  return body.data.result.__typename === 'ForbiddenError';
}

describe('S02 with two callers, each granted one account of two,', () => {
  it.each(operations)('%s in both by both at once runs for each in its own', async (_what, document, requests) => {
    await using running = await start();
    const { upstream, facade } = running;
    const [callerA, callerB] = await Promise.all([callerOf('A', ['a']), callerOf('B', ['b'])]);
    const answers = await Promise.all(
      [callerA, callerB].flatMap((headers) => ['a', 'b'].map((account) => facade.post(document, { account }, headers))),
    );
    expect(answers.map(isForbidden)).toEqual([false, true, true, false]);
    expect(requestsFor('a', upstream.seen)).toEqual(requests);
    expect(requestsFor('b', upstream.seen)).toEqual(requests);
    expect(upstream.seen).toHaveLength(2 * requests.length);

    // Again, when the server has cached the documents and the accounts.
    const before = upstream.seen.length;
    expect(isForbidden(await facade.post(document, { account: 'b' }, callerA))).toBe(true);
    expect(isForbidden(await facade.post(document, { account: 'a' }, callerB))).toBe(true);
    expect(upstream.seen).toHaveLength(before);
  });

  it.each(operations)('%s is refused in an existing account as in a missing one', async (_what, document, requests) => {
    await using running = await start();
    const { upstream, facade } = running;
    const [callerA, callerB] = await Promise.all([callerOf('A', ['a']), callerOf('B', ['b'])]);
    // The account exists, and is cached by the server.
    expect(isForbidden(await facade.post(document, { account: 'b' }, callerB))).toBe(false);
    const accounts = ['b', 'c', '00000000-0000-4000-8000-000000000001', 'b '];
    const answers = [];
    for (const account of [...accounts, ...accounts]) {
      const answer = await facade.post(document, { account }, callerA);
      expect(isForbidden(answer)).toBe(true);
      const { date: _date, 'x-request-id': _id, ...headers } = Object.fromEntries(answer.headers);
      answers.push(JSON.stringify([answer.status, headers, answer.body]));
    }
    expect(new Set(answers).size).toBe(1);
    expect(upstream.seen).toHaveLength(requests.length);
  });
});

it('S02 S19 a remembered Idempotency-Key returns nothing to the same subject once its token lacks the grant', async () => {
  await using running = await start();
  const { upstream, facade } = running;
  const send = async (grant: readonly string[], argument = '') => {
    const headers = { ...(await callerOf('one and the same', grant)), 'idempotency-key': 'k' };
    return (await facade.post(removal(argument), { account: 'a' }, headers)).body.data.result;
  };
  expect(await send(['a'])).toEqual({ __typename: 'DeleteEngagementSuccess' });
  const before = upstream.seen.length;
  for (const grant of [[], ['b'], ['A']]) {
    expect(await send(grant)).toEqual({
      __typename: 'ForbiddenError',
      message: expect.stringContaining('Nothing was sent'),
    });
    expect((await send(grant, ', snapshot: true')).__typename).toBe('ForbiddenError');
  }
  expect(await send(['b', 'a'])).toEqual({ __typename: 'DeleteEngagementSuccess' });
  expect(upstream.seen).toHaveLength(before);
});

it('S02 a token that grants 500 accounts, with a header of 26 kB, is accepted', async () => {
  await using setting = await start();
  const many = Array.from({ length: 499 }, () => crypto.randomUUID());
  const headers = await callerOf('many', [...many, 'a']);
  const granted = await setting.facade.post(removal(), { account: 'a' }, headers);
  expect(granted.body.data.result.__typename).toBe('DeleteEngagementSuccess');
  const other = await setting.facade.post(removal(), { account: 'b' }, headers);
  expect(other.body.data.result.__typename).toBe('ForbiddenError');
});
