import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attempt } from '../src/upstream/attempt.ts';
import type { AttemptOptions } from '../src/upstream/client.ts';
import { createSend } from '../src/upstream/send.ts';

// The clock that tests turn has no hold of this module's own timers.
vi.mock('node:timers/promises', () => ({
  setTimeout: (timeMs: number) => new Promise((resolve) => globalThis.setTimeout(resolve, timeMs)),
}));

const workers = Array.from({ length: 8 }, (_, index) => `worker-${index}`);
const request = { method: 'DELETE', path: '/', headers: {} } as const;
const body = { kind: 'complete', bytes: Buffer.of() } as const;
const answer = (statusCode: number): Attempt => ({ kind: 'answer', statusCode, headers: {}, body, disconnect() {} });
const refused: Attempt = { kind: 'failure', reason: 'refused', mayHaveBeenSent: false };

/** Long enough for every attempt before it to count no more. */
const downMs = 12_000;

/** A breaker that is open tries every half second: an upstream may come back at any time in between. */
const phasesMs = Array.from({ length: 30 }, (_, index) => index * 17);

const waitMs = (timeMs: number) => new Promise((resolve) => setTimeout(resolve, timeMs));

/**
 * Has every worker delete one thing after another over an upstream that is down at first.
 * @param isByAccount each has an account, whose own breaker opens; else each delete has one, whose own never does.
 * @returns how long after its return each worker had its first success, and how many attempts were made before.
 */
async function comeBackAfter(outageMs: number, failure: Attempt, isByAccount: boolean) {
  const backAtMs = performance.now() + outageMs;
  const firstSuccesses = new Map<string, number>();
  let attemptsBefore = 0;
  async function attemptNow(): Promise<Attempt> {
    const nowMs = performance.now();
    await waitMs(2);
    if (nowMs >= backAtMs) return answer(204);
    attemptsBefore += 1;
    return failure;
  }
  const attempt = async (_request: unknown, { onDone }: AttemptOptions) => {
    const end = await attemptNow();
    onDone();
    return end;
  };
  const send = createSend({ client: { attempt }, reserveMs: 500, limits: undefined });

  async function work(worker: string): Promise<void> {
    for (let count = 0; performance.now() < backAtMs + 3_000; count += 1) {
      const limitedBy = { tokenId: 't', integratedAccountId: isByAccount ? worker : `${worker}-${count}` };
      const sent = await send(request, { deadlineAt: performance.now() + 10_000, limitedBy });
      const isSuccess = sent.attempt.kind === 'answer' && sent.attempt.statusCode === 204;
      if (isSuccess && !firstSuccesses.has(worker)) {
        firstSuccesses.set(worker, performance.now() - backAtMs);
      }
      await waitMs(25);
    }
  }
  const all = Promise.all(workers.map(work));
  await vi.advanceTimersByTimeAsync(outageMs + 4_000);
  await all;
  return { firstSuccesses: [...firstSuccesses.values()].sort((left, right) => left - right), attemptsBefore };
}

describe('R13 an upstream that recovers', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  // The first opens the breaker of all upstream, the second that of each account.
  describe.each([
    ['refused every connection', refused, false],
    ['answered 502 to all requests', answer(502), true],
  ])('after it %s', (_how, failure, isByAccount) => {
    it.each(phasesMs)('is used again by all of 8 workers within a second (phase %i ms)', async (phaseMs) => {
      const { firstSuccesses, attemptsBefore } = await comeBackAfter(downMs + phaseMs, failure, isByAccount);
      expect(firstSuccesses).toHaveLength(workers.length);
      expect(firstSuccesses[0]).toBeGreaterThanOrEqual(0);
      expect(firstSuccesses[0]).toBeLessThanOrEqual(1_000);
      expect(firstSuccesses.at(-1)).toBeLessThanOrEqual(1_000);
      // Most deletes were held back while it was away: without a breaker there are thousands of attempts.
      expect(attemptsBefore).toBeLessThan(500);
    });
  });
});
