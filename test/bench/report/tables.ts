import type { CaseResult, WorkResult } from '../measure.ts';
import type { Results } from '../results.ts';
import type { Quartiles } from '../statistics.ts';
import type { Work } from '../work.ts';
import type { StartupResult } from '../works/startup.ts';
import { caseOfTarget, comparisons, findCase, paired, quartiles, rateRatio } from './figures.ts';
import { judgeGoals } from './goals.ts';

const megabyte = 1024 * 1024;
const shownComplaint = 160;

/** A number with about three significant digits. */
export function shown(value: number): string {
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

/** Why a row is not counted, on one line. */
function shortComplaint(complaint: string): string {
  return complaint.replace(/\s+/g, ' ').slice(0, shownComplaint);
}

const head = (comparison: string) => [
  'requests/s',
  comparison,
  'CPU µs/request',
  'p50 ms',
  'p99 ms',
  'upstream requests',
  'RSS idle, load, peak MB',
];

function rowOf(each: CaseResult, base: CaseResult | undefined, { comparison = 'rate' }: Work): readonly string[] {
  if (each.complaint !== undefined || each.readings.length === 0) {
    const why = each.complaint ?? 'not asked for';
    return [
      each.name,
      `not counted: ${shortComplaint(why)}`,
      ...head('')
        .slice(1)
        .map(() => ''),
    ];
  }
  const failures = each.readings.reduce((sum, { failureCount }) => sum + failureCount, 0);
  const ratio = base && paired(each, base, comparisons[comparison].combine);
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
  return table(
    ['', ...head(comparisons[result.work.comparison ?? 'rate'].title)],
    result.cases.map((each) => rowOf(each, base, result.work)),
  );
}

/** Deletes a second of each target, the fastest first, and the facade's rate divided by the target's. */
export function leadTable(result: WorkResult): string {
  const facade = caseOfTarget(result, 'facade');
  const rows = result.cases
    .flatMap(({ name }) => findCase(result, name) ?? [])
    .map((each) => ({ each, rate: quartiles(each, ({ requestsPerSecond }) => requestsPerSecond)?.median ?? 0 }))
    .toSorted((a, b) => b.rate - a.rate)
    .map(({ each, rate }) => [
      each === facade ? `**${each.name}**` : each.name,
      shown(Math.round(rate)),
      facade ? shown(paired(facade, each, rateRatio).median) : '–',
    ]);
  return table(['', 'deletes a second on one core', 'this facade against it'], rows);
}

/** How long starts take. */
export function startupTable(startup: readonly StartupResult[]): string {
  const rows = startup.map(({ name, startedInMs, complaint }) => [
    name,
    complaint === undefined ? withQuartiles(startedInMs) : `not counted: ${shortComplaint(complaint)}`,
  ]);
  return table(['', 'ms'], rows);
}

/** The goals of the works that were measured, each with its figure and whether it is met; empty when there is none. */
export function goalTable(results: Results): string {
  const judged = judgeGoals(results);
  if (judged.length === 0) return '';
  const rows = judged.map(({ goal, figure, verdict }) => {
    const { what, bound, isUpperBound, stretch, unit } = goal;
    const limit = `${isUpperBound ? '≤' : '≥'} ${bound}${stretch === undefined ? '' : ` (stretch ${stretch})`} ${unit}`;
    const value = figure === undefined ? '–' : `${shown(figure)} ${unit}`;
    return [what, limit.trim(), value.trim(), verdict];
  });
  return table(['', 'goal', 'this run', ''], rows);
}
