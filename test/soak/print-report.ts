import type { Sample } from './load.ts';
import type { SoakResult } from './run-soak.ts';

const shownComplaints = 20;

const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);

function row(label: string, ...cells: readonly (string | number)[]): string {
  return `  ${label.padEnd(58)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
}

/** The head of the table whose rows {@link printSample} makes. */
export const sampleHead = row('deletes', 'seconds', 'heap MB', 'RSS MB', 'sockets', 'timers', 'upstream');

/** One sample as a row: what the facade holds, and its connections as the sandbox counts them. */
export function printSample(sample: Sample): string {
  const { operations, seconds, heapUsedBytes, rssBytes, sockets, timers, sandboxConnections } = sample;
  const memory = [megabytes(heapUsedBytes), megabytes(rssBytes)];
  return row(`${operations}`, seconds.toFixed(0), ...memory, sockets, timers, sandboxConnections);
}

/** Everything that a soak found out, for a person to read. */
export function printReport(result: SoakResult): string {
  const { comparison, operationKinds, strikes, attempts, idle, complaints } = result;
  const { counts } = comparison;
  const struck = [...strikes.values()].reduce((sum, count) => sum + count, 0);
  return [
    'operations',
    ...[...operationKinds].map(([name, count]) => row(name, count)),
    '',
    `faults that struck a delete: ${struck}`,
    ...[...strikes].sort(([left], [right]) => left.localeCompare(right)).map(([name, count]) => row(name, count)),
    '',
    'results that callers got',
    ...comparison.results.map(([result, count]) => row(result, count)),
    '',
    'deletes that the sandbox got for one engagement, including those that callers repeated',
    ...attempts.map((count, times) => row(`${times}`, count)),
    '',
    row('ledger: what callers got', 'gone', 'present'),
    ...Object.entries(counts).map(([reported, { gone, present }]) => row(`reported ${reported}`, gone, present)),
    '',
    'the facade',
    row('deletes per second', (idle.operations / idle.seconds).toFixed(0)),
    row('operations that it shed at first', result.refusals),
    row('log lines about a delete', result.deleteLog.lineCount),
    row('heap growth in 100,000 deletes, percent', result.heapSlopePercent.toFixed(2)),
    row('heap MB, RSS MB after the last answer', megabytes(idle.heapUsedBytes), megabytes(idle.rssBytes)),
    row('connections to the sandbox then', idle.sandboxConnections),
    row('connections to the sandbox a while later', result.leftOpen.sandboxConnections),
    row('sockets in use a while later', result.leftOpen.sockets),
    row('exit code', String(result.exitCode)),
    row('warnings and errors it printed', complaints.length),
    ...complaints.slice(0, shownComplaints).map((line) => `  ${line}`),
    '',
  ].join('\n');
}
