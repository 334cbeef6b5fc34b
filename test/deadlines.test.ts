import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, type Expiring } from '../src/upstream/deadlines.ts';

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
          const target = {
            deadlineAt: 0,
            deadlineIndex: -1,
            expire: () => void expired.push({ index, atMs: performance.now() - startMs }),
          };
          deadlines.set(target, startMs + inMs);
          return { target, isCancelled };
        });
        for (const { target, isCancelled } of added) if (isCancelled) deadlines.cancel(target);
        expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
        vi.advanceTimersByTime(60);
        const due = entries.flatMap(({ inMs, isCancelled }, index) => (isCancelled ? [] : [{ index, inMs }]));
        const inMs = (all: readonly { readonly index: number }[]) => all.map(({ index }) => entries[index]?.inMs);
        expect(inMs(expired)).toEqual(inMs(due.toSorted((one, other) => one.inMs - other.inMs)));
        expect(new Set(expired.map(({ index }) => index))).toEqual(new Set(due.map(({ index }) => index)));
        for (const { index, atMs } of expired) expect(atMs).toBeGreaterThanOrEqual(entries[index]?.inMs ?? 0);
        expect(vi.getTimerCount()).toBe(0);
      }),
    );
  });

  it('do not expire when another one has cancelled them at the same moment', () => {
    const deadlines = new Deadlines();
    const expire = vi.fn();
    const cancelled: Expiring = { deadlineAt: 0, deadlineIndex: -1, expire };
    const first: Expiring = { ...cancelled, expire: () => deadlines.cancel(cancelled) };
    for (const one of [first, cancelled]) deadlines.set(one, performance.now() + 10);
    vi.advanceTimersByTime(20);
    expect([expire.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('are one for each operation, however often they are set', () => {
    const deadlines = new Deadlines();
    const expire = vi.fn();
    const one: Expiring = { deadlineAt: 0, deadlineIndex: -1, expire };
    for (const inMs of [10, 20]) deadlines.set(one, performance.now() + inMs);
    vi.advanceTimersByTime(15);
    expect(expire).not.toHaveBeenCalled();
    deadlines.cancel(one);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('use no timer without deadlines, and accept one that is never due', () => {
    const deadlines = new Deadlines();
    const expire = vi.fn();
    const made = (): Expiring => ({ deadlineAt: 0, deadlineIndex: -1, expire });
    const [soon, never] = [made(), made()];
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
