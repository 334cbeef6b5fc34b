import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const mutation = `mutation Delete($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) {
    __typename
    ... on DeleteEngagementSuccess { integration { name } }
  }
}`;

describe('the look-up of the integration', () => {
  it('happens once for an account, however many deletes follow', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using facade = await startTestFacade(upstream.url);
    await Promise.all([1, 2, 3].map((id) => facade.post(mutation, { id, account: 'a' })));
    await facade.post(mutation, { id: 4, account: 'a' });
    expect(upstream.seen.filter(({ method }) => method === 'GET')).toHaveLength(1);
    expect(upstream.deletes()).toHaveLength(4);
  });

  it.each([
    ['is refused', json(403, { statusCode: 403 })],
    ['fails', json(500, { statusCode: 500 })],
    ['answers nonsense', json(200, ['nonsense'])],
    ['names an integration nobody knows', json(200, { integration: { name: 'brandnewcrm' } })],
    ['never answers', () => {}],
  ])('never stands in the way when it %s', async (_how, answer) => {
    await using upstream = await startUpstream(json(204, undefined), answer);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' });
    const { body } = await facade.post(mutation, { id: '1', account: 'a' });
    expect(body.data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', integration: null });
  });

  const broken: [string, Answer][] = [
    ['a failure', json(500, { statusCode: 500 })],
    [
      'an answer that breaks off',
      (_request, response) => response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy()),
    ],
    ['a page of HTML', (_request, response) => response.end('<html>')],
  ];
  it.each(broken)('is asked again after %s, so one bad moment does not switch the rules off', async (_what, first) => {
    let lookUp = first;
    await using upstream = await startUpstream(json(204, undefined), (request, response) => lookUp(request, response));
    await using facade = await startTestFacade(upstream.url);
    const before = await facade.post(mutation, { id: '1', account: 'a' });
    lookUp = json(200, { integration: { name: 'affinity' } });
    const after = await facade.post(mutation, { id: '2', account: 'a' });
    expect(before.body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    expect(after.body.data.deleteEngagement.__typename).toBe('InvalidInputError');
  });

  it('is not asked again at every delete when upstream does not show the account', async () => {
    await using upstream = await startUpstream(json(204, undefined), json(403, { statusCode: 403 }));
    await using facade = await startTestFacade(upstream.url);
    for (const id of [1, 2, 3]) await facade.post(mutation, { id, account: 'a' });
    expect(upstream.seen.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });
});
