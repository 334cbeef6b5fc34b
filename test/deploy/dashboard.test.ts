import { beforeAll, describe, expect, it } from 'vitest';
import { finalOutcomes, pauseReasons } from '../../src/bulk/job.ts';
import { driftKinds } from '../../src/engagement/drift.ts';
import { type Setting, startSetting } from '../support/bulk-setting.ts';
import { readText } from './checks.ts';
import { panelExpressions, readDashboard, readRuleFile } from './observability.ts';
import { namesIn } from './promql.ts';
import { sendTraffic, trafficEnv } from './traffic.ts';

/** The metric and the labels that Prometheus adds to every scrape. */
const own = { metric: 'up', labels: ['job', 'instance'] };

/** The labels of every sample of a scrape, by the sample's name. */
async function scrapeLabels({ facade }: Setting): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const text = await (await fetch(`${facade.url}/metrics`)).text();
  const labels = new Map<string, Set<string>>([[own.metric, new Set()]]);
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffixes = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] }[type] ?? [''];
    for (const suffix of suffixes) labels.set(name + suffix, new Set());
  }
  for (const [, name = '', list = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm))
    for (const [, label = ''] of list.matchAll(/(\w+)="/g)) labels.get(name)?.add(label);
  return labels;
}

/** The values that a label can have, where they are few and known. */
function mayBe(label: string, value: string): boolean {
  const union =
    /^union DeleteEngagementResult =([^\n]*(?:\n {2}\|[^\n]*)*)/m.exec(readText('schema/schema.graphql'))?.[1] ?? '';
  const reasons = /^export type FailureReason =(.*?);/ms.exec(readText('src/upstream/attempt.ts'))?.[1] ?? '';
  const isOneOf = (values: readonly string[]) => values.includes(value);
  const isStatus = /^[1-5]\d\d$/.test(value);
  if (label === 'result') return union.split(/[\s|]+/).includes(value) || value === 'INTERNAL_SERVER_ERROR';
  if (label === 'reason') return reasons.includes(`'${value}'`) || isOneOf(pauseReasons);
  if (label === 'outcome') return isOneOf(finalOutcomes);
  if (label === 'kind') return isOneOf(driftKinds);
  if (label === 'end') return isStatus || reasons.includes(`'${value}'`);
  return label === 'status' ? isStatus : own.labels.includes(label);
}

describe('the expressions of dashboard and alerts', () => {
  let labels: Awaited<ReturnType<typeof scrapeLabels>>;
  let expressions: readonly (readonly [where: string, expression: string])[];
  beforeAll(async () => {
    await using setting = await startSetting({}, trafficEnv);
    await sendTraffic(setting.facade);
    labels = await scrapeLabels(setting);
    const rules = readRuleFile().groups.flatMap((group) => group.rules);
    const variables = readDashboard().templating.list.flatMap(({ name, definition = '' }) => {
      // label_values(selector, label): the label is one of the selector's.
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
      return selector === undefined ? [] : [[`variable ${name}`, `count by (${label}) (${selector})`] as const];
    });
    expressions = [...rules.map(({ alert, expr }) => [alert, expr] as const), ...panelExpressions(), ...variables];
  }, 120_000);

  it('can tell a metric that is not there, and a label that it has not', () => {
    expect([...(labels.get('engagements_deletes_total') ?? [])].sort()).toEqual(['integration', 'outcome', 'result']);
    expect(labels.has('engagements_delete_total')).toBe(false);
    const { selectors, groupedBy } = namesIn(
      'sum by (le, a) (rate(b_bucket{c="d|}", e=~"f|g"}[5m])) / 0.5e3 and on(h) i > 1',
    );
    expect(groupedBy).toEqual(['le', 'a', 'h']);
    expect(selectors).toEqual([
      { metric: 'b_bucket', labels: { c: ['d', '}'], e: ['f', 'g'] } },
      { metric: 'i', labels: {} },
    ]);
  });

  it('name only metrics that a running server has', () => {
    expect(expressions.length).toBeGreaterThan(30);
    for (const [where, expression] of expressions) {
      const metrics = namesIn(expression).selectors.map(({ metric }) => metric);
      expect([where, metrics.length > 0, metrics.filter((metric) => !labels.has(metric))]).toEqual([where, true, []]);
    }
  });

  it('ask only for labels that those metrics have, and for values that these can have', () => {
    for (const [where, expression] of expressions) {
      const { selectors, groupedBy } = namesIn(expression);
      for (const { metric, labels: wanted } of selectors) {
        const known = [...(labels.get(metric) ?? []), ...own.labels];
        const unknown = [...Object.keys(wanted), ...groupedBy].filter((label) => !known.includes(label));
        expect([where, metric, unknown]).toEqual([where, metric, []]);
      }
      const values = selectors.flatMap(({ labels: wanted }) =>
        Object.entries(wanted).flatMap(([label, list]) => list.map((value) => [label, value] as const)),
      );
      expect([where, values.filter(([label, value]) => !mayBe(label, value))]).toEqual([where, []]);
    }
  });

  it('show all of our metrics, and have the labels of the legends', () => {
    const shown = panelExpressions().flatMap(([, expression]) =>
      namesIn(expression).selectors.map(({ metric }) => metric),
    );
    const ours = [...labels.keys()].filter((name) => /^engagements_\w+(?<!_bucket|_sum|_count)$/.test(name));
    expect(ours.filter((name) => !shown.includes(name))).toEqual([]);
    for (const { title, targets = [] } of readDashboard().panels)
      for (const { expr, legendFormat } of targets) {
        const { selectors, groupedBy } = namesIn(expr);
        const kept =
          groupedBy.length > 0 ? groupedBy : [...own.labels, ...(labels.get(selectors[0]?.metric ?? '') ?? [])];
        const legend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        expect([title, legend.filter((label) => !kept.includes(label))]).toEqual([title, []]);
      }
  });
});

describe('deploy/grafana/dashboard.json', () => {
  const { panels, templating } = readDashboard();
  const charts = panels.filter(({ type }) => type !== 'row');

  it('has a description and a unit for each panel, and uses the chosen data source', () => {
    expect(charts.length).toBeGreaterThan(12);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
    for (const { title, description = '', datasource, fieldConfig, targets = [] } of charts) {
      expect([title, description.length > 40, datasource?.uid]).toEqual([title, true, '$' + '{datasource}']);
      expect(fieldConfig?.defaults.unit).toMatch(/^\w+$/);
      expect(targets.length).toBeGreaterThan(0);
    }
  });

  it('has the panels that alerts send their readers to', () => {
    const said = readRuleFile().groups.flatMap(({ rules }) =>
      rules.map(({ annotations }) => annotations.description ?? ''),
    );
    const named = said.flatMap((text) => [...text.matchAll(/(?<!:)"([A-Z][^"]*)"/g)].map(([, title]) => title));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !charts.some(({ title }) => title === name))).toEqual([]);
  });

  it('has no two panels under one number, name or place', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { x, w } of panels.map(({ gridPos }) => gridPos)) expect(x + w).toBeLessThanOrEqual(24);
  });
});
