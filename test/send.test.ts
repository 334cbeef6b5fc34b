import { describe, expect, it, vi } from 'vitest';
import type { Attempt, UpstreamRequest } from '../src/upstream/attempt.ts';
import type { AttemptOptions } from '../src/upstream/client.ts';
import { createSend } from '../src/upstream/send.ts';

const answer = (statusCode: number, headers: Record<string, string> = {}): Attempt => ({
  kind: 'answer',
  statusCode,
  headers,
  body: { kind: 'complete', bytes: Buffer.alloc(0) },
  disconnect() {},
});
const failure = (mayHaveBeenSent: boolean, reason: 'reset' | 'refused' | 'timeout' = 'reset'): Attempt => ({
  kind: 'failure',
  mayHaveBeenSent,
  reason,
});

/** Sends one request to an upstream whose attempts end as given, in turn. */
async function send(
  ends: readonly Attempt[],
  {
    method = 'DELETE',
    deadlineInMs = 5_000,
    ...rest
  }: {
    method?: UpstreamRequest['method'];
    deadlineInMs?: number;
    isRepeatable?: boolean;
    hasCallerLeft?: () => boolean;
    isBackground?: boolean;
    keyAfter?: (answerCount: number) => string;
  } = {},
) {
  const times: AttemptOptions[] = [];
  const attempt = async (_request: UpstreamRequest, options: AttemptOptions): Promise<Attempt> => {
    times.push(options);
    return ends[Math.min(times.length, ends.length) - 1] as Attempt;
  };
  const sendOver = createSend({ client: { attempt }, reserveMs: 10, limits: undefined });
  const limitedBy = { tokenId: 't', integratedAccountId: 'a' };
  const deadlineAt = performance.now() + deadlineInMs;
  const sent = await sendOver({ method, path: '/', headers: {} }, { deadlineAt, limitedBy, ...rest });
  return { ...sent, times, deadlineAt };
}

describe('sending', () => {
  it('makes each key by the number of attempts that were answered before', async () => {
    const keyAfter = vi.fn((answerCount: number) => String(answerCount));
    await send([failure(true), answer(404)], { keyAfter });
    await send([answer(502), answer(404)], { keyAfter });
    expect(keyAfter.mock.calls).toEqual([[0], [0], [0], [1]]);
  });

  it('reports when an attempt before the last may have been executed', async () => {
    expect(await send([failure(true), answer(404)])).toMatchObject({ attemptCount: 2, mayHaveActedBefore: true });
    expect(await send([failure(false, 'refused'), answer(404)])).toMatchObject({
      attemptCount: 2,
      mayHaveActedBefore: false,
    });
    expect(await send([answer(404)])).toMatchObject({ attemptCount: 1, mayHaveActedBefore: false });
  });

  it.each([502, 504, 500])('tries a delete twice after %i, a read three times', async (statusCode) => {
    expect((await send([answer(statusCode)])).attemptCount).toBe(2);
    expect((await send([answer(statusCode)], { method: 'GET' })).attemptCount).toBe(3);
  });

  it('waits for a limit of upstream itself, and not in the background: a bulk delete waits with all of its requests', async () => {
    const limited = answer(429, { 'retry-after': '0' });
    expect((await send([limited, answer(204)])).attemptCount).toBe(2);
    expect((await send([limited, answer(204)], { isBackground: true })).attemptCount).toBe(1);
  });

  it('never retries a request that is not repeatable once it may have been sent, and does before', async () => {
    expect((await send([failure(true), answer(204)], { isRepeatable: false })).attemptCount).toBe(1);
    expect((await send([failure(false, 'refused'), answer(204)], { isRepeatable: false })).attemptCount).toBe(2);
  });

  it.each([failure(true), failure(true, 'timeout'), answer(500), answer(502), answer(504)])(
    'never retries a create that may have been executed: %j',
    async (end) => {
      const sent = await send([end, answer(201)], { method: 'POST' });
      expect(sent).toMatchObject({ attemptCount: 1, attempt: end });
      expect(sent.times[0]?.answerBy).toBe(sent.deadlineAt);
    },
  );

  it('retries a create that was not sent, or that a rate limit refused', async () => {
    const ends = [failure(false, 'refused'), answer(429, { 'retry-after': '0' }), answer(201)];
    expect(await send(ends, { method: 'POST' })).toMatchObject({ attemptCount: 3, attempt: ends[2] });
  });

  it('leaves time for another attempt, unless none is possible', async () => {
    const { times, deadlineAt } = await send([failure(true), answer(204)]);
    expect(times[0]?.answerBy).toBeLessThan(deadlineAt);
    expect(times[1]?.answerBy).toBe(deadlineAt);
    const once = await send([answer(204)], { isRepeatable: false });
    expect(once.times[0]?.answerBy).toBe(once.deadlineAt);
  });

  it('sends nothing after the client has disconnected', async () => {
    expect(await send([answer(204)], { hasCallerLeft: () => true })).toMatchObject({
      attemptCount: 0,
      attempt: { reason: 'abandoned', mayHaveBeenSent: false },
    });
    let asked = 0;
    // It is asked when an attempt is to begin, and again right before it goes.
    const leavesAfterTheFirst = () => ++asked > 2;
    expect(await send([failure(true)], { hasCallerLeft: leavesAfterTheFirst })).toMatchObject({
      attemptCount: 1,
      attempt: { reason: 'reset' },
    });
  });

  it('sends nothing once less time is left than an answer needs, also when that is noticed at the last check', async () => {
    let checks = 0;
    const untilTooLate = () => {
      const untilMs = performance.now() + (checks++ === 0 ? 30 : 0);
      while (performance.now() < untilMs);
      return false;
    };
    const sent = await send([answer(204)], { hasCallerLeft: untilTooLate, deadlineInMs: 30 });
    expect(sent).toMatchObject({ attemptCount: 0, attempt: { reason: 'timeout', mayHaveBeenSent: false } });
    expect(sent.times).toEqual([]);
  });

  it('returns the end of the last started attempt, when there was no time for another', async () => {
    const { attempt, attemptCount } = await send([answer(502), failure(false, 'timeout')]);
    expect([attempt, attemptCount]).toMatchObject([{ statusCode: 502 }, 1]);
  });

  it('waits for the shared limit again when other replicas used it', async () => {
    const delaysMs = [5, 0];
    const sharedBudget = { take: async () => delaysMs.shift(), pause: async () => {}, queueDelayMs: () => 0 };
    const client = { attempt: async () => answer(204) };
    const sendOver = createSend({ client, reserveMs: 10, limits: undefined, sharedBudget });
    const limitedBy = { tokenId: 't', integratedAccountId: 'a' };
    const sent = await sendOver(
      { method: 'DELETE', path: '/', headers: {} },
      { deadlineAt: performance.now() + 5_000, limitedBy },
    );
    expect(sent).toMatchObject({ attemptCount: 1, attempt: { statusCode: 204 } });
  });

  it('sends an interactive request at once, with any number of background requests in flight', async () => {
    const held = Promise.withResolvers<Attempt>();
    const paths: string[] = [];
    const attempt = ({ path }: UpstreamRequest): Promise<Attempt> => {
      paths.push(path);
      return path === '/interactive' ? Promise.resolve(answer(204)) : held.promise;
    };
    const sendOver = createSend({ client: { attempt }, reserveMs: 10, limits: undefined });
    const options = {
      deadlineAt: performance.now() + 5_000,
      limitedBy: { tokenId: 't', integratedAccountId: 'a' },
    };
    const background = Array.from({ length: 100 }, (_, index) =>
      sendOver({ method: 'DELETE', path: `/${index}`, headers: {} }, { ...options, isBackground: true }),
    );
    const sent = await sendOver({ method: 'DELETE', path: '/interactive', headers: {} }, options);
    expect(paths.length).toBe(101);
    expect(sent).toMatchObject({ attempt: { statusCode: 204 } });
    held.resolve(answer(204));
    await Promise.all(background);
  });
});
