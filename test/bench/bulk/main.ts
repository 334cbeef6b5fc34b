import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../machine.ts';
import { type Quartiles, quartilesOf } from '../statistics.ts';
import { type JobFigures, runJob } from './job.ts';
import { limitedHeading, measureLimited } from './limits.ts';

/*
 * `npm run bench:bulk`: how bulk deletes scale with servers, how fast they are within Truto's limits, and how much memory a large one
 * takes. Writes docs/benchmarks-bulk.md. The defaults are `-- --rounds 3 --count 20000 --large 1000000 --limited 270`. With `--only-limited`,
 * only the last section of the document, about limits, is measured and written.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '20000' },
    large: { type: 'string', default: '1000000' },
    limited: { type: 'string', default: '270' },
    'only-limited': { type: 'boolean', default: false },
  },
});
const [rounds, count, large] = [Number(values.rounds), Number(values.count), Number(values.large)];
const workerCounts = [1, 2, 4];
/** How long upstream takes: like a near API, and like a far one behind a slow provider. */
const delaysMs = [20, 200] as const;
const print = (line: string) => void process.stdout.write(`${line}\n`);

const whole = (figure: number) => Math.round(figure).toLocaleString('en');

const ratio = (figure: number) => figure.toFixed(2);

/** A figure with its quartiles. */
function spread({ lower, median, upper }: Quartiles, write: (figure: number) => string): string {
  return `${write(median)} (${write(lower)}–${write(upper)})`;
}

const documentUrl = new URL('../../../docs/benchmarks-bulk.md', import.meta.url);

if (values['only-limited']) {
  const [others = ''] = (await readFile(documentUrl, 'utf8')).split(limitedHeading);
  await writeFile(documentUrl, `${others.trimEnd()}\n\n${await measureLimited(Number(values.limited))}`);
  process.exit();
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
const document = `# Benchmarks of bulk deletes

Written by \`npm run bench:bulk\`. ${new Date().toISOString().slice(0, 10)}, ${processor}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}.

## How it is measured

- Each row is a bulk delete by a filter.
- Servers run as users run them (\`src/main.ts\`, passthrough), with \`TRUTO_RATE_LIMITS=0\`. The one Redis writes each change to its disk before it
  confirms it (\`appendfsync always\`). The upstream has no limits and answers a delete after ${delaysMs.join(' or ')} ms.
- Servers, Redis, upstream and the bench share the ${cores} cores.
- The rate counts deletes, from the end of the list to the end of the bulk delete.
- A cell is the median of ${rounds} rounds with its quartiles. Ratios are computed within a round.

${delaysMs
  .map(
    (delayMs) => `## An upstream that takes ${delayMs} ms

| servers | deletes a second | against one |
| --- | --- | --- |
${table(delayMs)}`,
  )
  .join('\n\n')}

A server has at most 100 deletes of an account in flight, and 512 requests of all accounts together. More speed needs more processor cores, which everything
shares here. Within Truto's own limits, a single account gets 4 deletes a second: 50 requests in 10 s, less a fifth for interactive requests.
Several servers share the work of many accounts, and replace each other after a crash.

## ${whole(large)} engagements, two servers

Upstream answers immediately. Engagements are listed at ${whole(one.listedPerSecond)} a second and deleted at ${whole(one.deletedPerSecond)} a second. The table has the memory
of the larger server after each tenth of the deletes. *Live* is the heap after a full garbage collection. *Resident* is mostly memory that V8 has
not collected yet; V8 waits while the machine has free memory.

| | ${one.workerMegabytes.map((_, index) => `${(index + 1) * 10} %`).join(' | ')} |
| --- | ${one.workerMegabytes.map(() => '---').join(' | ')} |
| live | ${one.workerMegabytes.map(({ live }) => `${live} MB`).join(' | ')} |
| resident | ${one.workerMegabytes.map(({ resident }) => `${resident} MB`).join(' | ')} |

Redis holds ${one.redisMegabytes} MB at the end: the ids, and the outcome of each.

${await measureLimited(Number(values.limited))}`;
await writeFile(documentUrl, document);
print(document);
