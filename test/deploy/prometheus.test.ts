import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createFolder } from '../support/folder.ts';
import { installPrometheus, installTimeoutMs } from '../support/prometheus-server.ts';
import { runProgram } from '../support/run-program.ts';
import { type RuleFile, readRuleFile } from './observability.ts';

const shipped = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url));

const promtool = (folder: string, ...args: readonly string[]) => runProgram(['promtool', ...args], folder);

/** What promtool says of the shipped tests with other rules. */
async function testOther(rules: RuleFile) {
  using folder = createFolder();
  cpSync(shipped, folder.path, { recursive: true });
  // JSON is YAML.
  writeFileSync(join(folder.path, 'alerts.yaml'), JSON.stringify(rules));
  const ended = await promtool(folder.path, 'test', 'rules', 'alerts.test.yaml');
  return ended;
}

// promtool keeps a database for each of its tests: some seconds where others work too.
describe('deploy/prometheus', { timeout: 60_000 }, () => {
  const file = readRuleFile();
  const rules = file.groups.flatMap((group) => group.rules);
  beforeAll(installPrometheus, installTimeoutMs);

  it('has a configuration and rules that promtool finds no fault with', async () => {
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yaml'],
    ]) {
      const { code, output } = await promtool(shipped, ...args);
      expect([code, output]).toEqual([0, expect.stringContaining(`SUCCESS: ${rules.length} rules found`)]);
    }
    expect((await promtool(shipped, 'check', 'rules', 'prometheus.yml')).code).toBe(1);
    expect((await promtool(shipped, 'check', 'config', 'alerts.yaml')).code).toBe(1);
  });

  it('has alerts that fire when they should, and only then', async () => {
    const { code, output } = await promtool(shipped, 'test', 'rules', 'alerts.test.yaml');
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  it.each([
    ['never fires', 'vector(0) > 1', 'exp'],
    ['always does', 'vector(1)', 'got'],
  ])('would notice each alert that %s', async (_what, expr, said) => {
    const { code, output } = await testOther({
      groups: file.groups.map((group) => ({ ...group, rules: group.rules.map((rule) => ({ ...rule, expr })) })),
    });
    expect(code).toBe(1);
    const lines = output.split('\n').filter((line) => line.trim().startsWith(`${said}:`));
    const missed = rules.filter(({ alert }) => !lines.some((line) => line.includes(`alertname="${alert}"`)));
    expect([missed.map(({ alert }) => alert), output.slice(0, 2_000)]).toEqual([[], expect.any(String)]);
  });

  it('has the severity, the meaning and the action of each alert', () => {
    expect(rules.length).toBeGreaterThanOrEqual(10);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Engagements[A-Z]/);
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(Object.keys(annotations)).toEqual(['summary', 'description']);
      expect(annotations.summary?.length).toBeLessThan(100);
      // A sentence for each of the two.
      expect(annotations.description?.match(/[.:] [A-Z]/g)?.length, alert).toBeGreaterThanOrEqual(1);
    }
  });
});
