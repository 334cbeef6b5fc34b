import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from '../src/upstream/deadlines.ts';

describe('deadlines', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('expire once each, in order, never early, and not when they were cancelled, behind one timer', () => {
    const entry = fc.record({ inMs: fc.integer({ min: 0, max: 50 }), isCancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const deadlines = new Deadlines();
        const startMs = performance.now();
        const expired: { index: number; atMs: number }[] = [];
        const added = entries.map(({ inMs, isCancelled }, index) => {
          const target = { expire: () => void expired.push({ index, atMs: performance.now() - startMs }) };
          deadlines.set(target, startMs + inMs);
          return { target, isCancelled };
        });
        for (const { target, isCancelled } of added) if (isCancelled) deadlines.cancel(target);
        expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
        vi.advanceTimersByTime(60);
        const due = entries.flatMap(({ inMs, isCancelled }, index) => (isCancelled ? [] : [{ index, inMs }]));
        expect(expired.map(({ index }) => index)).toEqual(
          due.sort((one, other) => one.inMs - other.inMs || one.index - other.index).map(({ index }) => index),
        );
        for (const { index, atMs } of expired) expect(atMs).toBeGreaterThanOrEqual(entries[index]?.inMs ?? 0);
        expect(vi.getTimerCount()).toBe(0);
      }),
    );
  });

  it('use no timer without deadlines, and accept one that is never due', () => {
    const deadlines = new Deadlines();
    const expire = vi.fn();
    const [soon, never] = [{ expire }, { expire }];
    deadlines.set(soon, performance.now() + 10);
    deadlines.set(never, Number.POSITIVE_INFINITY);
    deadlines.cancel(soon);
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(1);
    deadlines.cancel(never);
    expect(vi.getTimerCount()).toBe(0);
    expect(expire).not.toHaveBeenCalled();
  });
});
