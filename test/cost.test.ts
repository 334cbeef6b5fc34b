import { describe, expect, it } from 'vitest';
import { startCostServer } from './hostile/cost-server.ts';
import { measureCosts } from './hostile/measure-costs.ts';

/** A server that writes a longer line has put something of a request into it. */
const maxLineLength = 8_192;

/** Half of what a record's answer may be: none of these requests asks for a large record. */
const maxAnswerBytes = 256 * 1024;

/** Enough for a server that keeps their errors to end, which it did after 2,600. */
const wrongDocuments = 4_000;

describe('S25 the cost of a request', () => {
  it('is freed after its answer: a heap of 256 MiB is enough for 4,000 different wrong documents', async () => {
    await using server = await startCostServer({ TRUTO_BASE_URL: 'http://127.0.0.1:1', EXPOSE_SCHEMA: '1' });
    let sent = 0;
    async function send(): Promise<void> {
      while (sent < wrongDocuments) {
        const body = JSON.stringify({ query: `{__${(sent++).toString(36).replace(/^\d/, 'x$&')}}` });
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(`http://127.0.0.1:${server.port}/graphql`, { method: 'POST', headers, body });
        expect(await response.json()).toMatchObject({ errors: [{}] });
      }
    }
    await Promise.all(Array.from({ length: 8 }, send));
    const { heapBytes } = await server.spent();
    expect(heapBytes).toBeLessThan(256 * 1024 * 1024);
  }, 120_000);

  it('is at most that of 40 ordinary deletes, holds the loop for at most 50, and keeps the heap below 256 MiB, in 1,000 hostile requests', async () => {
    const { tooDear, maxAnswerBytes: largest, longestLogLine, kinds } = await measureCosts(1_000, 15);
    expect(tooDear).toEqual([]);
    expect(kinds.length).toBeGreaterThan(100);
    expect(largest).toBeLessThan(maxAnswerBytes);
    expect(longestLogLine).toBeLessThan(maxLineLength);
  }, 300_000);
});
