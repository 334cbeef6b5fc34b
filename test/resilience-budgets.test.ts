import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attempt } from '../src/upstream/attempt.ts';
import type { UpstreamClient } from '../src/upstream/client.ts';
import { documentedLimits } from '../src/upstream/lanes.ts';
import { RetryBudget } from '../src/upstream/retry.ts';
import { createSend } from '../src/upstream/send.ts';
import { mostInTenSeconds } from './support/most-in-ten-seconds.ts';
import { runs } from './support/runs.ts';

// The clock that tests turn has no hold of this module's own timers.
vi.mock('node:timers/promises', () => ({
  setTimeout: (timeMs: number) => new Promise((resolve) => globalThis.setTimeout(resolve, timeMs)),
}));

const startMs = Date.UTC(2026, 10, 23);
const sleep = (timeMs: number) => new Promise((resolve) => setTimeout(resolve, timeMs));

function answer(statusCode: number, headers: Record<string, string> = {}): Attempt {
  return { kind: 'answer', statusCode, headers, body: { kind: 'complete', bytes: Buffer.of() }, disconnect() {} };
}

/** `size` deletes at once. */
interface Burst {
  readonly afterMs: number;
  readonly account: string;
  readonly size: number;
  readonly patienceMs: number;
  readonly tookMs: number;
  /** The `Retry-After` of the first of them, in seconds. */
  readonly retryAfter?: number | undefined;
}

interface Played {
  readonly account: string;
  readonly end: Attempt;
  readonly endedInTime: boolean;
}

/** Sends within the limits to an upstream that answers after a delay, on a clock that the tests move. */
function startPlay() {
  const begun: { account: string; id: string; atMs: number }[] = [];
  const pauses: { account: string; fromMs: number; toMs: number }[] = [];
  const script = new Map<string, Burst & { isFirst: boolean }>();
  const played: Promise<Played>[] = [];

  async function attemptNow(id: string): Promise<Attempt> {
    const { account, tookMs, isFirst, retryAfter } = script.get(id) as Burst & { isFirst: boolean };
    begun.push({ account, id, atMs: performance.now() });
    await sleep(tookMs);
    if (!isFirst || retryAfter === undefined) return answer(204);
    const fromMs = performance.now();
    pauses.push({ account, fromMs, toMs: fromMs + Math.min(retryAfter, 60) * 1000 });
    return answer(429, { 'retry-after': String(retryAfter) });
  }
  const attempt: UpstreamClient['attempt'] = async ({ path }, { onDone }) => {
    const end = await attemptNow(path);
    onDone();
    return end;
  };
  const send = createSend({ client: { attempt }, reserveMs: 10, limits: documentedLimits });

  async function sendOne(burst: Burst, isFirst: boolean): Promise<Played> {
    const { account, patienceMs } = burst;
    const path = `/${script.size}`;
    script.set(path, { ...burst, isFirst });
    const deadlineAt = performance.now() + patienceMs;
    const limitedBy = { tokenId: 't', integratedAccountId: account };
    const { attempt: end } = await send({ method: 'DELETE', path, headers: {} }, { deadlineAt, limitedBy });
    // This upstream also answers after the deadline. The real client would not wait for that.
    return { account, end, endedInTime: performance.now() <= deadlineAt + burst.tookMs };
  }

  return {
    begun,
    pauses,
    played,
    burst(burst: Burst): readonly Promise<Played>[] {
      const all = Array.from({ length: burst.size }, (_, index) => sendOne(burst, index === 0));
      played.push(...all);
      return all;
    },
  };
}

/** What a delete came to that had to wait for too long. */
function refusalOf({ end }: Played): number | undefined {
  return end.kind === 'failure' && end.reason === 'paused' ? end.retryAfterMs : undefined;
}

const bursts = fc.array(
  fc.record({
    afterMs: fc.nat({ max: 6_000 }),
    account: fc.constantFrom('a', 'b', 'c'),
    size: fc.nat({ max: 60 }),
    patienceMs: fc.integer({ min: 100, max: 15_000 }),
    tookMs: fc.nat({ max: 8_000 }),
    retryAfter: fc.option(fc.oneof(fc.nat({ max: 12 }), fc.constant(10 ** 9)), { nil: undefined, freq: 8 }),
  }),
  { maxLength: 15 },
);

describe("R16 within Truto's documented limits", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: startMs });
  });
  afterEach(() => void vi.useRealTimers());

  it('an account has at most 50 requests in ten seconds, none in a pause, and each delete returns in time', async () => {
    await fc.assert(
      fc.asyncProperty(bursts, async (all) => {
        const { begun, pauses, played, burst } = startPlay();
        for (const each of all) {
          await vi.advanceTimersByTimeAsync(each.afterMs);
          burst(each);
        }
        await vi.runAllTimersAsync();
        for (const account of ['a', 'b', 'c']) {
          const moments = begun.filter((one) => one.account === account).map(({ atMs }) => atMs);
          expect(mostInTenSeconds(moments)).toBeLessThanOrEqual(50);
          for (const { fromMs, toMs } of pauses.filter((pause) => pause.account === account)) {
            expect(moments.filter((atMs) => atMs > fromMs && atMs < toMs)).toEqual([]);
          }
        }
        for (const one of await Promise.all(played)) {
          expect(one.endedInTime).toBe(true);
          if (one.end.kind === 'failure') expect(['paused', 'timeout']).toContain(one.end.reason);
          expect(refusalOf(one) ?? 1).toBeGreaterThan(0);
        }
      }),
      { numRuns: runs(60) },
    );
  });

  it('a token has at most 500, and uses what the limits allow', async () => {
    const { begun, burst } = startPlay();
    const accounts = Array.from({ length: 12 }, (_, index) => `account-${index}`);
    for (let time = 0; time < 12; time += 1) {
      for (const account of accounts) burst({ afterMs: 0, account, size: 40, patienceMs: 4_000, tookMs: 100 * time });
      await vi.advanceTimersByTimeAsync(3_000);
    }
    await vi.runAllTimersAsync();
    expect(mostInTenSeconds(begun.map(({ atMs }) => atMs))).toBe(500);
    // 500 at the beginning of 36 seconds, and again each time that they may.
    expect(begun.length).toBeGreaterThanOrEqual(2_000);
    for (const account of accounts) {
      const moments = begun.filter((one) => one.account === account).map(({ atMs }) => atMs);
      expect(mostInTenSeconds(moments)).toBeLessThanOrEqual(50);
    }
  });

  it('waiting requests are sent in order of arrival', async () => {
    const { begun, burst } = startPlay();
    for (let time = 0; time < 15; time += 1) {
      burst({ afterMs: 0, account: 'a', size: 10, patienceMs: 60_000, tookMs: 5 });
      await vi.advanceTimersByTimeAsync(77);
    }
    await vi.runAllTimersAsync();
    expect(begun.map(({ id }) => id)).toEqual(Array.from({ length: 150 }, (_, index) => `/${index}`));
  });

  it('a refused request has the right retry time: then the next one is sent', async () => {
    const before = fc.integer({ min: 50, max: 200 });
    await fc.assert(
      fc.asyncProperty(
        before,
        fc.nat({ max: 9_000 }),
        fc.integer({ min: 20, max: 500 }),
        async (size, afterMs, patienceMs) => {
          const { burst } = startPlay();
          burst({ afterMs: 0, account: 'a', size, patienceMs: 60_000, tookMs: 5 });
          await vi.advanceTimersByTimeAsync(afterMs);
          const one = { afterMs: 0, account: 'a', size: 1, patienceMs, tookMs: 5 };
          const [refused] = await Promise.all(burst(one));
          const retryAfterMs = refusalOf(refused as Played) ?? 0;
          expect(retryAfterMs).toBeGreaterThan(0);
          await vi.advanceTimersByTimeAsync(retryAfterMs);
          const again = burst(one);
          await vi.runAllTimersAsync();
          expect(await again[0]).toMatchObject({ end: { statusCode: 204 } });
        },
      ),
      { numRuns: runs(60) },
    );
  });
});

describe('R07 the retry budget', () => {
  const steps = fc.array(
    fc.record({ calls: fc.nat({ max: 30 }), retries: fc.nat({ max: 30 }), afterMs: fc.nat({ max: 3_000 }) }),
    { maxLength: 100 },
  );

  it('allows at most a tenth of the calls, ten at once, and one a second', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const budget = new RetryBudget();
        let [nowMs, calls, granted] = [startMs, 0, 0];
        for (const step of all) {
          nowMs += step.afterMs;
          for (let call = 0; call < step.calls; call += 1) budget.countCall();
          for (let retry = 0; retry < step.retries; retry += 1) granted += budget.take(nowMs) ? 1 : 0;
          calls += step.calls;
          expect(granted).toBeLessThanOrEqual(calls / 10 + 10 + (nowMs - startMs) / 1000);
        }
      }),
      { numRuns: runs(500) },
    );
  });

  it('saves at most the retries of a thousand calls', () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 100_000; call += 1) budget.countCall();
    let granted = 0;
    while (budget.take(startMs)) granted += 1;
    expect(granted).toBe(100 + 10);
  });

  it('allows a retry of a quiet server again after a second', () => {
    const budget = new RetryBudget();
    while (budget.take(startMs));
    expect(budget.take(startMs + 999)).toBe(false);
    expect(budget.take(startMs + 1_000)).toBe(true);
    expect(budget.take(startMs + 1_000)).toBe(false);
  });
});
