import { describe, expect, it, vi } from 'vitest';
import { createRequestMemory, type KeyedRequest } from '../src/engagement/request-memory.ts';
import type { DeleteEngagementResult, OutcomeUnknownError } from '../src/engagement/result.ts';
import { performDelete } from './support/perform-delete.ts';

const record = { id: '1', integratedAccountId: 'a' };

function success(raw: unknown): DeleteEngagementResult {
  return {
    kind: 'DeleteEngagementSuccess',
    deletedEngagementId: '1',
    deletedNodeId: 'n1',
    outcome: 'DELETED',
    engagement: null,
    raw,
    stream: null,
    integration: null,
    rateLimit: null,
    warnings: [],
  };
}

const unknown: OutcomeUnknownError = {
  kind: 'OutcomeUnknownError',
  message: 'It may be deleted.',
  retrySafe: true,
  upstreamIdempotencyKey: 'k',
  lastStatusCode: null,
  engagement: record,
};

const keyed = (key: string): KeyedRequest => ({
  ...{ key, fingerprint: key, hasCallerLeft: () => false },
  ...{ deadlineAt: Number.POSITIVE_INFINITY, unknownSince: () => unknown },
});

describe('the memory of deletes', () => {
  it('S19 has each outcome, also after many large records of other deletes', async () => {
    const memory = createRequestMemory();
    await performDelete(memory, keyed('mine'), async () => unknown);
    const large = success('x'.repeat(65_000));
    for (let index = 0; index < 1_200; index += 1)
      await performDelete(memory, keyed(`other ${index}`), async () => large);
    const seen: unknown[] = [];
    await performDelete(memory, keyed('mine'), async ({ earlier }) => {
      seen.push(earlier?.message);
      return success(null);
    });
    expect(seen).toEqual([expect.stringMatching(/^It may be deleted\. The record /)]);
  });

  it('has the whole record, or a warning that it is missing', async () => {
    const memory = createRequestMemory();
    for (const [key, length] of [
      ['small', 10],
      ['large', 70_000],
    ] as const) {
      const first = success('x'.repeat(length));
      await performDelete(memory, keyed(key), async () => first);
      const again = await performDelete(memory, keyed(key), async () => unknown);
      const expected = length === 10 ? first : { raw: null, warnings: [expect.stringContaining('record')] };
      expect(again).toMatchObject({ kind: 'repeated', result: expected });
    }
  });

  it('has the outcome without the engagement if that was too large', async () => {
    const memory = createRequestMemory();
    const large = { ...success(undefined), engagement: { ...record, subject: 'x'.repeat(70_000) } };
    await performDelete(memory, keyed('k'), async () => large as DeleteEngagementResult);
    const again = await performDelete(memory, keyed('k'), () => Promise.reject(new Error('sent again')));
    const outcome = { outcome: 'DELETED', engagement: null, warnings: [expect.stringContaining('record')] };
    expect(again).toMatchObject({ kind: 'repeated', result: outcome });
  });

  it('has no record of an earlier attempt once there is an outcome', async () => {
    const memory = createRequestMemory();
    await performDelete(memory, keyed('k'), async () => unknown);
    const gone = { ...success(undefined), outcome: 'ALREADY_ABSENT' } as const;
    await performDelete(memory, keyed('k'), async () => gone as DeleteEngagementResult);
    const again = await performDelete(memory, keyed('k'), () => Promise.reject(new Error('sent again')));
    expect(again).toMatchObject({ kind: 'repeated', result: { outcome: 'ALREADY_ABSENT' } });
  });

  it('has an unknown outcome also when a fault of this server ends the next attempt', async () => {
    const memory = createRequestMemory();
    await performDelete(memory, keyed('k'), async () => unknown);
    const fault = performDelete(memory, keyed('k'), () => Promise.reject(new Error('a bug')));
    await expect(fault).rejects.toThrow('a bug');
    const seen: unknown[] = [];
    await performDelete(memory, keyed('k'), async ({ earlier }) => {
      seen.push(earlier?.message);
      return success(null);
    });
    expect(seen).toEqual([unknown.message]);
  });

  it('has an unknown outcome for other processes too when a fault of this server ends its attempt', async () => {
    const settled: unknown[] = [];
    const memory = createRequestMemory({
      claim: async () => ({ kind: 'mine', earlier: unknown, isInDoubt: false, answerCount: 0 }),
      settle: async (_delete, stored) => void settled.push(stored),
    });
    const fault = performDelete(memory, keyed('k'), () => Promise.reject(new Error('a bug')));
    await expect(fault).rejects.toThrow('a bug');
    expect(settled).toMatchObject([{ mayBeTried: true, whole: JSON.stringify(unknown) }]);
  });

  it('has no warning if there was no record', async () => {
    const memory = createRequestMemory();
    await performDelete(memory, keyed('k'), async () => success(undefined));
    const again = await performDelete(memory, keyed('k'), async () => unknown);
    expect(again).toMatchObject({ kind: 'repeated', result: { outcome: 'DELETED', warnings: [] } });
  });

  it('lasts ten minutes, and not longer', async () => {
    const now = performance.now.bind(performance);
    let aheadMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
    const memory = createRequestMemory();
    const again = async (atMs: number) => {
      aheadMs = atMs;
      // The cache reads the clock once per millisecond.
      await new Promise((resolve) => setTimeout(resolve, 5));
      return (await performDelete(memory, keyed('k'), async () => success(null))).kind;
    };
    expect(await again(0)).toBe('performed');
    expect(await again(9.9 * 60_000)).toBe('repeated');
    expect(await again(10.1 * 60_000)).toBe('performed');
    clock.mockRestore();
  });

  it('drops the oldest outcomes for new ones, also when each is small', async () => {
    const memory = createRequestMemory();
    const long: OutcomeUnknownError = { ...unknown, engagement: null, retrySafe: false, message: 'x'.repeat(60_000) };
    for (let index = 0; index < 1_200; index += 1) await performDelete(memory, keyed(String(index)), async () => long);
    expect((await performDelete(memory, keyed('1199'), async () => long)).kind).toBe('repeated');
    expect((await performDelete(memory, keyed('0'), async () => long)).kind).toBe('performed');
  });
});
