import { parseArgs } from 'node:util';
import { maxCpuRatio, measureCosts, measureCrowds } from './measure-costs.ts';

/** Hostile requests by themselves: `npm run soak:hostile -- --requests 20000 --seed 7`; 1 when one was too dear. */

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const { requests, seed } = values;
process.stdout.write(`${requests} hostile requests, seed ${seed}\n`);
const startMs = performance.now();
const result = await measureCosts(Number(requests), Number(seed), (sent) => process.stdout.write(`  ${sent} sent\n`));

const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
process.stdout.write(
  `\nThe dearest kinds, in times of an ordinary delete (${result.ordinaryCpuMs.toFixed(2)} ms of processor time):\n`,
);
process.stdout.write('processor   loop  requests  kind\n');
for (const { kind, count, cpuRatio, loopRatio } of result.kinds.slice(0, 25))
  process.stdout.write(
    `${cpuRatio.toFixed(1).padStart(9)} ${loopRatio.toFixed(1).padStart(6)} ${String(count).padStart(9)}  ${kind}\n`,
  );
process.stdout.write(`
kinds               ${result.kinds.length}
most heap in use    ${mebibytes(result.maxHeapBytes)}
largest answer      ${mebibytes(result.maxAnswerBytes)}
longest log line    ${result.longestLogLine} characters
minutes             ${((performance.now() - startMs) / 60_000).toFixed(1)}
`);
process.stdout.write(
  result.tooDear.length === 0
    ? `None cost more than ${maxCpuRatio} ordinary deletes.\n`
    : `Too dear:\n${result.tooDear.join('\n')}\n`,
);

process.stdout.write('\nAn honest client, while others keep the server busy for 15 seconds:\n');
process.stdout.write('answered  failed  median ms  slowest ms  heap MiB  RSS MiB  connections\n');
for (const crowd of await measureCrowds()) {
  const { deletesAnswered, deletesFailed, medianMs, slowestMs, heapBytes, rssBytes, connectionCount, name } = crowd;
  const mebi = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
  const columns = [
    deletesAnswered,
    deletesFailed,
    medianMs.toFixed(1),
    slowestMs.toFixed(0),
    mebi(heapBytes),
    mebi(rssBytes),
  ];
  const widths = [8, 7, 10, 11, 9, 8];
  const cells = columns.map((value, index) => String(value).padStart(widths[index] ?? 0));
  process.stdout.write(`${cells.join(' ')}  ${connectionCount} ${name}\n`);
}

process.exitCode = result.tooDear.length === 0 ? 0 : 1;
