import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createAccountLookup } from '../src/engagement/account.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { remote, truto } from './support/outcome.ts';
import { type noContent, record, refusal, reset, startRawUpstream } from './support/raw-upstream.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const mutation = `mutation Delete($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) {
    __typename
    ... on DeleteEngagementSuccess { outcome warnings integration { name } }
    ... on NotFoundError { accountFound }
  }
}`;

describe('the look-up of the integration', () => {
  it('happens once for an account, for any number of deletes', async () => {
    await using facade = await startFacadeOver(json(204, undefined), {}, 'capsule');
    await Promise.all([1, 2, 3].map((id) => facade.post(mutation, { id, account: 'a' })));
    await facade.post(mutation, { id: 4, account: 'a' });
    expect(facade.upstream.seen.filter(({ method }) => method === 'GET')).toHaveLength(1);
    expect(facade.upstream.deletes()).toHaveLength(4);
  });

  it.each([
    ['is refused', truto(403)],
    ['fails', truto(500)],
    ['is answered 404 by a page of a proxy', (_request, response) => response.writeHead(404).end('<html>')],
    [
      'gets 404 from a proxy without such a route',
      truto(404, { message: 'Route GET:/integrated-account/a not found' }),
    ],
    ['is answered 404 by the provider', remote(404)],
    ['is answered 401', truto(401)],
    ['answers nonsense', json(200, ['nonsense'])],
    ['shows another account', json(200, { id: 'another', integration: { name: 'affinity' } })],
    ['answers an empty object', json(200, {})],
    ['answers an error under 200', json(200, { statusCode: 404, error: 'Not Found', message: 'no' })],
    ['answers a list', json(200, { result: [], next_cursor: null })],
    ['shows another account by a number', json(200, { id: 7, integration: { name: 'hubspot' } })],
    ['names an integration by a number', json(200, { integration: { name: 7, label: ['affinity'] } })],
    ['names an unknown integration', json(200, { integration: { name: 'brandnewcrm' } })],
    ['never answers', () => {}],
  ] as [string, Answer][])('never stands in the way when it %s', async (_how, answer) => {
    await using facade = await startFacadeOver(json(204, undefined), { REQUEST_TIMEOUT_MS: '1000' }, answer);
    const { body } = await facade.post(mutation, { id: '1', account: 'a' });
    expect(body.data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', integration: null });
  });

  const broken: [string, Answer][] = [
    ['a failure', truto(500)],
    [
      'an answer that breaks off',
      (_request, response) => response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy()),
    ],
    ['a page of HTML', (_request, response) => response.end('<html>')],
  ];
  it.each(broken)('is repeated after %s, so that one failure does not switch the rules off', async (_what, first) => {
    let lookUp = first;
    await using upstream = await startUpstream(json(204, undefined), (request, response) => lookUp(request, response));
    await using facade = await startTestFacade(upstream.url);
    const before = await facade.post(mutation, { id: '1', account: 'a' });
    lookUp = json(200, { integration: { name: 'affinity' } });
    const after = await facade.post(mutation, { id: '2', account: 'a' });
    expect(before.body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    expect(after.body.data.deleteEngagement.__typename).toBe('InvalidInputError');
  });

  it.each([
    ['its label, where the name is unheard of', { name: 'unheard-of', label: 'Affinity' }],
    ['its label, where it has no name', { label: 'Affinity' }],
    ['its name, where both are known', { name: 'affinity', label: 'Capsule' }],
  ])('recognizes the integration by %s', async (_which, integration) => {
    await using facade = await startFacadeOver(json(204, undefined), {}, json(200, { integration }));
    const { body } = await facade.post(mutation, { id: '1', account: 'a' });
    // Affinity requires the type.
    expect(body.data.deleteEngagement.__typename).toBe('InvalidInputError');
    expect(facade.upstream.deletes()).toHaveLength(0);
  });

  it('is not repeated for every delete when upstream does not return the account', async () => {
    await using facade = await startFacadeOver(json(204, undefined), {}, truto(403));
    for (const id of [1, 2, 3]) await facade.post(mutation, { id, account: 'a' });
    expect(facade.upstream.seen.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });
});

describe('the time that a look-up may take', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it.each([
    [1_000, 250],
    [8_000, 2_000],
    [60_000, 2_000],
  ])('of an operation that may take %i ms is %i ms', async (requestTimeoutMs, timeoutMs) => {
    const deadlines: number[] = [];
    const find = createAccountLookup(async (_request, { deadlineAt }) => {
      deadlines.push(deadlineAt);
      return { attempt: { kind: 'failure', reason: 'timeout', mayHaveBeenSent: false }, attempts: 1 } as never;
    }, requestTimeoutMs);
    const caller = { id: 'c', grants: 'all', authorization: new Secret('Bearer t'), bringsToken: true } as const;
    const { refusal } = await find(caller, 'a', performance.now() + 60_000);
    expect(refusal?.kind).toBe('UpstreamUnavailableError');
    expect(deadlines).toEqual([performance.now() + timeoutMs]);
  });
});

const missing = 'IntegratedAccountNotFoundError';
const code = 'INTEGRATED_ACCOUNT_NOT_FOUND';
/** Messages by which an upstream may report a missing account. */
const messages = [
  'Integrated account not found',
  'Integrated account with id 6f9-a was not found',
  'The integrated_account does not exist',
];
const shown = json(200, { integration: { name: 'capsule' } });

/** An upstream that answers deletes like this, reads with an unclear 404, and look-ups with the list in order, repeating the last. */
async function start(onDelete: Answer, ...lookUps: readonly Answer[]) {
  const stack = new AsyncDisposableStack();
  let count = 0;
  const upstream = stack.use(
    await startUpstream(
      (request, response) => (request.method === 'DELETE' ? onDelete : truto(404))(request, response),
      (request, response) => {
        count += 1;
        lookUps[Math.min(count, lookUps.length) - 1]?.(request, response);
      },
    ),
  );
  const facade = stack.use(await startTestFacade(upstream.url));
  const remove = async (id: string, key?: string) => {
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    return (await facade.post(mutation, { id, account: 'a' }, headers)).body.data.deleteEngagement;
  };
  const read = async () => (await facade.post('{ engagement(id: "e1", integratedAccountId: "a") { subject } }')).body;
  const lookUpCount = () => count;
  return { upstream, facade, remove, read, lookUpCount, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('an integrated account that does not exist', () => {
  it('is what the sandbox returns for an unknown account, for deletes and reads, and no delete is sent', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const one = await facade.post(mutation, { id: '1', account: 'mistyped' });
    expect(one.body.data.deleteEngagement.__typename).toBe(missing);
    const many = await facade.post(
      'mutation { deleteEngagements(items: [{ id: 1 }, { id: 2 }], integratedAccountId: "mistyped") { results { __typename } } }',
    );
    expect(many.body.data.deleteEngagements.results).toEqual([{ __typename: missing }, { __typename: missing }]);
    for (const field of [
      'engagement(id: 1, integratedAccountId: "mistyped") { id }',
      'engagements(integratedAccountId: "mistyped") { nodes { id } }',
    ]) {
      const { body } = await facade.post(`{ it: ${field} }`);
      expect(body).toMatchObject({ data: { it: null }, errors: [{ extensions: { code } }] });
    }
    expect(sandbox.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  it.each([['no message', ''], ...messages.map((message) => [`"${message}"`, message])])(
    'is looked up again before it is reported for an account that was found before, on a 404 with %s',
    async (_what, message) => {
      await using setting = await start(truto(404, { message }), shown, truto(404));
      expect(await setting.remove('e1')).toEqual({ __typename: missing });
      expect(setting.lookUpCount()).toBe(2);
    },
  );

  it('is not reported for an account that the look-up finds', async () => {
    await using setting = await start(truto(404, { message: messages[0] }), shown);
    expect(await setting.remove('e1')).toEqual({ __typename: 'UpstreamUnavailableError' });
  });

  it("is reported from upstream's 404 alone when the look-up is refused", async () => {
    await using setting = await start(truto(404, { message: messages[0] }), truto(403));
    expect(await setting.remove('e1')).toEqual({ __typename: missing });
  });

  it.each([
    ['shows it', shown, truto(404), true, { data: { engagement: null } }],
    [
      'is refused',
      truto(403),
      truto(404),
      false,
      { errors: [{ extensions: { code: 'NOT_FOUND', accountFound: false } }] },
    ],
    ['fails', truto(500), truto(404), false, { errors: [{ extensions: { code: 'NOT_FOUND', accountFound: false } }] }],
  ])(
    'is distinguished from a missing engagement, as far as the look-up can: it %s',
    async (_how, lookUp, answer, accountFound, body) => {
      await using setting = await start(answer, lookUp);
      expect(await setting.remove('e1')).toEqual({ __typename: 'NotFoundError', accountFound });
      expect(await setting.read()).toMatchObject(body);
    },
  );

  it("is not looked up after the provider's own 404, which proves that the account exists", async () => {
    await using setting = await start(remote(404), shown);
    expect(await setting.remove('e1')).toEqual({ __typename: 'NotFoundError', accountFound: true });
    expect(setting.lookUpCount()).toBe(1);
  });

  it('is looked up again at the next delete, also with the same Idempotency-Key: the token may have access by then', async () => {
    await using setting = await start(json(204, undefined), truto(404), shown);
    expect(await setting.remove('e1', 'k')).toEqual({ __typename: missing });
    expect(await setting.remove('e1', 'k')).toMatchObject({ __typename: 'DeleteEngagementSuccess' });
  });

  it('is the error of a related record when the account no longer exists', async () => {
    let isThere = true;
    await using upstream = await startUpstream(
      ({ path }, response) => {
        const isEngagement = path.includes('/engagements/');
        isThere = false;
        (isEngagement ? json(200, { owner: { id: 'u1' } }) : truto(404))({} as never, response);
      },
      (request, response) => (isThere ? shown : truto(404))(request, response),
    );
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post('{ engagement(id: 1, integratedAccountId: "a") { owner { id name } } }');
    expect(body).toMatchObject({
      data: { engagement: { owner: { id: 'u1', name: null } } },
      errors: [{ extensions: { code } }],
    });
  });

  it.each([
    ['is unknown when the account does not exist', refusal(404), 'OutcomeUnknownError'],
    [
      'is ALREADY_ABSENT when the account exists',
      record({ integration: { name: 'capsule' } }),
      'DeleteEngagementSuccess',
    ],
  ])('after an attempt without an answer: the outcome %s', async (_what, second, expected) => {
    let lookUps = 0;
    const onRead = (...args: Parameters<typeof noContent>) => {
      lookUps += 1;
      (lookUps === 1 ? record({ integration: { name: 'capsule' } }) : second)(...args);
    };
    await using upstream = await startRawUpstream([reset, refusal(404)], { onRead });
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(mutation, { id: 'e1', account: 'a' });
    expect(body.data.deleteEngagement.__typename).toBe(expected);
    expect([upstream.deletes.length, lookUps]).toEqual([2, 2]);
  });
});
