import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { installPackages } from '../support/install-packages.ts';
import { type Options, parseOptions } from './options.ts';
import { drawChart } from './report/chart.ts';
import { writeMarkdown } from './report/markdown.ts';
import { run } from './run.ts';
import { runSmoke } from './smoke.ts';
import { targets } from './targets/targets.ts';

/**
 * The bench. `npm run bench` compares the facade with its peers and writes docs/benchmarks.md with its picture;
 * `npm run bench -- --alone` measures the facade by itself and writes docs/benchmarks-alone.md. A run of chosen works or
 * targets, and one with a failure, writes into test/bench/results instead. All options are in options.ts.
 */

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const print = (line: string) => void process.stdout.write(`${line}\n`);

async function write(options: Options, args: readonly string[]): Promise<void> {
  if (targets.some(({ name, isPeer }) => isPeer && options.targets.includes(name))) installPackages(path('.'));
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const results = await run(options, command, print);
  const document = writeMarkdown(results);
  print(`\n${document}`);
  const { wholeDocument } = options;
  const isComplete = wholeDocument !== undefined && results.failures.length === 0;
  const folder = isComplete ? path('../../docs') : path('results');
  const file = `${folder}/${wholeDocument ?? 'benchmarks'}.md`;
  await mkdir(`${folder}/images`, { recursive: true });
  await mkdir(path('results'), { recursive: true });
  await writeFile(path('results/results.json'), JSON.stringify(results, null, 2));
  await writeFile(file, document);
  const deletes = results.works.find(({ work }) => work.name === 'delete-all');
  if (deletes) await writeFile(`${folder}/images/benchmarks.svg`, drawChart(deletes));
  for (const failure of results.failures) print(`FAILED ${failure}`);
  if (results.failures.length > 0) process.exitCode = 1;
  print(`Written to ${file}`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    print(`Ended by ${signal}; all figures are lost.`);
    // Leaving so is what ends the servers.
    process.exit(1);
  });
}

const args = process.argv.slice(2);
const options = parseOptions(args);
if (options.isSmoke) {
  const complaints = await runSmoke(print);
  for (const complaint of complaints) print(`WRONG ${complaint}`);
  print(complaints.length === 0 ? 'Every answer was right.' : `${complaints.length} wrong.`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} else {
  await write(options, args);
}
