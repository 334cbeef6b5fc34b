import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { hugeBodies } from './support/huge-bodies.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const remove = (argument = '') => `mutation { deleteEngagement(id: "e1", integratedAccountId: "a" ${argument}) {
  __typename ... on Error { message } ... on DeleteEngagementSuccess { outcome raw engagement { subject } warnings }
  ... on RemoteApiError { statusCode rawResponse } ... on OutcomeUnknownError { lastStatusCode rawResponse } } }`;

/** Posts one document to a facade whose upstream answers so, to everything or to the look-up of the account alone. */
async function answerTo(query: string, answer: Answer, isLookup = false) {
  await using upstream = isLookup ? await startUpstream(json(204, undefined), answer) : await startUpstream(answer);
  await using facade = await startTestFacade(upstream.url);
  const { body } = await facade.post(query);
  return { ...body, requestCount: upstream.seen.filter(({ path }) => path.startsWith('/unified')).length };
}

describe.each(hugeBodies)('S14 an upstream body $way', ({ told, answer }) => {
  it.each(['', 'format: RAW'])('costs a delete its answer, not its success: %s', async (argument) => {
    const { data, errors, requestCount } = await answerTo(remove(argument), answer());
    expect(data.deleteEngagement).toMatchObject({ outcome: 'DELETED', raw: null, engagement: null });
    expect(data.deleteEngagement.warnings).toContainEqual(expect.stringContaining(told));
    expect([errors, requestCount]).toEqual([undefined, 1]);
  });

  it.each([
    [400, { __typename: 'InvalidInputError' }],
    [403, { __typename: 'ForbiddenError' }],
    [409, { __typename: 'RemoteApiError', statusCode: 409, rawResponse: null }],
    [429, { __typename: 'RateLimitedError' }],
  ])('is not what a refusal is told by: %i', async (statusCode, expected) => {
    const { data, requestCount } = await answerTo(remove(), answer(statusCode));
    expect(data.deleteEngagement).toMatchObject(expected);
    expect(requestCount).toBe(1);
  });

  it('leaves the outcome of a failure unknown', async () => {
    const { data } = await answerTo(remove('remoteQuery: { a: 1 }'), answer(500));
    const unknown = { __typename: 'OutcomeUnknownError', lastStatusCode: 500, rawResponse: null };
    expect(data.deleteEngagement).toMatchObject(unknown);
  });

  it.each([
    ['a read', '{ engagement(id: "e1", integratedAccountId: "a") { subject } }'],
    ['a list', '{ engagements(integratedAccountId: "a") { nodes { subject } } }'],
  ])('is an error of %s', async (_what, query) => {
    const { errors, requestCount } = await answerTo(query, answer());
    expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
    expect(requestCount).toBe(1);
  });

  it('keeps a delete with a snapshot from being sent', async () => {
    const { data, requestCount } = await answerTo(remove('snapshot: true'), answer());
    expect(data.deleteEngagement.__typename).toBe('UpstreamUnavailableError');
    expect(requestCount).toBe(1);
  });

  it('leaves the integration of the account unknown, and the delete is sent', async () => {
    const { data } = await answerTo(remove(), answer(), true);
    expect(data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
  });
});
