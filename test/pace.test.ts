import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Pace } from '../src/bulk/pace.ts';

/** A pace, and the engagements that wait for it or have been admitted. */
function startPace(patienceMs?: number) {
  const stopping = new AbortController();
  const pace = new Pace(stopping.signal, patienceMs);
  const ends: boolean[] = [];
  return {
    pace,
    stop: () => stopping.abort(),
    enter(count: number, jobId = 'a-job') {
      for (let i = 0; i < count; i += 1) void pace.enter(jobId).then((mayStart) => ends.push(mayStart));
    },
    /** How many were admitted, and how many were refused. */
    async ends() {
      await turn();
      return [ends.filter(Boolean).length, ends.filter((mayStart) => !mayStart).length];
    },
  };
}

describe('the pace of an account', () => {
  it('begins with one engagement, and allows one more after each that ends well', async () => {
    const { pace, enter, ends } = startPace();
    enter(10);
    expect(await ends()).toEqual([1, 0]);
    pace.leave(true);
    expect(await ends()).toEqual([3, 0]);
    pace.leave(true);
    pace.leave(true);
    expect(await ends()).toEqual([7, 0]);
    pace.leave(false);
    expect(await ends()).toEqual([8, 0]);
  });

  it('starts nothing while a limit lasts, and then half as many at once', async () => {
    const { pace, enter, ends } = startPace();
    enter(15);
    for (let i = 0; i < 3; i += 1) pace.leave(true);
    // Four are in work, of seven that have started.
    expect(await ends()).toEqual([7, 0]);
    const isOver = pace.waitForLimit(200);
    // The same limit, met by another of them.
    const isOverToo = pace.waitForLimit(100);
    for (let i = 0; i < 4; i += 1) pace.leave(false);
    expect(await ends()).toEqual([7, 0]);
    expect(await Promise.all([isOver, isOverToo])).toEqual([true, true]);
    expect(pace.pauseMs).toBe(0);
    await expect.poll(ends).toEqual([9, 0]);
  });

  it('lets only so many of a job wait for a limit, and those of another job too', async () => {
    const { pace, enter, ends } = startPace();
    void pace.waitForLimit(60_000 / 6);
    enter(20, 'one');
    expect(pace.isFull('one')).toBe(true);
    expect(pace.isFull('other')).toBe(false);
    enter(3, 'other');
    expect(await ends()).toEqual([0, 4]);
  });

  it('lets no engagement wait for a limit that lasts longer than its patience', async () => {
    const { pace, enter, ends } = startPace(1_000);
    enter(3);
    expect(await ends()).toEqual([1, 0]);
    expect(await pace.waitForLimit(60_000)).toBe(false);
    expect(await ends()).toEqual([1, 2]);
    enter(1);
    expect(await ends()).toEqual([1, 3]);
  });

  it('ends all waits when its process stops', async () => {
    const { pace, enter, ends, stop } = startPace();
    const isOver = pace.waitForLimit(10_000);
    enter(2);
    stop();
    expect(await isOver).toBe(false);
    expect(await ends()).toEqual([0, 2]);
  });
});
