import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { truto } from './support/outcome.ts';
import { answerText, bytes, startRawUpstream } from './support/raw-upstream.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** Sends the same operation twice: the executor takes the first, and the second is prepared. */
async function bothWays(url: string, query: string, headers: Record<string, string> = {}): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const _way of ['executor', 'prepared']) {
    const response = await fetchGraphQL(`${url}/graphql`, query, { headers });
    texts.push(await response.text());
  }
  return texts;
}

describe('an operation with several deletes, one with a top-level error,', () => {
  const names = ['a', 'b', 'c'];
  const query = `mutation { ${names.map((name) => `${name}: deleteEngagement(id: "${name}", integratedAccountId: "x") { __typename }`).join(' ')} }`;

  it.each(names)('runs each delete once, and returns the same when it is prepared: %s', async (failing) => {
    const answer: Answer = (request, response) =>
      (request.path.endsWith(`/${failing}`) ? truto(401) : json(204, undefined))(request, response);
    await using facade = await startFacadeOver(answer, { AUTH_MODE: 'passthrough' }, 'capsule');
    const texts = await bothWays(facade.url, query, { authorization: 'Bearer canary-of-a-caller' });
    expect(texts[1]).toBe(texts[0]);
    const { data, errors } = JSON.parse(texts[1] ?? '');
    const done = { __typename: 'DeleteEngagementSuccess' };
    expect(data).toEqual({ a: done, b: done, c: done, [failing]: null });
    expect(errors).toMatchObject([{ path: [failing], extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(facade.upstream.deletes().map(({ path }) => path.at(-1))).toEqual([...names, ...names]);
  });
});

it('a mutation begins after all of the one before it, also when a related record of that cannot be read', async () => {
  let release = Promise.withResolvers<void>();
  await using upstream = await startUpstream(async (request, response) => {
    const [kind, id] = request.path.split('/').slice(-2);
    if (kind === 'users') return truto(404)(request, response);
    if (kind === 'accounts') await release.promise;
    json(200, { id, name: 'n', owner: { id: 'u' }, account: { id: 'c' } })(request, response);
  }, 'capsule');
  await using facade = await startTestFacade(upstream.url);
  const related = '... on DeleteEngagementSuccess { engagement { owner { name } account { name } } }';
  const query = `mutation { a: deleteEngagement(id: "1", integratedAccountId: "x") { ${related} } b: deleteEngagement(id: "2", integratedAccountId: "x") { __typename } }`;
  const texts: unknown[] = [];
  for (const _way of ['executor', 'prepared']) {
    release = Promise.withResolvers();
    const before = upstream.seen.length;
    const paths = () => upstream.seen.slice(before).map(({ path }) => path.split('/').slice(-2).join('/'));
    const answer = facade.post(query);
    await expect.poll(paths).toEqual(expect.arrayContaining(['users/u', 'accounts/c']));
    // Longer than the facade takes to read the answer about the user.
    for (let times = 0; times < 3; times += 1)
      await facade.post('{ engagement(id: "3", integratedAccountId: "x") { id } }');
    expect(paths()).not.toContain('engagements/2');
    release.resolve();
    texts.push((await answer).body);
    expect(paths()).toContain('engagements/2');
  }
  expect(texts[1]).toEqual(texts[0]);
});

it.each(['\\ud800', '\\udfff', 'a\\udc00\\ud800b'])(
  'half of a surrogate pair in a record is returned as an escape, prepared or not: %s',
  async (escaped) => {
    const body = answerText(200, `{"id":"e1","subject":"${escaped}"}`, ['content-type: application/json']);
    await using upstream = await startRawUpstream([bytes(body)]);
    await using facade = await startTestFacade(upstream.url);
    const query =
      'mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { ... on DeleteEngagementSuccess { engagement { subject } } } }';
    const texts = await bothWays(facade.url, query);
    expect(texts[0]).toContain(`"subject":"${escaped}"`);
    expect(texts[1]).toBe(texts[0]);
  },
);
