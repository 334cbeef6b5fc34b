import { describe, expect, it } from 'vitest';
import { measureCosts } from './hostile/measure-costs.ts';

/** A server that writes a longer line has put something of a request into it. */
const maxLineLength = 8_192;

/** Half of what a record's answer may be: none of these requests asks for a large record. */
const maxAnswerBytes = 256 * 1024;

describe('S25 the cost of a request', () => {
  it('is at most that of 20 ordinary deletes, holds the loop for at most 50, and keeps the heap below 256 MiB, in 1,000 hostile requests', async () => {
    const { tooDear, maxAnswerBytes: largest, longestLogLine, kinds } = await measureCosts(1_000, 15);
    expect(tooDear).toEqual([]);
    expect(kinds.length).toBeGreaterThan(100);
    expect(largest).toBeLessThan(maxAnswerBytes);
    expect(longestLogLine).toBeLessThan(maxLineLength);
  }, 300_000);
});
