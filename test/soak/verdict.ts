import type { DeleteLog } from './delete-log.ts';
import type { Entry } from './ledger.ts';
import type { SoakResult } from './run-soak.ts';

/** Fewer deletes are over before the heap has settled: code is still being compiled. */
const deletesToJudgeHeap = 200_000;
const maxHeapSlopePercent = 1;

/** Of each kind of contradiction, so many are shown. */
const shownEntries = 5;
const shownComplaints = 5;

/** An entry, and what the facade's log says of its engagement. */
function show({ target, operation, answer, executed }: Entry, deleteLog: DeleteLog): string {
  const entry = JSON.stringify({ ...target, operation, ...answer, executed });
  return [entry, ...deleteLog.of(target).texts].join('\n    ');
}

function showAll(what: string, count: number, shown: readonly string[]): string {
  return [`${count} ${what}`, ...shown].join('\n  ');
}

function isHeapGrowing({ idle, heapSlopePercent }: SoakResult): boolean {
  return idle.operations >= deletesToJudgeHeap && !(heapSlopePercent <= maxHeapSlopePercent);
}

/** The promises that the facade broke in a soak, each with what shows it; none when all is well. */
export function brokenPromises(result: SoakResult): readonly string[] {
  const { comparison, complaints, exitCode, leftOpen, deleteLog, heapSlopePercent } = result;
  const contradictions = [...comparison.contradictions].map(([what, entries]) => {
    const shown = entries.slice(0, shownEntries).map((entry) => show(entry, deleteLog));
    return showAll(what, entries.length, shown);
  });
  const { sandboxConnections, sockets } = leftOpen;
  return [
    ...contradictions,
    ...(complaints.length > 0
      ? [showAll('warnings or errors were printed', complaints.length, complaints.slice(0, shownComplaints))]
      : []),
    ...(exitCode === 0 ? [] : [`the facade ended with code ${exitCode}`]),
    ...(sandboxConnections > 0 ? [`${sandboxConnections} connections to the sandbox stayed open`] : []),
    ...(sockets > 0 ? [`${sockets} sockets stayed in use`] : []),
    ...(isHeapGrowing(result) ? [`the heap grows by ${heapSlopePercent.toFixed(2)} % in 100,000 deletes`] : []),
  ];
}
