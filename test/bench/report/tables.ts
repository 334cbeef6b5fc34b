import type { CaseResult, WorkResult } from '../measure.ts';
import type { Results } from '../results.ts';
import type { Quartiles } from '../statistics.ts';
import { straight } from '../works/latency.ts';
import type { StartupResult } from '../works/startup.ts';
import { addedP50Ms, findCase, paired, quartiles, rateRatio } from './figures.ts';
import { judgeGoals } from './goals.ts';

const megabyte = 1024 * 1024;
const shownComplaint = 160;

/** A number with about three digits that say something. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function withQuartiles(figures: Quartiles | undefined): string {
  return figures ? `${shown(figures.median)} (${shown(figures.lower)}–${shown(figures.upper)})` : '–';
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : String(Math.round(bytes / megabyte));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** What keeps a row from counting, on one line. */
function shortComplaint(complaint: string): string {
  return complaint.replace(/\s+/g, ' ').slice(0, shownComplaint);
}

const head = [
  'requests/s',
  'ratio',
  'CPU µs/request',
  'p50 ms',
  'p99 ms',
  'upstream requests',
  'RSS idle, load, peak MB',
];

function rowOf(each: CaseResult, base: CaseResult | undefined, isLatency: boolean): readonly string[] {
  if (each.complaint !== undefined || each.readings.length === 0) {
    const why = each.complaint ?? 'not asked for';
    return [each.name, `not counted: ${shortComplaint(why)}`, ...head.slice(1).map(() => '')];
  }
  const failures = each.readings.reduce((sum, { failureCount }) => sum + failureCount, 0);
  const ratio = base && paired(each, base, isLatency ? addedP50Ms : rateRatio);
  const load = quartiles(each, ({ rssBytes }) => rssBytes)?.median;
  return [
    failures === 0 ? each.name : `${each.name} (${failures.toLocaleString('en')} failures)`,
    withQuartiles(quartiles(each, ({ requestsPerSecond }) => requestsPerSecond)),
    withQuartiles(ratio),
    withQuartiles(quartiles(each, ({ cpuUs }) => cpuUs)),
    shown(quartiles(each, ({ p50Ms }) => p50Ms)?.median ?? Number.NaN),
    shown(quartiles(each, ({ p99Ms }) => p99Ms)?.median ?? Number.NaN),
    shown(quartiles(each, ({ upstreamRequests }) => upstreamRequests)?.median ?? Number.NaN),
    each.target === undefined ? '–' : [each.idleRssBytes, load, each.peakRssBytes].map(megabytes).join(', '),
  ];
}

/** A work's figures: medians, and quartiles in parentheses. */
export function workTable(result: WorkResult): string {
  const base = findCase(result, result.work.base);
  const isLatency = result.work.base === straight;
  const titles = isLatency ? head.map((title) => (title === 'ratio' ? 'added p50 ms' : title)) : head;
  return table(
    ['', ...titles],
    result.cases.map((each) => rowOf(each, base, isLatency)),
  );
}

/** How long starts take. */
export function startupTable(startup: readonly StartupResult[]): string {
  const rows = startup.map(({ name, startedInMs, complaint }) => [
    name,
    complaint === undefined ? withQuartiles(startedInMs) : `not counted: ${shortComplaint(complaint)}`,
  ]);
  return table(['', 'ms'], rows);
}

/** The goals, each with its figure and whether it is met. */
export function goalTable(results: Results): string {
  const rows = judgeGoals(results).map(({ goal, figure, verdict }) => {
    const { what, bound, isUpperBound, stretch, unit } = goal;
    const limit = `${isUpperBound ? '≤' : '≥'} ${bound}${stretch === undefined ? '' : ` (stretch ${stretch})`} ${unit}`;
    const value = figure === undefined ? '–' : `${shown(figure)} ${unit}`;
    return [what, limit.trim(), value.trim(), verdict];
  });
  return table(['', 'goal', 'figure', ''], rows);
}
