import { describe, expect, it } from 'vitest';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import type { Reported } from './soak/answer.ts';
import { DeleteLog } from './soak/delete-log.ts';
import { type Contradiction, type Entry, Ledger, type Truth } from './soak/ledger.ts';
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
  it('of 5,000 deletes with 5 % faults of every kind, each has a correct result, and nothing stays open', async () => {
    const result = await runSoak({ deletes: 5_000, seed: 'five thousand' });
    summarize('5,000 deletes, 5 % faults', result);
    // Too short to judge by: code is still being compiled.
    process.stdout.write(`heap growth in 100,000 deletes: ${result.heapSlopePercent.toFixed(1)} %\n`);
    expect(brokenPromises(result)).toEqual([]);
    expect([...result.strikes.keys()].sort()).toEqual(sandboxFaults.map(({ name }) => name).sort());
    expect(result.comparison.counts.deleted.gone).toBeGreaterThan(4_500);
  }, 240_000);

  it('each delete has a correct result even when every other answer is a fault', async () => {
    const result = await runSoak({ deletes: 1_000, faultPercent: 50, seed: 'h2' });
    summarize('1,000 deletes, 50 % faults', result);
    expect(brokenPromises(result)).toEqual([]);
  }, 240_000);
});

const lineless: Contradiction = 'executed without a line in the log, or with too many';
const unlogged: Contradiction = 'sent more often than the log says';

describe("the soak's ledger", () => {
  const target: Target = { id: '7', account: 'a', type: null };
  const once = { least: 1, most: 1 };

  function compare(reported: Reported, truth: Partial<Truth>, executed: Entry['executed'] = once) {
    const ledger = new Ledger();
    ledger.record({
      target,
      operation: 'plain',
      executed,
      answer: { reported, result: '', detail: '', retrySafe: false },
    });
    const usual = { wasDeleted: true, deletesUpstream: 1, logLines: 1, attemptsLogged: 1 };
    return ledger.compare(() => ({ ...usual, ...truth }));
  }

  it.each<[Reported, boolean, readonly Contradiction[]]>([
    ['deleted', true, []],
    ['deleted', false, ['reported deleted but present']],
    ['not deleted', true, ['reported not deleted but gone']],
    ['not deleted', false, []],
    ['unknown', true, []],
    ['unknown', false, []],
    ['nothing', true, ['reported nothing']],
    ['nothing', false, ['reported nothing']],
    ['left', true, []],
    ['left', false, []],
  ])('reported %s, really gone: %s', (reported, wasDeleted, expected) => {
    const { contradictions, counts } = compare(reported, { wasDeleted });
    expect([...contradictions.keys()]).toEqual(expected);
    expect(counts[reported][wasDeleted ? 'gone' : 'present']).toBe(1);
  });

  const maybeOnce = { least: 0, most: 1 };
  it.each<[string, Partial<Truth>, Entry['executed'], readonly Contradiction[]]>([
    ['once, with a line', {}, once, []],
    ['once, without a line', { logLines: 0 }, once, [lineless]],
    ['once, with two lines', { logLines: 2 }, once, [lineless]],
    ['perhaps, without a line', { logLines: 0, deletesUpstream: 0 }, maybeOnce, []],
    ['perhaps, without a line, and upstream got it', { logLines: 0 }, maybeOnce, [lineless]],
    ['twice, with a line', {}, { least: 2, most: 2 }, [lineless]],
    ['once, and attempted again', { attemptsLogged: 2 }, once, []],
    ['once, and upstream got more than was attempted', { deletesUpstream: 2 }, once, [unlogged]],
  ])('executed %s', (_what, truth, executed, expected) => {
    expect([...compare('deleted', truth, executed).contradictions.keys()]).toEqual(expected);
  });

  it('shows wrong results, with their log lines', () => {
    const deleteLog = new DeleteLog(true);
    const line =
      '{"integratedAccountId":"a","engagementId":"7","attempts":1,"result":"RateLimitedError","msg":"delete"}';
    expect([line, '{"msg":"listening"}'].map((text) => deleteLog.take(text))).toEqual([true, false]);
    const sample = { heapUsedBytes: 0, rssBytes: 0, sockets: 0, timers: 0, sandboxConnections: 0, seconds: 1 };
    const result: SoakResult = {
      comparison: compare('not deleted', {}),
      deleteLog,
      operationKinds: new Map(),
      samples: [],
      idle: { ...sample, operations: 200_000 },
      strikes: new Map(),
      attempts: [],
      refusals: 0,
      heapSlopePercent: 1.5,
      complaints: ['a warning'],
      exitCode: 1,
      leftOpen: { sockets: 1, sandboxConnections: 2 },
    };
    const entry = { ...target, operation: 'plain', reported: 'not deleted', result: '', detail: '', retrySafe: false };
    expect(brokenPromises(result)).toEqual([
      `1 reported not deleted but gone\n  ${JSON.stringify({ ...entry, executed: once })}\n    ${line}`,
      '1 warnings or errors were printed\n  a warning',
      'the facade ended with code 1',
      '2 connections to the sandbox stayed open',
      '1 sockets stayed in use',
      'the heap grows by 1.50 % in 100,000 deletes',
    ]);
    const inCI = { ...result, idle: { ...sample, operations: 5_000 } };
    expect(brokenPromises(inCI)).not.toContainEqual(expect.stringContaining('heap'));
  });

  it('measures growth in percent of the mean', () => {
    const points = [0, 1, 2, 3, 4].map((step) => ({ operations: step * 50_000, value: 90 + step * 5 }));
    expect(slopePercent(points)).toBeCloseTo(10);
    expect(slopePercent(points.map(({ operations }) => ({ operations, value: 40 })))).toBe(0);
  });
});
