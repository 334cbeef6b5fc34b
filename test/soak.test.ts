import { describe, expect, it } from 'vitest';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import type { Answer, Told } from './soak/answer.ts';
import { Ledger } from './soak/ledger.ts';
import { runSoak, type SoakResult } from './soak/run-soak.ts';
import { slopePercent } from './soak/slope.ts';
import type { Target } from './soak/targets.ts';
import { brokenPromises } from './soak/verdict.ts';

function summarize(what: string, { comparison, idle }: SoakResult): void {
  const rate = (idle.operations / idle.seconds).toFixed(0);
  const results = comparison.results.slice(0, 6).map(([result, count]) => `${result} ${count}`);
  process.stdout.write(`${what}: ${rate} deletes a second; ${results.join(', ')}\n`);
}

describe('R17 in a soak', () => {
  it('of 5,000 deletes with 5 % faults of every kind, every caller is told the truth, and nothing stays open', async () => {
    const result = await runSoak({ deletes: 5_000, seed: 'five thousand' });
    summarize('5,000 deletes, 5 % faults', result);
    // Too short to judge by: code is still being compiled.
    process.stdout.write(`heap growth in 100,000 deletes: ${result.heapSlopePercent.toFixed(1)} %\n`);
    expect(brokenPromises(result)).toEqual([]);
    expect([...result.strikes.keys()].sort()).toEqual(sandboxFaults.map(({ name }) => name).sort());
    expect(result.comparison.counts.deleted.gone).toBeGreaterThan(4_500);
    expect(result.deleteLines).toBeGreaterThan(4_900);
  }, 240_000);

  it('every caller is told the truth even when every other answer is a fault', async () => {
    const result = await runSoak({ deletes: 1_000, faultPercent: 50, seed: 'h2' });
    summarize('1,000 deletes, 50 % faults', result);
    expect(brokenPromises(result)).toEqual([]);
  }, 240_000);
});

describe("the soak's ledger", () => {
  const target: Target = { id: '7', account: 'a', type: null };
  const answer = (told: Told): Answer => ({ told, result: '', detail: '', retrySafe: false });

  it.each([
    ['deleted', true, 0, 0],
    ['deleted', false, 1, 0],
    ['not deleted', true, 0, 1],
    ['not deleted', false, 0, 0],
    ['unknown', true, 0, 0],
    ['unknown', false, 0, 0],
  ] as const)('told %s, really gone: %s', (told, isGone, butPresent, butGone) => {
    const ledger = new Ledger();
    ledger.record({ target, operation: 'plain', answer: answer(told) });
    const { toldDeletedButPresent, toldNotDeletedButGone, counts } = ledger.compare(() => isGone);
    expect([toldDeletedButPresent.length, toldNotDeletedButGone.length]).toEqual([butPresent, butGone]);
    expect(counts[told][isGone ? 'gone' : 'present']).toBe(1);
  });

  it('measures growth in percent of the mean', () => {
    const points = [0, 1, 2, 3, 4].map((step) => ({ operations: step * 50_000, value: 90 + step * 5 }));
    expect(slopePercent(points)).toBeCloseTo(10);
    expect(slopePercent(points.map(({ operations }) => ({ operations, value: 40 })))).toBe(0);
  });
});
