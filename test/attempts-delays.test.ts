import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attempt, UpstreamRequest } from '../src/upstream/attempt.ts';
import type { AttemptOptions } from '../src/upstream/client.ts';
import { judge, type RetryQuestion, retryDelayMs } from '../src/upstream/retry.ts';
import { createSend } from '../src/upstream/send.ts';
import { runs } from './support/runs.ts';

const waits = vi.hoisted((): number[] => []);

// The clock that tests turn has no hold of this module's own timers.
vi.mock('node:timers/promises', () => ({
  setTimeout(timeMs: number) {
    waits.push(timeMs);
    return new Promise((resolve) => globalThis.setTimeout(resolve, timeMs));
  },
}));

const nowMs = Date.UTC(2026, 10, 23);

function answer(statusCode: number, retryAfter?: string, isCutShort = false): Attempt {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  const body = isCutShort
    ? ({ kind: 'unreadable', reason: 'interrupted' } as const)
    : ({ kind: 'complete', bytes: Buffer.alloc(0) } as const);
  return { kind: 'answer', statusCode, headers, body, disconnect() {} };
}

const statuses = fc.constantFrom(200, 204, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504);
const retryAfters = fc.option(
  fc.oneof(fc.nat({ max: 20 }).map(String), fc.constantFrom('-1', 'soon', '9'.repeat(30))),
  {
    nil: undefined,
  },
);
const answers = fc.tuple(statuses, retryAfters, fc.boolean()).map((parts) => answer(...parts));
const reasons = fc.constantFrom('reset', 'timeout', 'refused', 'dns', 'tls', 'protocol', 'unconnected', 'open');
const failures: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constant('failure' as const),
  mayHaveBeenSent: fc.boolean(),
  reason: reasons,
});
const ends = fc.oneof(answers, failures);

const questions: fc.Arbitrary<RetryQuestion> = fc
  .record({
    method: fc.constantFrom('DELETE' as const, 'GET' as const),
    isRepeatable: fc.boolean(),
    attempt: ends,
    attemptCount: fc.integer({ min: 1, max: 4 }),
    failureCount: fc.integer({ min: 1, max: 4 }),
    timeLeftMs: fc.integer({ min: -100, max: 20_000 }),
    random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  })
  .map(({ timeLeftMs, ...rest }) => ({ ...rest, nowMs, timeOfDayMs: nowMs, beginBy: nowMs + timeLeftMs }));

describe('the delay before another attempt', () => {
  it('is never negative and never ends later than the attempt must have begun', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const delayMs = retryDelayMs(question) ?? 0;
        expect(delayMs).toBeGreaterThanOrEqual(0);
        if (retryDelayMs(question) !== undefined) expect(nowMs + delayMs).toBeLessThan(question.beginBy);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it('is within 200 ms after a failure, 400 after the second of a read', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const delayMs = retryDelayMs(question);
        if (delayMs === undefined || judge(question.attempt, question.method) === 'wait') return;
        expect(question.failureCount).toBeLessThanOrEqual(question.method === 'GET' ? 2 : 1);
        expect(delayMs).toBeLessThan(question.failureCount === 2 ? 400 : 200);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("R04 is upstream's Retry-After, and up to 250 ms more", () => {
    fc.assert(
      fc.property(fc.nat({ max: 20 }), questions, (seconds, question) => {
        const delayMs = retryDelayMs({ ...question, attempt: answer(429, String(seconds)) });
        if (delayMs === undefined) return;
        expect(delayMs).toBeGreaterThanOrEqual(seconds * 1000);
        expect(delayMs).toBeLessThanOrEqual(seconds * 1000 + 250);
      }),
    );
  });

  it('is none after a final answer, a third attempt, or a request that is not safe to retry', () => {
    const isFinal = ({ method, isRepeatable, attempt, attemptCount }: RetryQuestion) => {
      const verdict = judge(attempt, method);
      return verdict === 'final' || attemptCount >= 3 || (verdict === 'unclear' && !isRepeatable);
    };
    fc.assert(
      fc.property(questions.filter(isFinal), (question) => {
        expect(retryDelayMs(question)).toBeUndefined();
      }),
      { numRuns: runs(2_000) },
    );
  });

  it.each([200, 204, 302, 400, 401, 403, 404, 405, 408, 409, 410, 422, 501, 503])(
    'R05 is none after %i, with any time left',
    (statusCode) => {
      const question = { method: 'DELETE', isRepeatable: true, attemptCount: 1, failureCount: 1, random: 0.5 } as const;
      const attempt = answer(statusCode, '1');
      expect(
        retryDelayMs({ ...question, attempt, nowMs, timeOfDayMs: nowMs, beginBy: nowMs + 60_000 }),
      ).toBeUndefined();
    },
  );

  it('R06 is random each time: no two of 20 are equal', () => {
    const question = { method: 'DELETE', isRepeatable: true, attemptCount: 1, failureCount: 1 } as const;
    const draw = () =>
      retryDelayMs({
        ...question,
        attempt: answer(502),
        nowMs,
        timeOfDayMs: nowMs,
        beginBy: nowMs + 60_000,
        random: Math.random(),
      });
    expect(new Set(Array.from({ length: 20 }, draw)).size).toBe(20);
  });

  it.each([
    [1_000, undefined],
    [1_001, 1_000],
  ])('that upstream asks for, 1 s, is kept when %i ms are left for the attempt to begin', (leftMs, delayMs) => {
    const question = { method: 'DELETE', isRepeatable: true, attemptCount: 2, failureCount: 0, random: 0 } as const;
    const beginBy = nowMs + leftMs;
    const asked = { ...question, attempt: answer(429, '1'), nowMs, timeOfDayMs: nowMs, beginBy };
    expect(retryDelayMs(asked)).toBe(delayMs);
  });
});

/** One attempt as the client under `createSend` saw it. */
interface Begun extends AttemptOptions {
  readonly atMs: number;
}

/** Sends one delete whose attempts end so, each after so long, or when it is given up. */
async function sendWith(
  script: readonly { readonly end: Attempt; readonly tookMs: number }[],
  options: { readonly timeLeftMs: number; readonly isRepeatable: boolean; readonly hasCallerLeft?: () => boolean },
) {
  const begun: Begun[] = [];
  async function attempt(_request: UpstreamRequest, times: AttemptOptions): Promise<Attempt> {
    const { end, tookMs } = script[Math.min(begun.length, script.length - 1)] as (typeof script)[number];
    begun.push({ ...times, atMs: performance.now() });
    const leftMs = times.answerBy - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.min(tookMs, leftMs)));
    return tookMs <= leftMs ? end : { kind: 'failure', mayHaveBeenSent: true, reason: 'timeout' };
  }
  const send = createSend({ client: { attempt }, reserveMs: 100, limits: undefined });
  const deadlineAt = performance.now() + options.timeLeftMs;
  const request = { method: 'DELETE', path: '/', headers: {} } as const;
  const limitedBy = { tokenId: 't', integratedAccountId: 'a' };
  const sent = send(request, { deadlineAt, limitedBy, ...options });
  await vi.runAllTimersAsync();
  return { ...(await sent), begun, deadlineAt, endedAtMs: performance.now() };
}

describe('sending a delete', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const scripts = fc.array(fc.record({ end: ends, tookMs: fc.nat({ max: 3_000 }) }), { minLength: 1, maxLength: 4 });

  it('R01 starts no attempt shortly before the deadline, and always returns by it', async () => {
    await fc.assert(
      fc.asyncProperty(scripts, fc.nat({ max: 6_000 }), fc.boolean(), async (script, timeLeftMs, isRepeatable) => {
        const { begun, deadlineAt, endedAtMs, attemptCount } = await sendWith(script, { timeLeftMs, isRepeatable });
        expect(endedAtMs).toBeLessThanOrEqual(deadlineAt);
        expect(begun.length).toBeLessThanOrEqual(3);
        expect(attemptCount).toBeLessThanOrEqual(begun.length);
        for (const { atMs, answerBy } of begun) {
          expect(atMs).toBeLessThan(deadlineAt - 100);
          expect(answerBy).toBeLessThanOrEqual(deadlineAt);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it('R06 waits another random time before each second attempt: no two of 20 are equal', async () => {
    waits.length = 0;
    const gaps: number[] = [];
    for (let time = 0; time < 20; time += 1) {
      const script = [{ end: answer(502), tookMs: 0 }];
      const { begun } = await sendWith(script, { timeLeftMs: 5_000, isRepeatable: true });
      expect(begun).toHaveLength(2);
      gaps.push((begun[1]?.atMs ?? 0) - (begun[0]?.atMs ?? 0));
    }
    expect(new Set(waits).size).toBe(20);
    // The clock has whole milliseconds only.
    expect(gaps.map((gap, index) => Math.abs(gap - (waits[index] ?? 0))).filter((differs) => differs > 1)).toEqual([]);
  });

  it('R11 sends nothing after the client disconnects during the delay', async () => {
    // Half of 200 ms: the client is there when the first attempt ends, and gone when the next is due.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const startMs = performance.now();
    const hasCallerLeft = () => performance.now() >= startMs + 50;
    const script = [{ end: answer(502), tookMs: 1 }];
    const sent = await sendWith(script, { timeLeftMs: 5_000, isRepeatable: true, hasCallerLeft });
    expect([sent.attemptCount, sent.begun.length]).toEqual([1, 1]);
    expect(sent.endedAtMs).toBe(startMs + 101);
  });
});
