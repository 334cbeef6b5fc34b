import { parse } from 'yaml';
import { readText } from './checks.ts';

/** An alert of `deploy/prometheus/alerts.yaml`. */
export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The file of alerts, as far as it matters here. */
export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** A panel of the dashboard; a row has no targets. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

/** The dashboard, as far as it matters here. */
export interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

/** The alerts. */
export const readRuleFile = (): RuleFile => parse(readText('deploy/prometheus/alerts.yaml'));

/** The dashboard. */
export const readDashboard = (): Dashboard => JSON.parse(readText('deploy/grafana/dashboard.json'));

/** What Grafana puts in the place of its variables, for the job that the shipped configuration scrapes. */
export function fillIn(expression: string): string {
  return expression
    .replaceAll('$job', 'engagements')
    .replaceAll('$instance', '.+')
    .replaceAll('$__rate_interval', '30s')
    .replaceAll('$__range', '5m');
}

/** The expressions of the dashboard's panels with their titles. */
export const panelExpressions = (): readonly (readonly [title: string, expression: string])[] =>
  readDashboard().panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const));
