import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import {
  deleteInTime,
  deletion,
  noContent,
  type RawAnswer,
  refusal,
  reset,
  silence,
  startRawUpstream,
} from './support/raw-upstream.ts';

/** Sends one delete, and answers what it came to, however long that takes. */
async function removeFrom(facade: TestFacade, account: string, id: string) {
  const { body } = await facade.post(deletion, { account, id });
  return body.data.deleteEngagement;
}

describe("R16 one account's flood does not affect the others", () => {
  it.each<[string, RawAnswer]>([
    ['are never answered', silence],
    ['are answered after a while', (socket, request) => void setTimeout(() => noContent(socket, request), 300)],
    ['fail after a while', (socket, request) => void setTimeout(() => refusal(502)(socket, request), 100)],
    ['break their connections', reset],
  ])('of 400 deletes at once that %s', async (_how, floodAnswer) => {
    await using upstream = await startRawUpstream([
      (socket, request) => (request.head.includes('account_id=flood&') ? floodAnswer : noContent)(socket, request),
    ]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '4000' });
    const flood: Promise<{ __typename: string }>[] = [];
    while (flood.length < 400) {
      for (let index = 0; index < 20; index += 1) flood.push(removeFrom(facade, 'flood', `f${flood.length}`));
      // They are all in flight before any has to be given up, and none keeps the others from being read.
      await fetch(`${facade.url}/health`);
    }
    const quiet: string[] = [];
    for (let index = 0; index < 100; index += 1)
      quiet.push((await removeFrom(facade, 'quiet', `q${index}`)).__typename);
    expect(quiet.filter((member) => member === 'DeleteEngagementSuccess').length).toBeGreaterThanOrEqual(99);
    // Every delete of the flood gets a result.
    for (const { __typename } of await Promise.all(flood)) {
      expect(['DeleteEngagementSuccess', 'OutcomeUnknownError', 'UpstreamUnavailableError']).toContain(__typename);
    }
  });

  it('because it has at most 100 requests in flight: its others wait, and those of other accounts do not', async () => {
    const held: (() => void)[] = [];
    let [runningCount, mostRunning] = [0, 0];
    await using upstream = await startRawUpstream([
      (socket, request) => {
        if (!request.head.includes('account_id=flood&')) return noContent(socket, request);
        runningCount += 1;
        mostRunning = Math.max(mostRunning, runningCount);
        held.push(() => {
          runningCount -= 1;
          noContent(socket, request);
        });
      },
    ]);
    await using facade = await startTestFacade(upstream.url);
    const flood = Array.from({ length: 300 }, (_, index) => removeFrom(facade, 'flood', `f${index}`));
    // Those that waited keep their places as the first did.
    for (const count of [100, 200, 300]) {
      await expect.poll(() => held.length).toBe(count);
      expect(await removeFrom(facade, 'quiet', `q${count}`)).toMatchObject({ outcome: 'DELETED' });
      expect(held).toHaveLength(count);
      for (const answerNow of held.slice(-100)) answerNow();
    }
    expect((await Promise.all(flood)).filter(({ outcome }) => outcome !== 'DELETED')).toEqual([]);
    expect(mostRunning).toBe(100);
  });
});

it("R16 Truto's documented limit of an account is used up by 50 requests: the next is refused, unsent, with a retry time; those of other accounts are not", async () => {
  await using upstream = await startRawUpstream([noContent]);
  await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '2000', TRUTO_RATE_LIMITS: '1' });
  // The look-up of the account is one of them.
  const first = await Promise.all(Array.from({ length: 49 }, (_, index) => removeFrom(facade, 'a', `e${index}`)));
  expect(first.filter(({ outcome }) => outcome !== 'DELETED')).toEqual([]);
  expect(upstream.requests).toHaveLength(50);
  const { retryAfterMs, ...result } = await deleteInTime(facade, 2_000, { account: 'a', id: 'e50' });
  expect(result).toMatchObject({
    __typename: 'RateLimitedError',
    message: expect.stringContaining('Nothing was deleted'),
  });
  // Ten seconds after the first of the 50, and a little more.
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(10_250);
  expect(upstream.requests).toHaveLength(50);
  expect(await removeFrom(facade, 'b', 'e1')).toMatchObject({ outcome: 'DELETED' });
});

it('R16 a token that upstream makes wait does not affect other tokens in the same account', async () => {
  const isOfGreedy = ({ head }: { readonly head: string }) => head.includes('canary-of-greedy');
  await using upstream = await startRawUpstream([
    (socket, request) => (isOfGreedy(request) ? refusal(429, ['retry-after: 60']) : noContent)(socket, request),
  ]);
  await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
  const remove = async (token: string, id: string) => {
    const { body } = await facade.post(deletion, { id }, { authorization: `Bearer ${token}` });
    return body.data.deleteEngagement.__typename;
  };
  const tokens = ['canary-of-greedy', 'canary-of-greedy', 'canary-of-other'];
  const members = [];
  for (const [index, token] of tokens.entries()) members.push(await remove(token, `e${index}`));
  expect(members).toEqual(['RateLimitedError', 'RateLimitedError', 'DeleteEngagementSuccess']);
  expect(upstream.deletes.filter(isOfGreedy)).toHaveLength(1);
});
