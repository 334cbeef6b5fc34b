import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { collect, postForParts } from './support/parts.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const idOf = (path: string) => decodeURIComponent(path.split('/').at(-1) ?? '');

/** Deletes everything except the ids that are named as refused. */
const answer: Answer = (request, response) => {
  const id = idOf(request.path);
  const refused: Record<string, number> = { missing: 404, forbidden: 403, conflict: 409 };
  const status = refused[id] ?? 200;
  json(status, status === 200 ? { id, subject: `subject ${id}` } : { statusCode: status, error: 'x', message: 'x' })(
    request,
    response,
  );
};

async function start(upstreamAnswer = answer, env: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(upstreamAnswer, 'capsule'));
  const facade = stack.use(await startTestFacade(upstream.url, env));
  return { upstream, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const selection = `{ __typename ... on DeleteEngagementSuccess { deletedEngagementId engagement { subject } }
  ... on InvalidInputError { issues { path } } ... on Error { message } }`;
const query = (more = '', field = selection) =>
  `mutation ($items: [DeleteEngagementItem!]!) { deleteEngagements(items: $items, integratedAccountId: "a" ${more}) { results ${field} } }`;
const itemsOf = (...ids: readonly string[]) => ({ items: ids.map((id) => ({ id })) });
const kindOf = ({ __typename }: { __typename: string }) => __typename;

describe('deleteEngagements', () => {
  it('returns one result for each item, in order, as deleteEngagement does', async () => {
    await using server = await start();
    const { body } = await server.facade.post(query(), itemsOf('1', 'missing', '2', '..', 'conflict'));
    expect(body.errors).toBeUndefined();
    const [first, , third, fourth] = body.data.deleteEngagements.results;
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual([
      ...['DeleteEngagementSuccess', 'NotFoundError', 'DeleteEngagementSuccess', 'InvalidInputError', 'RemoteApiError'],
    ]);
    expect(first.engagement).toEqual({ subject: 'subject 1' });
    expect(third.deletedEngagementId).toBe('2');
    expect(fourth.issues).toEqual([{ path: ['id'] }]);
    expect(
      server.upstream
        .deletes()
        .map(({ path }) => idOf(path))
        .sort(),
    ).toEqual(['1', '2', 'conflict', 'missing']);
    expect(server.upstream.deletes()[0]?.query.truto_exclude_fields).toContain('content');
  });

  it('says in each error which engagement it is about', async () => {
    await using server = await start();
    const field = '{ __typename ... on DeleteEngagementSuccess { deletedEngagementId } ... on Error { engagementId } }';
    const items = [...itemsOf('1', 'missing', '..', 'forbidden').items, { id: '1', parameters: { status: 'done' } }];
    const { body } = await server.facade.post(query('', field), { items });
    expect(body.data.deleteEngagements.results).toEqual([
      { __typename: 'DeleteEngagementSuccess', deletedEngagementId: '1' },
      { __typename: 'NotFoundError', engagementId: 'missing' },
      { __typename: 'InvalidInputError', engagementId: '..' },
      { __typename: expect.any(String), engagementId: 'forbidden' },
      { __typename: 'InvalidInputError', engagementId: '1' },
    ]);
    const one = `mutation { deleteEngagement(id: "missing", integratedAccountId: "a") ${field} }`;
    expect((await server.facade.post(one)).body.data.deleteEngagement.engagementId).toBe('missing');
  });

  it('says in an error at the place of a result which engagement it is about', async () => {
    const refusal = json(401, { statusCode: 401, error: 'Unauthorized', message: 'x' });
    await using server = await start(refusal, { AUTH_MODE: 'passthrough' });
    const token = { authorization: 'Bearer canary-token-of-a-caller' };
    const { body } = await server.facade.post(query(), itemsOf('7', '8'), token);
    const about = body.errors?.map(({ path, extensions }: { path: unknown[]; extensions: object }) => [
      path[2],
      extensions,
    ]);
    expect(about).toEqual([
      [0, expect.objectContaining({ code: 'UNAUTHENTICATED', engagementId: '7' })],
      [1, expect.objectContaining({ code: 'UNAUTHENTICATED', engagementId: '8' })],
    ]);
  });

  it('sends them in parallel, and writes a log line for each', async () => {
    const waiting: (() => void)[] = [];
    const together: Answer = (request, response) => {
      waiting.push(() => answer(request, response));
      // Upstream answers only after all have arrived.
      if (waiting.length === 20) for (const go of waiting) go();
    };
    await using server = await start(together);
    const ids = Array.from({ length: 20 }, (_, index) => `e${index}`);
    const { body } = await server.facade.post(query(), itemsOf(...ids));
    expect(new Set(body.data.deleteEngagements.results.map(kindOf))).toEqual(new Set(['DeleteEngagementSuccess']));
    expect(server.facade.logged().match(/"msg":"delete"/g)).toHaveLength(20);
  });

  it('runs items with the same engagement as one delete', async () => {
    await using server = await start();
    const { body } = await server.facade.post(query(), itemsOf('1', '2', '1', '1'));
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual(Array(4).fill('DeleteEngagementSuccess'));
    expect(server.upstream.deletes()).toHaveLength(2);
  });

  it('refuses the same engagement with other parameters, and runs the first', async () => {
    await using server = await start();
    const items = [{ id: '1' }, { id: '1', parameters: { status: 'done' } }, { id: '1', parameters: { status: null } }];
    const { body } = await server.facade.post(query(), { items });
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual([
      ...['DeleteEngagementSuccess', 'InvalidInputError', 'DeleteEngagementSuccess'],
    ]);
    expect(body.data.deleteEngagements.results[1].issues).toEqual([{ path: ['items', '1'] }]);
    expect(server.upstream.deletes()).toHaveLength(1);
  });

  it.each([
    ['no item', [], '', 'items'],
    ['more than 100', Array.from({ length: 101 }, (_, index) => ({ id: `e${index}` })), '', 'items'],
    ['streamed bodies', [{ id: '1' }], ', format: STREAM', 'format'],
  ])('refuses %s, before anything is sent', async (_what, items, more, name) => {
    await using server = await start();
    const { body } = await server.facade.post(query(more), { items });
    expect(body.data).toEqual({ deleteEngagements: null });
    expect(body.errors[0].extensions).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: [name] }] });
    expect(server.upstream.seen).toEqual([]);
  });

  it.each([
    ['negative', '@stream(initialCount: -1)', {}],
    ['null', '@stream(initialCount: $n)', { n: null }],
    ['a condition that is null', '@stream(if: $b)', { b: null }],
  ])('refuses a @stream whose count is %s, before anything is sent', async (_what, directive, variables) => {
    await using server = await start();
    const document = `mutation ($n: Int = 0, $b: Boolean = true) {
      deleteEngagements(items: [{ id: 1 }], integratedAccountId: "a") {
        first: results @stream(initialCount: $n) { __typename }
        results ${directive} { __typename @include(if: $b) __typename } } }`;
    const parts = await collect(await postForParts(server.facade, document, variables));
    expect(parts.map((part) => part.data)).toContainEqual({ deleteEngagements: null });
    expect(JSON.stringify(parts)).toContain('"code":"BAD_USER_INPUT"');
    expect(server.upstream.seen).toEqual([]);
  });

  it('ignores a @stream whose if is false, also with an invalid count', async () => {
    await using server = await start();
    const document = `mutation { deleteEngagements(items: [{ id: 1 }], integratedAccountId: "a") {
      results @stream(if: false, initialCount: -1) { __typename } } }`;
    const parts = await collect(await postForParts(server.facade, document));
    const results = [{ __typename: 'DeleteEngagementSuccess' }];
    expect(parts).toEqual([{ data: { deleteEngagements: { results } } }]);
  });

  it('S24 leaves out records that are too large together, with a warning, and returns each outcome', async () => {
    const large = 'x'.repeat(900_000);
    const raw: Answer = (request, response) => json(200, { id: idOf(request.path), large })(request, response);
    await using server = await start(raw);
    const ids = Array.from({ length: 40 }, (_, index) => `e${index}`);
    const field = '{ __typename ... on DeleteEngagementSuccess { outcome raw warnings } }';
    const { body } = await server.facade.post(query(', format: RAW', field), itemsOf(...ids));
    const { results } = body.data.deleteEngagements;
    expect(results.map(({ outcome }: { outcome: string }) => outcome)).toEqual(Array(40).fill('DELETED'));
    const returned = results.filter((result: { raw: unknown }) => result.raw !== null);
    expect(returned.length).toBe(9);
    const left = results.filter((result: { raw: unknown }) => result.raw === null);
    for (const { warnings } of left) expect(warnings.join()).toContain('left out');
  });

  it('treats a literal and a variable of the same value alike', async () => {
    await using server = await start();
    const document = `mutation ($one: DeleteEngagementItem!) {
      deleteEngagements(items: [{ id: "1", parameters: { account: { id: "x" } } }, $one], integratedAccountId: "a") { results ${selection} } }`;
    const one = { id: '1', parameters: { account: { id: 'x' } } };
    const { body } = await server.facade.post(document, { one });
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual(Array(2).fill('DeleteEngagementSuccess'));
    expect(server.upstream.deletes()).toHaveLength(1);
  });

  it('runs them also when the results are not selected', async () => {
    await using server = await start();
    const { body } = await server.facade.post(
      'mutation ($items: [DeleteEngagementItem!]!) { deleteEngagements(items: $items, integratedAccountId: "a") { __typename } }',
      itemsOf('1', '2'),
    );
    expect(body).toEqual({ data: { deleteEngagements: { __typename: 'DeleteEngagementsPayload' } } });
    // All have run before the answer.
    expect(server.upstream.deletes()).toHaveLength(2);
    expect(server.facade.logged().match(/"msg":"delete"/g)).toHaveLength(2);
  });

  it('accepts 100', async () => {
    await using server = await start();
    const ids = Array.from({ length: 100 }, (_, index) => `e${index}`);
    const { body } = await server.facade.post(query(), itemsOf(...ids));
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual(Array(100).fill('DeleteEngagementSuccess'));
  });

  it('returns only an error at its path when upstream does not accept the caller’s token', async () => {
    const revoked: Answer = (request, response) =>
      idOf(request.path) === 'revoked'
        ? json(401, { statusCode: 401, error: 'Unauthorized', message: '' })(request, response)
        : answer(request, response);
    await using server = await start(revoked, { AUTH_MODE: 'passthrough' });
    const { body } = await server.facade.post(query(), itemsOf('1', 'revoked', '2'), { authorization: 'Bearer t' });
    expect(body.data.deleteEngagements.results.map((each: object | null) => each && kindOf(each as never))).toEqual([
      ...['DeleteEngagementSuccess', null, 'DeleteEngagementSuccess'],
    ]);
    expect(body.errors).toHaveLength(1);
    expect(body.errors[0]).toMatchObject({
      path: ['deleteEngagements', 'results', 1],
      extensions: { code: 'UNAUTHENTICATED' },
    });
  });

  it('S03 does nothing without a token, and returns one error', async () => {
    await using server = await start(answer, { AUTH_MODE: 'passthrough' });
    const { body } = await server.facade.post(query(), itemsOf('1', '2'));
    expect(body.errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code)).toEqual([
      'UNAUTHENTICATED',
    ]);
    expect(server.upstream.seen).toEqual([]);
  });

  it('runs each once when the list is sent again with its key, in any order', async () => {
    await using server = await start();
    const headers = { 'idempotency-key': 'the-clean-up' };
    await server.facade.post(query(), itemsOf('1', '2', '3'), headers);
    const { body } = await server.facade.post(query(), itemsOf('3', '1', '2', '4'), headers);
    expect(body.data.deleteEngagements.results.map(kindOf)).toEqual(Array(4).fill('DeleteEngagementSuccess'));
    expect(
      server.upstream
        .deletes()
        .map(({ path }) => idOf(path))
        .sort(),
    ).toEqual(['1', '2', '3', '4']);
  });

  it('sends each result when it is ready, with @stream', async () => {
    let release = () => {};
    const late: Answer = (request, response) => {
      if (idOf(request.path) === 'late') release = () => answer(request, response);
      else answer(request, response);
    };
    await using server = await start(late);
    const items = '[{ id: "1" }, { id: "late" }, { id: "2" }]';
    const field = `deleteEngagements(items: ${items}, integratedAccountId: "a")`;
    const seen: string[] = [];
    for await (const part of await postForParts(
      server.facade,
      `mutation { ${field} { results @stream(initialCount: 0) ${selection} } }`,
    )) {
      const ids = JSON.stringify(part).match(/"deletedEngagementId":"\w+"/g) ?? [];
      seen.push(...ids);
      // The first has arrived while the second has no answer yet.
      if (seen.length === 1) release();
    }
    expect(seen.map((text) => text.split('"')[3])).toEqual(['1', 'late', '2']);
  });
});
