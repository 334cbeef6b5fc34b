import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createLog } from '../src/log/log.ts';
import { connectRedis, type SharedMemory } from '../src/redis/shared-memory.ts';
import { createSharedBudget } from '../src/upstream/rate-budget.ts';
import { prefix } from './support/redis-facade.ts';
import { startRedis } from './support/redis-server.ts';

const limits = { windowMs: 10_000, perAccount: 50, perToken: 500 };
const limitedBy = { tokenId: 't', integratedAccountId: 'a' };

/** A budget over a Redis of its own, and the errors that are logged of it. */
async function start(limited = limits) {
  const redis = await startRedis();
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line) => void lines.push(line) } });
  const memory = await connectRedis(new Secret(redis.url), log, prefix);
  onTestFinished(async () => {
    await memory.close();
    await redis[Symbol.asyncDispose]();
  });
  const budget = createSharedBudget(memory, limited);
  const take = (isBackground = false) => budget.take(limitedBy, isBackground, performance.now() + 60_000);
  return { budget, take, errors: () => lines.filter((line) => JSON.parse(line).level >= 50) };
}

describe('a budget that replicas share', () => {
  it('reserves a fifth of the account for interactive requests', async () => {
    const { take } = await start({ ...limits, perAccount: 10 });
    const background = [];
    for (let count = 0; count < 9; count += 1) background.push(await take(true));
    expect(background.filter((delayMs) => delayMs === 0)).toHaveLength(8);
    expect(await take()).toBe(0);
    expect(await take()).toBe(0);
    expect(await take()).toBeGreaterThan(0);
  });

  it('makes requests behind a whole budget of others wait one window longer for each', async () => {
    const { budget } = await start();
    expect([0, 49, 50, 99, 100].map(budget.queueDelayMs)).toEqual([0, 0, 10_000, 10_000, 20_000]);
    const { budget: unlimited } = await start({ ...limits, perAccount: 0 });
    expect(unlimited.queueDelayMs(1_000)).toBe(0);
  });

  it('is paused for the given time, never shorter, and sends nothing to Redis for a pause of 0', async () => {
    const { budget, take, errors } = await start();
    await budget.pause(limitedBy, 0);
    expect(await take()).toBe(0);
    await budget.pause(limitedBy, 30_000);
    await budget.pause(limitedBy, 1_000);
    expect(await take()).toBeGreaterThan(10_000);
    expect(errors()).toEqual([]);
  });
});

describe('the time to wait for Redis', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it.each([
    [100, 25],
    [1_000, 250],
    [1_600, 400],
    [60_000, 400],
  ])('with %i ms until the request must be sent, is %i ms', async (leftMs, waitMs) => {
    const answerBy: (number | undefined)[] = [];
    const memory: SharedMemory = {
      keyPrefix: 'x',
      isReachable: true,
      backSince: undefined,
      isClosed: false,
      close: () => Promise.resolve(),
      async ask(_question, deadlineAt) {
        answerBy.push(deadlineAt);
        return undefined;
      },
    };
    const beginBy = performance.now() + leftMs;
    expect(await createSharedBudget(memory, limits).take(limitedBy, false, beginBy)).toBeUndefined();
    expect(answerBy).toEqual([performance.now() + waitMs]);
  });
});
