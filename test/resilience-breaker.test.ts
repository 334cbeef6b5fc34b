import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attempt, FailureReason, SendOptions } from '../src/upstream/attempt.ts';
import { Breaker, isAccountFailure, isUpstreamFailure } from '../src/upstream/breaker.ts';
import type { UpstreamClient } from '../src/upstream/client.ts';
import { createSend } from '../src/upstream/send.ts';
import { startTestFacade } from './support/facade.ts';
import { deleteInTime, noContent, refusal, startRawUpstream } from './support/raw-upstream.ts';

function answer(statusCode: number, contentType = 'application/json'): Attempt {
  const body = { kind: 'complete', bytes: Buffer.of() } as const;
  return { kind: 'answer', statusCode, headers: { 'content-type': contentType }, body, disconnect() {} };
}
function failure(reason: FailureReason, mayHaveBeenSent: boolean): Attempt {
  return { kind: 'failure', reason, mayHaveBeenSent };
}

const failed = answer(502);
const good = answer(204);

/** Has the breaker count so many of an end, while it lets anything through, and tells how many it let through. */
function count(breaker: Breaker, times: number, end: Attempt): number {
  let through = 0;
  for (let time = 0; time < times && !breaker.isOpen; time += 1) {
    breaker.end(end, breaker.begin());
    through += 1;
  }
  return through;
}

function openBreaker(): Breaker {
  const breaker = new Breaker(isAccountFailure);
  count(breaker, 20, failed);
  expect(breaker.isOpen).toBe(true);
  return breaker;
}

describe('R08 a breaker', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('stays closed up to 19 attempts, with any ends, and opens with the 20th', () => {
    const breaker = new Breaker(isAccountFailure);
    expect(count(breaker, 19, failed)).toBe(19);
    expect(breaker.isOpen).toBe(false);
    expect(count(breaker, 10, failed)).toBe(1);
    expect(breaker.isOpen).toBe(true);
  });

  it('opens when more than half failed, and not when half did', () => {
    const breaker = new Breaker(isAccountFailure);
    count(breaker, 20, good);
    expect(count(breaker, 20, failed)).toBe(20);
    expect(breaker.isOpen).toBe(false);
    expect(count(breaker, 10, failed)).toBe(1);
    expect(breaker.isOpen).toBe(true);
  });

  it('ignores attempts of more than ten seconds ago', () => {
    const breaker = new Breaker(isAccountFailure);
    for (let second = 0; second < 60; second += 1) {
      expect(count(breaker, 1, failed)).toBe(1);
      vi.advanceTimersByTime(1_000);
    }
    expect(breaker.isOpen).toBe(false);
  });

  it('allows nothing for half a second, then one attempt, and all after its success', () => {
    const breaker = openBreaker();
    vi.advanceTimersByTime(499);
    expect(breaker.isOpen).toBe(true);
    vi.advanceTimersByTime(1);
    expect(breaker.isOpen).toBe(false);
    const isProbe = breaker.begin();
    expect([isProbe, breaker.isOpen]).toEqual([true, true]);
    vi.advanceTimersByTime(499);
    expect(breaker.isOpen).toBe(true);
    breaker.end(good, isProbe);
    expect(breaker.isOpen).toBe(false);
    // It begins anew: what was before it opened counts no more.
    expect(count(breaker, 15, failed)).toBe(15);
  });

  it.each([
    ['good', good],
    ['failed', failed],
  ])('is not changed by the end (%s) of an attempt that started before it opened', (_what, end) => {
    const breaker = new Breaker(isAccountFailure);
    const [isProbe, isProbeToo] = [breaker.begin(), breaker.begin()];
    expect([isProbe, isProbeToo]).toEqual([false, false]);
    count(breaker, 20, failed);
    breaker.end(end, false);
    expect(breaker.isOpen).toBe(true);
    vi.advanceTimersByTime(500);
    const probe = breaker.begin();
    breaker.end(end, false);
    expect(breaker.isOpen).toBe(true);
    breaker.end(good, probe);
    expect(breaker.isOpen).toBe(false);
  });

  it('is not open longer when the wall clock is set back', () => {
    const breaker = openBreaker();
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(500);
    expect(breaker.isOpen).toBe(false);
  });

  it('ignores attempts of more than 10 seconds ago, also when the wall clock is set back', () => {
    const breaker = new Breaker(isAccountFailure);
    count(breaker, 19, failed);
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(10_000);
    count(breaker, 19, failed);
    expect(breaker.isOpen).toBe(false);
    count(breaker, 1, failed);
    expect(breaker.isOpen).toBe(true);
  });

  it('allows one attempt each half second while those fail', () => {
    const breaker = openBreaker();
    for (let time = 0; time < 5; time += 1) {
      vi.advanceTimersByTime(500);
      expect(count(breaker, 10, failed)).toBe(1);
      vi.advanceTimersByTime(499);
      expect(count(breaker, 10, failed)).toBe(0);
      vi.advanceTimersByTime(1);
      expect(count(breaker, 1, failed)).toBe(1);
    }
  });

  it.each<[string, Attempt]>([
    ...[200, 204, 302, 400, 401, 403, 404, 405, 409, 422, 429, 501, 503].map((statusCode): [string, Attempt] => [
      `is answered with ${statusCode}`,
      answer(statusCode),
    ]),
  ])('is not opened by an attempt that %s', (_what, end) => {
    for (const isTrouble of [isAccountFailure, isUpstreamFailure]) {
      const breaker = new Breaker(isTrouble);
      expect(count(breaker, 100, end)).toBe(100);
      expect(breaker.isOpen).toBe(false);
    }
  });

  it.each<[string, Attempt]>([
    ['500', answer(500)],
    ['502', answer(502)],
    ['504', answer(504)],
    ["a proxy's 503", answer(503, 'text/html')],
    ['a reset', failure('reset', true)],
    ['no answer', failure('timeout', true)],
    ['no HTTP', failure('protocol', true)],
  ])('of an account is opened by %s, and that of upstream is not', (_what, end) => {
    expect(count(new Breaker(isAccountFailure), 100, end)).toBe(20);
    expect(count(new Breaker(isUpstreamFailure), 100, end)).toBe(100);
  });

  it.each<FailureReason>(['refused', 'dns', 'tls', 'unconnected'])('of all upstream is opened by %s', (reason) => {
    expect(count(new Breaker(isUpstreamFailure), 100, failure(reason, false))).toBe(20);
  });
});

describe('R08 sending', () => {
  // No test moves this clock, so a request that waits for a timer never ends.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const request = { method: 'DELETE', path: '/', headers: {} } as const;
  const limitedBy = { tokenId: 't', integratedAccountId: 'a' };

  /** Sends deletes that cannot be repeated, so that each is one attempt, over a client that ends them so. */
  function sendOver(client: UpstreamClient['attempt']) {
    const send = createSend({ client: { attempt: client }, reserveMs: 10, limits: undefined });
    const options = { deadlineAt: performance.now() + 60_000, limitedBy, isRepeatable: false };
    return async (times: number, rest: Partial<SendOptions> = {}) => {
      const all = Array.from({ length: times }, () => send(request, { ...options, ...rest }));
      return (await Promise.all(all)).map(({ attempt }) => ('reason' in attempt ? attempt.reason : attempt.statusCode));
    };
  }
  const endingWith =
    (end: Attempt): UpstreamClient['attempt'] =>
    async (_request, { onDone }) => {
      onDone();
      return end;
    };

  it('starts no attempt while a breaker is open, and returns at once, until half a second is over', async () => {
    const attempt = vi.fn(endingWith(failed));
    const send = sendOver(attempt);
    expect(await send(20)).toEqual(Array(20).fill(502));
    expect(new Set(await send(100))).toEqual(new Set(['open']));
    vi.advanceTimersByTime(499);
    expect(new Set(await send(100))).toEqual(new Set(['open']));
    expect(attempt).toHaveBeenCalledTimes(20);
    vi.advanceTimersByTime(1);
    expect(await send(1)).toEqual([502]);
    expect(attempt).toHaveBeenCalledTimes(21);
  });

  it('does not count unsent attempts: of a client that disconnected, or without time', async () => {
    let end: UpstreamClient['attempt'] = endingWith(good);
    const send = sendOver((...args) => end(...args));
    expect(new Set(await send(100, { hasCallerLeft: () => true }))).toEqual(new Set(['abandoned']));
    expect(new Set(await send(100, { deadlineAt: performance.now() }))).toEqual(new Set(['timeout']));
    // As many as an account may have under way: those behind them get no permit in time.
    const held = Promise.withResolvers<Attempt>();
    end = () => held.promise;
    const busy = send(100);
    const late = send(100, { deadlineAt: performance.now() + 50 });
    await vi.advanceTimersByTimeAsync(50);
    expect(new Set(await late)).toEqual(new Set(['timeout']));
    held.resolve(good);
    expect(new Set(await busy)).toEqual(new Set([204]));
    end = endingWith(good);
    expect(await send(1)).toEqual([204]);
  });
});

it('R08 an account that fails is refused without a request, does not affect another account, and is served again when it works', async () => {
  let isBroken = true;
  await using upstream = await startRawUpstream([
    (socket, request) => {
      const isOfBroken = request.head.includes('integrated_account_id=broken&');
      (isBroken && isOfBroken ? refusal(502) : noContent)(socket, request);
    },
  ]);
  await using facade = await startTestFacade(upstream.url);
  const remove = (account: string, id: string) => deleteInTime(facade, 10_000, { account, id });
  const members: Record<string, string> = {};
  const removeBroken = async (id: string) => {
    members[id] = (await remove('broken', id)).__typename;
  };
  await Promise.all(Array.from({ length: 30 }, (_, index) => removeBroken(`first${index}`)));
  for (let index = 0; index < 20; index += 1) {
    await removeBroken(`then${index}`);
    expect(await remove('sound', `sound${index}`)).toMatchObject({ outcome: 'DELETED' });
  }
  const reached = new Set(upstream.deletes.map(({ path }) => path.split('/').at(-1)));
  const expected = Object.keys(members).map((id) => [
    id,
    reached.has(id) ? 'OutcomeUnknownError' : 'UpstreamUnavailableError',
  ]);
  expect(members).toEqual(Object.fromEntries(expected));
  expect(Object.values(members)).toContain('UpstreamUnavailableError');

  isBroken = false;
  let tries = 0;
  const again = async () => (await remove('broken', `again${tries++}`)).__typename;
  await expect.poll(again).toBe('DeleteEngagementSuccess');
  expect(await again()).toBe('DeleteEngagementSuccess');
});
