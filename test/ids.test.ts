import { describe, expect, it } from 'vitest';
import { startFacadeOver } from './support/facade-over.ts';
import { json } from './support/upstream.ts';

const mutation = `mutation ($id: ID!, $parameters: DeleteEngagementParameters, $remoteQuery: JSONObject) {
  deleteEngagement(id: $id, integratedAccountId: "a", parameters: $parameters, remoteQuery: $remoteQuery) {
    __typename ... on InvalidInputError { issues { path } } } }`;

/**
 * Sends the JSON text of variables unchanged, and returns the result. It sends the operation twice: new to the facade, and
 * prepared. Both results must be equal.
 */
async function send(variables: string) {
  await using facade = await startFacadeOver(json(204, undefined));
  const post = async () => {
    const before = facade.upstream.deletes().length;
    const response = await fetch(`${facade.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"query":${JSON.stringify(mutation)},"variables":${variables}}`,
    });
    const deletes = facade.upstream
      .deletes()
      .slice(before)
      .map(({ path, rawQuery }) => `${path}?${rawQuery}`);
    return { status: response.status, answer: await response.json(), deletes };
  };
  const first = await post();
  await facade.post(mutation, { id: 'prepared' });
  expect(await post()).toEqual(first);
  return first;
}

const refused = { extensions: { code: 'BAD_USER_INPUT' } };

describe('an id that is a number in the variables', () => {
  it.each([
    ['3652397000000512', '3652397000000512'],
    ['0', '0'],
    ['-7', '-7'],
    ['"3652397000000512019"', '3652397000000512019'],
  ])('%s names the engagement %s', async (id, expected) => {
    const { deletes } = await send(`{"id":${id}}`);
    expect(deletes.map((line) => line.split(/[/?]/).at(4))).toEqual([expected]);
  });

  it.each(['3652397000000512019', '9007199254740993', '1e30', '1.5'])(
    '%s is refused, because it may name another engagement',
    async (id) => {
      const { status, answer, deletes } = await send(`{"id":${id}}`);
      expect([status, deletes]).toEqual([400, []]);
      expect(answer.errors).toMatchObject([refused]);
    },
  );

  it('is refused in every argument', async () => {
    const { status, answer, deletes } = await send('{"id":"1","parameters":{"account":{"id":3652397000000512019}}}');
    expect([status, deletes]).toEqual([400, []]);
    expect(answer.errors).toMatchObject([refused]);
  });
});

it.each([['names of digits only, which a server reads as a list', '{"x":{"0":"a","2":"b"}}', ['remoteQuery', 'x']]])(
  'a remoteQuery with %s is refused',
  async (_what, remoteQuery, path) => {
    const { answer, deletes } = await send(`{"id":"1","remoteQuery":${remoteQuery}}`);
    expect(answer.data.deleteEngagement).toMatchObject({
      __typename: 'InvalidInputError',
      issues: expect.arrayContaining([{ path }]),
    });
    expect(deletes).toEqual([]);
  },
);

it.each(['0000-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59'])(
  'a date-time with a year of other than four digits in UTC is refused: %s',
  async (createdAt) => {
    const { answer, deletes } = await send(`{"id":"1","parameters":{"createdAt":"${createdAt}"}}`);
    expect(answer.data.deleteEngagement).toMatchObject({ issues: [{ path: ['parameters', 'createdAt'] }] });
    expect(deletes).toEqual([]);
  },
);
