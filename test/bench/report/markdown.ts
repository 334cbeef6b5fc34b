import type { Results } from '../results.ts';
import { startupWork } from '../works/startup.ts';
import { streamWork } from '../works/stream.ts';
import { goalTable, startupTable, workTable } from './tables.ts';

const megabyte = 1024 * 1024;

/** One line, however its source is wrapped. */
const flow = (text: string) => text.replace(/\s*\n\s*/g, ' ');

function section(
  what: { readonly title: string; readonly equal: string; readonly differs: string },
  body: string,
): string {
  return [`## ${what.title}`, `Alike: ${flow(what.equal)}`, `Different: ${flow(what.differs)}`, body].join('\n\n');
}

function method({ rounds, seconds, isPinned, generator }: Results): string {
  const pinned = isPinned
    ? 'The server that is measured has core 0; the load, upstream and this program share core 1.'
    : 'Nothing is pinned to a core here: servers and load compete, and figures say less.';
  return flow(`Servers run side by side, all with NODE_ENV=production, over an upstream of bare sockets that answers at once.
${pinned} The load is made by ${generator}. Each table has ${rounds} rounds of ${seconds} s for each row, in a new random
order every round, after 3,000 requests (or 10 s of them) that do not count. Figures are medians over the rounds, with the lower and upper quartile in
parentheses; a ratio is taken within each round, so that a noisy moment strikes both sides of it, and only then are the
ratios' quartiles taken. CPU time is that of the server's processes. A row counts only if the server's answers, as parsed
JSON, are deeply equal to the expected ones before and after. The facade runs as users run it, \`src/main.ts\` with all its
plugins, in passthrough mode, its log written to a file; only TRUTO_RATE_LIMITS is 0, since 50 requests in 10 seconds
would else be all there is to measure.`);
}

function machine({ machine: { processor, cores, memoryGigabytes, system, node }, date }: Results): string {
  return `${date}, ${processor}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}.`;
}

function streamSection({ stream }: Results): readonly string[] {
  if (!stream) return [];
  const { bodyBytes, deliveredBytes, grownBytes, pulledAsleepBytes } = stream;
  const megabytes = (bytes: number) => `${Math.round(bytes / megabyte)} MB`;
  const grown = grownBytes === undefined ? 'an unknown amount' : megabytes(grownBytes);
  const body = `${megabytes(deliveredBytes)} of ${megabytes(bodyBytes)} were delivered; the server's peak grew by ${grown};
${megabytes(pulledAsleepBytes)} were taken from upstream while the client slept.`;
  return [section(streamWork, flow(body))];
}

/** The results as a document. */
export function writeMarkdown(results: Results): string {
  const { works, startup, versions, command } = results;
  return `${[
    '# Benchmarks',
    `Written by \`${command}\`. ${machine(results)}`,
    '![Deletes per second against the raw POST proxy](images/benchmarks.svg)',
    '## Goals',
    goalTable(results),
    'Where the time goes, and why goals are not met: [ADR 10](adr/0010-prepared-operations.md).',
    '## How it is measured',
    method(results),
    ...works.map((result) => section(result.work, workTable(result))),
    ...(startup ? [section(startupWork, startupTable(startup))] : []),
    ...streamSection(results),
    'Bulk deletes have a page of their own: [benchmarks-bulk.md](benchmarks-bulk.md).',
    '## Versions',
    versions.join(', '),
  ].join('\n\n')}\n`;
}
