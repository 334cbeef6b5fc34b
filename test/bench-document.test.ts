import { describe, expect, it } from 'vitest';
import type { CaseResult, WorkResult } from './bench/measure.ts';
import { parseOptions } from './bench/options.ts';
import { judgeGoals } from './bench/report/goals.ts';
import { writeMarkdown } from './bench/report/markdown.ts';
import type { Results } from './bench/results.ts';
import { expectedSeconds } from './bench/run.ts';
import { deleteAll } from './bench/works/deletes.ts';

/** One reading of each target in the work of deletes with all fields. */
function deletes(ratesOf: Readonly<Record<string, number>>): WorkResult {
  const cases = deleteAll.cases.flatMap(({ name, target, connections }): CaseResult[] => {
    const requestsPerSecond = ratesOf[target ?? ''];
    if (requestsPerSecond === undefined) return [];
    const rest = { cpuUs: 100, rssBytes: 2 ** 28, p50Ms: 1, p99Ms: 2, failureCount: 0, upstreamRequests: 1 };
    const readings = [{ requestsPerSecond, ...rest }];
    return [{ name, target, connections, readings, idleRssBytes: 1, peakRssBytes: 1, complaint: undefined }];
  });
  return { work: deleteAll, cases };
}

const run: Results = {
  date: '2026-01-01',
  command: 'npm run bench',
  rounds: 1,
  seconds: 1,
  machine: { processor: 'any', cores: 2, memoryGigabytes: 1, system: 'any', node: 'any' },
  generator: 'any',
  isPinned: true,
  versions: [],
  asked: ['delete-all'],
  works: [deletes({ raw: 10_000, bare: 12_000, facade: 9_000, mercurius: 8_000 })],
  startup: undefined,
  stream: undefined,
  failures: [],
};

describe('the document of the bench', () => {
  it('checks each goal by the figures of the run, and skips goals of works that did not run', () => {
    const verdicts = judgeGoals(run).map(({ goal, figure, verdict }) => [goal.bound, figure, verdict]);
    expect(verdicts).toEqual([
      [0.8, 0.9, 'met'],
      [0.85, 0.75, 'not met'],
      [1.2, 1.125, 'not met'],
      [4, undefined, 'not measured'],
      [8, undefined, 'not measured'],
      [1, 1, 'met'],
    ]);
  });

  it('leads with the deletes a second of each server, the fastest first, and ends with the goals', () => {
    const [head = '', ...sections] = writeMarkdown(run).split(/^## /m);
    expect(head).toContain('**9,000 engagements a second');
    const rates = [...head.matchAll(/^\| \D+ \| ([\d,]+) \|/gm)].map(([, rate]) => rate);
    expect(rates).toEqual(['12,000', '10,000', '9,000', '8,000']);
    expect(sections.at(-1)).toMatch(/^Goals\n/);
  });
});

it.each([[[]], [['--alone']]])(
  'a whole run of the bench with the options %j is expected to take 12 minutes at most',
  (args) => {
    expect(expectedSeconds(parseOptions(args))).toBeLessThanOrEqual(12 * 60);
  },
);
