import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSetting } from '../support/bulk-setting.ts';
import {
  installPrometheus,
  installTimeoutMs,
  type PrometheusServer,
  startPrometheus,
} from '../support/prometheus-server.ts';
import { fillIn, panelExpressions, readRuleFile } from './observability.ts';
import { sendTraffic, trafficEnv } from './traffic.ts';

interface LoadedRule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
}

interface Alert {
  readonly state: string;
  readonly annotations: Readonly<Record<string, string>>;
}

describe('a real Prometheus with the configuration of deploy/', () => {
  const stack = new AsyncDisposableStack();
  let prometheus: PrometheusServer;
  let deleteCount: number;
  beforeAll(async () => {
    installPrometheus();
    const { facade } = stack.use(await startSetting({}, { ...trafficEnv, METRICS_PORT: '0' }));
    prometheus = stack.use(await startPrometheus(new URL(facade.metricsUrl ?? '').host));
    // It has to have seen the server before anything happens there: that is what the alerts are for.
    await vi.waitFor(async () => expect(await countDeletes()).toEqual([{ metric: {}, value: 0 }]), 10_000);
    deleteCount = await sendTraffic(facade);
  }, installTimeoutMs);
  afterAll(() => stack.disposeAsync());

  const countDeletes = () => prometheus.query('sum(engagements_deletes_total)');
  const loadedRules = async () =>
    (await prometheus.ask<{ groups: { rules: LoadedRule[] }[] }>('rules')).groups.flatMap(({ rules }) => rules);

  it('scrapes a running server, and counts the deletes that were made', async () => {
    const up = { metric: expect.objectContaining({ job: 'engagements' }), value: 1 };
    await expect.poll(() => prometheus.query('up')).toEqual([up]);
    expect(deleteCount).toBeGreaterThan(5);
    await expect.poll(countDeletes).toEqual([{ metric: {}, value: deleteCount }]);
  });

  it('evaluates every alert without an error', async () => {
    const names = readRuleFile().groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const seen = async () => (await loadedRules()).map(({ name, health }) => [name, health]);
    await expect.poll(seen).toEqual(names.map((name) => [name, 'ok']));
  });

  it('fires for the first delete of unknown outcome, and is quiet about the rest', async () => {
    const firing = async () => (await loadedRules()).filter(({ state }) => state === 'firing').map(({ name }) => name);
    await expect.poll(firing).toEqual(['EngagementsDeletesOfUnknownOutcome']);
    const { alerts } = await prometheus.ask<{ alerts: Alert[] }>('alerts');
    expect(alerts.filter(({ state }) => state === 'firing').map(({ annotations }) => annotations.summary)).toEqual([
      'Deletes in Capsule have an unknown outcome',
    ]);
  });

  it.each(panelExpressions())('has data for the panel "%s": %s', async (_title, expression) => {
    await expect.poll(async () => (await prometheus.query(fillIn(expression))).length).toBeGreaterThan(0);
  });

  it('refuses an expression that is none', async () => {
    await expect(prometheus.query('sum by (')).rejects.toThrow(/parse error/);
  });
});
