import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../machine.ts';
import { type Quartiles, quartilesOf } from '../statistics.ts';
import { type JobFigures, runJob } from './job.ts';

/*
 * `npm run bench:bulk`: how bulk deletes scale with servers, and what a large one takes of memory. Writes docs/benchmarks-bulk.md.
 * `-- --rounds 3 --count 20000 --large 1000000` is what it does without.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '20000' },
    large: { type: 'string', default: '1000000' },
  },
});
const [rounds, count, large] = [Number(values.rounds), Number(values.count), Number(values.large)];
const workerCounts = [1, 2, 4];
/** How long upstream takes: as a near API does, and as a far one behind a slow provider. */
const delaysMs = [20, 200] as const;
const print = (line: string) => void process.stdout.write(`${line}\n`);

const whole = (figure: number) => Math.round(figure).toLocaleString('en');

const ratio = (figure: number) => figure.toFixed(2);

/** A figure with its quartiles. */
function spread({ lower, median, upper }: Quartiles, write: (figure: number) => string): string {
  return `${write(median)} (${write(lower)}–${write(upper)})`;
}

interface Row {
  readonly workers: number;
  readonly delayMs: number;
  readonly figures: JobFigures[];
}

const rows: readonly Row[] = delaysMs.flatMap((delayMs) =>
  workerCounts.map((workers) => ({ workers, delayMs, figures: [] })),
);
for (let round = 1; round <= rounds; round += 1) {
  for (const { workers, delayMs, figures } of rows) {
    const run = await runJob({ workers, delayMs, count: delayMs > 100 ? count / 4 : count });
    figures.push(run);
    print(`round ${round}, ${workers} servers, ${delayMs} ms: ${whole(run.deletedPerSecond)} deletes a second`);
  }
}

function table(delayMs: number): string {
  const ofThis = rows.filter((row) => row.delayMs === delayMs);
  const alone = ofThis[0]?.figures ?? [];
  return ofThis
    .map(({ workers, figures }) => {
      const rates = figures.map(({ deletedPerSecond }) => deletedPerSecond);
      const ratios = rates.map((rate, round) => rate / (alone[round]?.deletedPerSecond ?? Number.NaN));
      return `| ${workers} | ${spread(quartilesOf(rates), whole)} | ${spread(quartilesOf(ratios), ratio)} |`;
    })
    .join('\n');
}

print(`one of ${whole(large)}, two workers`);
const one = await runJob({ workers: 2, count: large, delayMs: 0 });
const { processor, cores, memoryGigabytes, system, node } = describeMachine();
const document = `# Bulk deletes

Written by \`npm run bench:bulk\`. ${new Date().toISOString().slice(0, 10)}, ${processor}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}.

## How it is measured

Each row is a bulk delete by a filter: servers as users run them (\`src/main.ts\`, passthrough, TRUTO_RATE_LIMITS=0), one Redis that
writes each change to its disk before it says so (\`appendfsync always\`), and an upstream without limits that answers a delete
after ${delaysMs.join(' or ')} ms. Servers, Redis, upstream and the bench share the ${cores} cores. The rate is that of the deletes, from the end of the list to the end of
all; a cell is the median of ${rounds} rounds with its quartiles, ratios are taken within a round.

${delaysMs
  .map(
    (delayMs) => `## An upstream that takes ${delayMs} ms

| servers | deletes a second | against one |
| --- | --- | --- |
${table(delayMs)}`,
  )
  .join('\n\n')}

A server sends 100 deletes of an account at a time, all of them together 256: beyond that it is the processors that all of this shares.
At Truto's own limits a single account gets 4 a second (50 requests in 10 seconds, less what is left for those who wait): servers
share the work of many accounts, and outlive each other.

## ${whole(large)} engagements, two servers

Upstream answers at once. Listed at ${whole(one.listedPerSecond)} a second, deleted at ${whole(one.deletedPerSecond)} a second. Memory of the larger of both servers, when so
much was deleted: what lives after a collection of the whole heap, and what is resident, which is for the most part what V8 has not collected yet
(it takes its time where the machine has memory).

| | ${one.workerMegabytes.map((_, index) => `${(index + 1) * 10} %`).join(' | ')} |
| --- | ${one.workerMegabytes.map(() => '---').join(' | ')} |
| live | ${one.workerMegabytes.map(({ live }) => `${live} MB`).join(' | ')} |
| resident | ${one.workerMegabytes.map(({ resident }) => `${resident} MB`).join(' | ')} |

Redis holds ${one.redisMegabytes} MB at the end: the ids, and what became of each.
`;
await writeFile(fileURLToPath(new URL('../../../docs/benchmarks-bulk.md', import.meta.url)), document);
print(document);
